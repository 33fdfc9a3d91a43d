/*
 * Preloaded into a program, counts its calls at every boundary that a crash can fall on, and kills the process with
 * SIGKILL right before or right after the Nth call of one class. The count is one for the whole process, whatever
 * thread calls.
 *
 *   FERRY_CRASH_UNDER   only what happens below this absolute path counts (sockets count always)
 *   FERRY_CRASH_STORE   what happens below this path counts as the record store's
 *   FERRY_CRASH_TRACE   a file that gets one line for each call: class, tab, path
 *   FERRY_CRASH_POINT   CLASS:before:N or CLASS:after:N
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

enum call_class {
  CREATE, WRITE, TRUNCATE, SYNC, SYNC_FS, RENAME, LINK, UNLINK, MAKE_DIRECTORY, REMOVE_DIRECTORY, TIMES, MODE,
  STORE_NAME, STORE_WRITE, STORE_SYNC, STORE_RENAME, SEND, RECEIVE, CLASSES, NONE = CLASSES
};

static const char *const NAMES[CLASSES] = {
  "create", "write", "truncate", "sync", "sync-fs", "rename", "link", "unlink", "make-directory",
  "remove-directory", "times", "mode", "store-name", "store-write", "store-sync", "store-rename", "send", "receive"};

static atomic_long counts[CLASSES];
static const char *under, *store;
static int trace = -1;
static enum call_class kill_class = NONE;
static int kill_before;
static long kill_at;
static long (*real_syscall)(long, ...);

__attribute__((constructor)) static void set_up(void) {
  real_syscall = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  store = getenv("FERRY_CRASH_STORE");
  const char *point = getenv("FERRY_CRASH_POINT");
  const char *file = getenv("FERRY_CRASH_TRACE");
  if (file) trace = (int)real_syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  for (int each = 0; point && each < CLASSES; each++) {
    const size_t length = strlen(NAMES[each]);
    if (strncmp(point, NAMES[each], length) != 0 || point[length] != ':') continue;
    kill_class = each;
    kill_before = strncmp(point + length + 1, "before:", 7) == 0;
    kill_at = atol(strrchr(point, ':') + 1);
  }
  under = getenv("FERRY_CRASH_UNDER");
}

static int is_below(const char *path, const char *folder) {
  const size_t length = folder ? strlen(folder) : 0;
  return length > 0 && strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* Deleted files keep their path with a suffix, which does not matter here. */
static const char *path_of_fd(int fd, char *out) {
  char link[32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, out, PATH_MAX - 1);
  out[length < 0 ? 0 : length] = '\0';
  return out;
}

static const char too_long[] = "";

static const char *path_at(int directory, const char *path, char *out) {
  static const char self[] = "/proc/self/fd/";
  if (strncmp(path, self, sizeof self - 1) == 0) return path_of_fd(atoi(path + sizeof self - 1), out);
  if (*path == '/' || directory == AT_FDCWD) return path;
  char folder[PATH_MAX];
  const int length = snprintf(out, PATH_MAX, "%s/%s", path_of_fd(directory, folder), path);
  return length < PATH_MAX ? out : too_long;
}

struct step { enum call_class class; long number; };

static void die(void) {
  real_syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

static struct step enter(enum call_class class, const char *path) {
  struct step step = {class, atomic_fetch_add(&counts[class], 1) + 1};
  if (trace >= 0) {
    char line[PATH_MAX + 32];
    const int length = snprintf(line, sizeof line, "%s\t%s\n", NAMES[class], path);
    real_syscall(SYS_write, trace, line, length < (int)sizeof line ? length : (int)sizeof line);
  }
  if (kill_before && class == kill_class && step.number == kill_at) die();
  return step;
}

static struct step begin(enum call_class plain, enum call_class of_store, const char *path) {
  const struct step nothing = {NONE, 0};
  if (!under || !is_below(path, under)) return nothing;
  return enter(is_below(path, store) ? of_store : plain, path);
}

static void end(struct step step) {
  if (!kill_before && step.class != NONE && step.class == kill_class && step.number == kill_at) die();
}

static int is_tcp(int fd) {
  int domain = 0;
  socklen_t size = sizeof domain;
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && (domain == AF_INET || domain == AF_INET6);
}

#define REAL(result, name, ...) \
  static result (*real)(__VA_ARGS__); \
  if (!real) real = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

/* Runs CALL between the two places where the process may be killed. */
#define STEP(type, started, call) \
  const struct step here = started; \
  type result = call; \
  end(here); \
  return result

#define AT(directory, path) path_at(directory, path, buffer)
#define BUFFER char buffer[PATH_MAX]

/* Names */

static struct step creating(int directory, const char *path, uint64_t flags) {
  BUFFER;
  const struct step nothing = {NONE, 0};
  return flags & O_CREAT ? begin(CREATE, STORE_NAME, AT(directory, path)) : nothing;
}

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    REAL(int, #name, const char *, int, mode_t); \
    va_list rest; \
    va_start(rest, flags); \
    const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    STEP(int, creating(AT_FDCWD, path, flags), real(path, flags, mode)); \
  }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
  int name(int directory, const char *path, int flags, ...) { \
    REAL(int, #name, int, const char *, int, mode_t); \
    va_list rest; \
    va_start(rest, flags); \
    const mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    STEP(int, creating(directory, path, flags), real(directory, path, flags, mode)); \
  }
OPENAT(openat)
OPENAT(openat64)

/* LevelDB writes through stdio. */
FILE *fopen(const char *path, const char *mode) {
  REAL(FILE *, "fopen", const char *, const char *);
  STEP(FILE *, creating(AT_FDCWD, path, *mode == 'r' ? 0 : O_CREAT), real(path, mode));
}

int rename(const char *from, const char *to) {
  REAL(int, "rename", const char *, const char *);
  BUFFER;
  STEP(int, begin(RENAME, STORE_RENAME, AT(AT_FDCWD, to)), real(from, to));
}

int renameat(int from_directory, const char *from, int to_directory, const char *to) {
  REAL(int, "renameat", int, const char *, int, const char *);
  BUFFER;
  STEP(int, begin(RENAME, STORE_RENAME, AT(to_directory, to)), real(from_directory, from, to_directory, to));
}

int renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags) {
  REAL(int, "renameat2", int, const char *, int, const char *, unsigned);
  BUFFER;
  STEP(int, begin(RENAME, STORE_RENAME, AT(to_directory, to)), real(from_directory, from, to_directory, to, flags));
}

int link(const char *from, const char *to) {
  REAL(int, "link", const char *, const char *);
  BUFFER;
  STEP(int, begin(LINK, STORE_NAME, AT(AT_FDCWD, to)), real(from, to));
}

int linkat(int from_directory, const char *from, int to_directory, const char *to, int flags) {
  REAL(int, "linkat", int, const char *, int, const char *, int);
  BUFFER;
  STEP(int, begin(LINK, STORE_NAME, AT(to_directory, to)), real(from_directory, from, to_directory, to, flags));
}

int symlinkat(const char *target, int directory, const char *path) {
  REAL(int, "symlinkat", const char *, int, const char *);
  BUFFER;
  STEP(int, begin(LINK, STORE_NAME, AT(directory, path)), real(target, directory, path));
}

int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  BUFFER;
  STEP(int, begin(UNLINK, STORE_NAME, AT(AT_FDCWD, path)), real(path));
}

int unlinkat(int directory, const char *path, int flags) {
  REAL(int, "unlinkat", int, const char *, int);
  BUFFER;
  const enum call_class plain = flags & AT_REMOVEDIR ? REMOVE_DIRECTORY : UNLINK;
  STEP(int, begin(plain, STORE_NAME, AT(directory, path)), real(directory, path, flags));
}

int mkdir(const char *path, mode_t mode) {
  REAL(int, "mkdir", const char *, mode_t);
  BUFFER;
  STEP(int, begin(MAKE_DIRECTORY, STORE_NAME, AT(AT_FDCWD, path)), real(path, mode));
}

int mkdirat(int directory, const char *path, mode_t mode) {
  REAL(int, "mkdirat", int, const char *, mode_t);
  BUFFER;
  STEP(int, begin(MAKE_DIRECTORY, STORE_NAME, AT(directory, path)), real(directory, path, mode));
}

int rmdir(const char *path) {
  REAL(int, "rmdir", const char *);
  BUFFER;
  STEP(int, begin(REMOVE_DIRECTORY, STORE_NAME, AT(AT_FDCWD, path)), real(path));
}

/* Contents and what is known about them */

static struct step changing(int fd, enum call_class plain, enum call_class of_store) {
  BUFFER;
  return begin(plain, of_store, path_of_fd(fd, buffer));
}

static struct step writing(int fd) {
  return is_tcp(fd) ? enter(SEND, "") : changing(fd, WRITE, STORE_WRITE);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  REAL(ssize_t, "write", int, const void *, size_t);
  STEP(ssize_t, writing(fd), real(fd, bytes, length));
}

ssize_t writev(int fd, const struct iovec *pieces, int count) {
  REAL(ssize_t, "writev", int, const struct iovec *, int);
  STEP(ssize_t, writing(fd), real(fd, pieces, count));
}

int fflush_unlocked(FILE *file) {
  REAL(int, "fflush_unlocked", FILE *);
  const struct step nothing = {NONE, 0};
  STEP(int, file ? changing(fileno(file), WRITE, STORE_WRITE) : nothing, real(file));
}

#define PWRITE(name) \
  ssize_t name(int fd, const void *bytes, size_t length, off_t offset) { \
    REAL(ssize_t, #name, int, const void *, size_t, off_t); \
    STEP(ssize_t, writing(fd), real(fd, bytes, length, offset)); \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

#define PWRITEV(name) \
  ssize_t name(int fd, const struct iovec *pieces, int count, off_t offset) { \
    REAL(ssize_t, #name, int, const struct iovec *, int, off_t); \
    STEP(ssize_t, writing(fd), real(fd, pieces, count, offset)); \
  }
PWRITEV(pwritev)
PWRITEV(pwritev64)

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  REAL(ssize_t, "sendmsg", int, const struct msghdr *, int);
  const struct step nothing = {NONE, 0};
  STEP(ssize_t, is_tcp(fd) ? enter(SEND, "") : nothing, real(fd, message, flags));
}

/* What the kernel has handed over is counted before the program knows of it. */
ssize_t read(int fd, void *bytes, size_t length) {
  REAL(ssize_t, "read", int, void *, size_t);
  const ssize_t result = real(fd, bytes, length);
  if (result > 0 && is_tcp(fd)) end(enter(RECEIVE, ""));
  return result;
}

#define TRUNCATE_TO(name) \
  int name(int fd, off_t length) { \
    REAL(int, #name, int, off_t); \
    STEP(int, changing(fd, TRUNCATE, STORE_WRITE), real(fd, length)); \
  }
TRUNCATE_TO(ftruncate)
TRUNCATE_TO(ftruncate64)

#define SYNC_OF(name, class) \
  int name(int fd) { \
    REAL(int, #name, int); \
    STEP(int, changing(fd, class, STORE_SYNC), real(fd)); \
  }
SYNC_OF(fsync, SYNC)
SYNC_OF(fdatasync, SYNC)
SYNC_OF(syncfs, SYNC_FS)

int futimens(int fd, const struct timespec times[2]) {
  REAL(int, "futimens", int, const struct timespec *);
  STEP(int, changing(fd, TIMES, STORE_NAME), real(fd, times));
}

int utimensat(int directory, const char *path, const struct timespec times[2], int flags) {
  REAL(int, "utimensat", int, const char *, const struct timespec *, int);
  BUFFER;
  STEP(int, begin(TIMES, STORE_NAME, AT(directory, path)), real(directory, path, times, flags));
}

int fchmod(int fd, mode_t mode) {
  REAL(int, "fchmod", int, mode_t);
  STEP(int, changing(fd, MODE, STORE_NAME), real(fd, mode));
}

int chmod(const char *path, mode_t mode) {
  REAL(int, "chmod", const char *, mode_t);
  BUFFER;
  STEP(int, begin(MODE, STORE_NAME, AT(AT_FDCWD, path)), real(path, mode));
}

/* The addon makes the calls that the C library has no function for by number. */
long syscall(long number, ...) {
  long args[6];
  va_list rest;
  va_start(rest, number);
  for (int each = 0; each < 6; each++) args[each] = va_arg(rest, long);
  va_end(rest);
  if (!real_syscall) real_syscall = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  BUFFER;
  struct step here = {NONE, 0};
  if (number == SYS_openat2)
    here = creating((int)args[0], (const char *)args[1], ((const struct open_how *)args[2])->flags);
  else if (number == SYS_renameat2)
    here = begin(RENAME, STORE_RENAME, AT((int)args[2], (const char *)args[3]));
  const long result = real_syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
  end(here);
  return result;
}

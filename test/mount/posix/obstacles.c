/* Every call that takes a path, against everything that can be wrong on the way to it. */
#include "check.h"
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/xattr.h>

struct call {
  const char *name;
  long (*run)(const char *path);
  /* What it does to the last name of the path. */
  enum { LOOKS, MAKES, REMOVES } kind;
  const char *needs;
};

struct obstacle {
  const char *name;
  void (*make)(void);
  const char *path;
  int code;
};

static long call_open(const char *path) { return open(path, O_RDONLY); }
static long call_create(const char *path) { return open(path, O_RDWR | O_CREAT, 0644); }
static long call_open_directory(const char *path) { return open(path, O_RDONLY | O_DIRECTORY); }
static long call_mkdir(const char *path) { return mkdir(path, 0755); }
static long call_mkfifo(const char *path) { return mkfifo(path, 0644); }
static long call_mknod(const char *path) { return mknod(path, S_IFREG | 0644, 0); }
static long call_rmdir(const char *path) { return rmdir(path); }
static long call_unlink(const char *path) { return unlink(path); }
static long call_symlink(const char *path) { return symlink("anything", path); }
static long call_readlink(const char *path) {
  char target[16];
  return readlink(path, target, sizeof target);
}
static long call_rename_from(const char *path) { return rename(path, "elsewhere"); }
static long call_rename_to(const char *path) { return rename("source", path); }
static long call_link_from(const char *path) { return link(path, "elsewhere"); }
static long call_link_to(const char *path) { return link("source", path); }
static long call_stat(const char *path) {
  struct stat found;
  return stat(path, &found);
}
static long call_lstat(const char *path) {
  struct stat found;
  return lstat(path, &found);
}
static long call_access(const char *path) { return access(path, F_OK); }
static long call_chmod(const char *path) { return chmod(path, 0644); }
static long call_chown(const char *path) { return chown(path, getuid(), getgid()); }
static long call_lchown(const char *path) { return lchown(path, getuid(), getgid()); }
static long call_truncate(const char *path) { return truncate(path, 0); }
static long call_utimensat(const char *path) { return utimensat(AT_FDCWD, path, NULL, 0); }
static long call_statvfs(const char *path) {
  struct statvfs found;
  return statvfs(path, &found);
}
static long call_chdir(const char *path) { return chdir(path); }
static long call_getxattr(const char *path) {
  char value[16];
  return getxattr(path, "user.ferry.none", value, sizeof value);
}

static const struct call calls[] = {
    {"open", call_open, LOOKS, ""},
    {"open with O_CREAT", call_create, MAKES, ""},
    {"open with O_DIRECTORY", call_open_directory, LOOKS, ""},
    {"mkdir", call_mkdir, MAKES, ""},
    {"mkfifo", call_mkfifo, MAKES, "specials"},
    {"mknod of a file", call_mknod, MAKES, ""},
    {"rmdir", call_rmdir, REMOVES, ""},
    {"unlink", call_unlink, REMOVES, ""},
    {"symlink", call_symlink, MAKES, ""},
    {"readlink", call_readlink, LOOKS, ""},
    {"rename from it", call_rename_from, REMOVES, ""},
    {"rename to it", call_rename_to, MAKES, ""},
    {"link from it", call_link_from, LOOKS, ""},
    {"link to it", call_link_to, MAKES, "hardLinks"},
    {"stat", call_stat, LOOKS, ""},
    {"lstat", call_lstat, LOOKS, ""},
    {"access", call_access, LOOKS, ""},
    {"chmod", call_chmod, LOOKS, ""},
    {"chown", call_chown, LOOKS, ""},
    {"lchown", call_lchown, LOOKS, ""},
    {"truncate", call_truncate, LOOKS, ""},
    {"utimensat", call_utimensat, LOOKS, ""},
    {"statvfs", call_statvfs, LOOKS, ""},
    {"chdir", call_chdir, LOOKS, ""},
    {"getxattr", call_getxattr, LOOKS, ""},
};

static void nothing(void) {}
static void a_file(void) { make_file("file", "x"); }
static void a_loop(void) {
  SUCCEEDS(symlink("loop", "circle"));
  SUCCEEDS(symlink("circle", "loop"));
}
static void a_dangling_link(void) { SUCCEEDS(symlink("absent", "dangling")); }

static const struct obstacle obstacles[] = {
    {"a directory on the way that is missing", nothing, "absent/last", ENOENT},
    {"a file on the way", a_file, "file/last", ENOTDIR},
    {"links on the way that lead in a circle", a_loop, "loop/last", ELOOP},
    {"a link on the way that leads nowhere", a_dangling_link, "dangling/last", ENOENT},
    {"a last name of 256 bytes", nothing, NULL, ENAMETOOLONG},
    {"a path of 4096 bytes", nothing, NULL, ENAMETOOLONG},
};

static void meets(const void *first, const void *second) {
  const struct call *call = first;
  const struct obstacle *obstacle = second;
  make_file("source", "x");
  obstacle->make();
  const char *path = obstacle->path;
  if (!path) path = strstr(obstacle->name, "256") ? long_name(256) : long_path(PATH_MAX, "last");
  FAILS(obstacle->code, call->run(path));
  EQUAL(1 + (obstacle->make == a_file) + (obstacle->make == a_dangling_link) +
            2 * (obstacle->make == a_loop),
        count_names("."));
}

static void finds_nothing(const void *first, const void *second) {
  const struct call *call = first;
  (void)second;
  FAILS(ENOENT, call->run("absent"));
}

/* Who may not search a directory gets nothing in it, not even the news that it is missing. */
static void may_not_search(const void *first, const void *second) {
  const struct call *call = first;
  (void)second;
  make_file("source", "x");
  make_directory("locked");
  make_file("locked/last", "x");
  SUCCEEDS(chmod("locked", 0600));
  AS(OWNER) {
    FAILS(EACCES, call->run("locked/last"));
    FAILS(EACCES, call->run("locked/absent"));
  }
}

static void may_not_change(const void *first, const void *second) {
  const struct call *call = first;
  (void)second;
  make_file("source", "x");
  make_directory("locked");
  if (call->kind == REMOVES) {
    if (call->run == call_rmdir) make_directory("locked/last");
    else make_file("locked/last", "x");
  }
  SUCCEEDS(chmod("locked", 0500));
  AS(OWNER) { FAILS(EACCES, call->run("locked/last")); }
  EQUAL(call->kind == REMOVES, count_names("locked"));
}

static void add(const struct call *call, const char *what, int code, Body body,
                const struct obstacle *obstacle) {
  char *name;
  if (asprintf(&name, "%s: %s is %s", call->name, what, strerrorname_np(code)) < 0) abort();
  add_case("paths", call->needs, name, body, call, obstacle);
}

__attribute__((constructor)) static void add_all(void) {
  for (size_t at = 0; at < sizeof calls / sizeof *calls; at++) {
    for (size_t by = 0; by < sizeof obstacles / sizeof *obstacles; by++)
      add(&calls[at], obstacles[by].name, obstacles[by].code, meets, &obstacles[by]);
    if (calls[at].kind != MAKES) add(&calls[at], "a name that is missing", ENOENT, finds_nothing, 0);
    add(&calls[at], "a directory that may not be searched", EACCES, may_not_search, 0);
    if (calls[at].kind != LOOKS)
      add(&calls[at], "a directory that may not be written", EACCES, may_not_change, 0);
  }
}

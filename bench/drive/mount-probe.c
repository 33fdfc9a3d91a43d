// Does what programs do with files, in loops that cost next to nothing beside the calls themselves.
// Prints one line of JSON. Compiled when the benchmark runs.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_ns(clockid_t which) {
  struct timespec now;
  clock_gettime(which, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int64_t now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static char *contents_of(const char *path, size_t *length) {
  int fd = open(path, O_RDONLY);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) != 0) fail(path);
  char *text = malloc(st.st_size + 1);
  if (read(fd, text, st.st_size) != st.st_size) fail(path);
  text[st.st_size] = 0;
  close(fd);
  *length = st.st_size;
  return text;
}

// stat LIST DIR: asks for each path of a list, one a line, below DIR.
static void stat_each(char **args) {
  size_t length;
  char *text = contents_of(args[0], &length);
  if (chdir(args[1]) != 0) fail(args[1]);
  long found = 0, absent = 0;
  int64_t begun = now_ns();
  for (char *at = text; *at;) {
    char *end = strchr(at, '\n');
    if (end) *end = 0;
    struct stat st;
    if (fstatat(AT_FDCWD, at, &st, AT_SYMLINK_NOFOLLOW) == 0) found++;
    else if (errno == ENOENT) absent++;
    else fail(at);
    if (!end) break;
    at = end + 1;
  }
  int64_t taken = now_ns() - begun;
  printf("{\"found\":%ld,\"absent\":%ld,\"ns\":%lld}\n", found, absent, (long long)taken);
}

// create DIR COUNT BYTES: makes, writes and closes files.
static void create_files(char **args) {
  long count = atol(args[1]), bytes = atol(args[2]);
  char *block = malloc(bytes);
  memset(block, 'x', bytes);
  if (chdir(args[0]) != 0) fail(args[0]);
  int64_t begun = now_ns();
  for (long index = 0; index < count; index++) {
    char name[32];
    snprintf(name, sizeof name, "new-%ld", index);
    int fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0644);
    if (fd < 0 || write(fd, block, bytes) != bytes || close(fd) != 0) fail(name);
  }
  printf("{\"files\":%ld,\"ns\":%lld}\n", count, (long long)(now_ns() - begun));
}

// read FILE BLOCK: reads a file from its beginning to its end.
static void read_through(char **args) {
  long block = atol(args[1]), count;
  char *buffer = aligned_alloc(4096, block);
  memset(buffer, 0, block);
  long long bytes = 0;
  int64_t begun = now_ns();
  int fd = open(args[0], O_RDONLY);
  if (fd < 0) fail(args[0]);
  while ((count = read(fd, buffer, block)) > 0) bytes += count;
  if (count < 0) fail(args[0]);
  close(fd);
  printf("{\"bytes\":%lld,\"ns\":%lld}\n", bytes, (long long)(now_ns() - begun));
}

// write FILE BYTES BLOCK: writes a new file and waits until it is on the disk.
static void write_through(char **args) {
  long long bytes = atoll(args[1]);
  long block = atol(args[2]);
  char *buffer = aligned_alloc(4096, block);
  for (long index = 0; index < block; index++) buffer[index] = (char)(index * 31 + index / 4096);
  int64_t begun = now_ns();
  int fd = open(args[0], O_CREAT | O_TRUNC | O_WRONLY, 0644);
  if (fd < 0) fail(args[0]);
  for (long long done = 0; done < bytes; done += block)
    if (write(fd, buffer, block) != block) fail(args[0]);
  int64_t written = now_ns() - begun;
  if (fsync(fd) != 0 || close(fd) != 0) fail(args[0]);
  printf("{\"bytes\":%lld,\"writtenNs\":%lld,\"ns\":%lld}\n", bytes, (long long)written,
         (long long)(now_ns() - begun));
}

// part FILE OFFSET LENGTH: opens a file and reads one part of it.
static void read_part(char **args) {
  long long offset = atoll(args[1]), length = atoll(args[2]), got = 0;
  char *buffer = malloc(length);
  int64_t begun = now_ns();
  int fd = open(args[0], O_RDONLY);
  if (fd < 0) fail(args[0]);
  while (got < length) {
    ssize_t count = pread(fd, buffer + got, length - got, offset + got);
    if (count < 0) fail(args[0]);
    if (count == 0) break;
    got += count;
  }
  int64_t taken = now_ns() - begun;
  close(fd);
  uint32_t sum = 0;
  for (long long index = 0; index < got; index++) sum = sum * 31 + (unsigned char)buffer[index];
  printf("{\"bytes\":%lld,\"sum\":%u,\"ns\":%lld}\n", got, sum, (long long)taken);
}

// await DIR NAME BYTES TIMEOUT_MS: waits until DIR/NAME has that size, and until an event of DIR or of the file says
// so. Prints "ready" first. Answers with times of day, in ns; 0: did not come.
static void await_change(char **args) {
  long long bytes = atoll(args[2]);
  int64_t limit = now_ns() + atoll(args[3]) * 1000000LL;
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", args[0], args[1]);
  int events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (events < 0 || inotify_add_watch(events, args[0], IN_ALL_EVENTS) < 0) fail(args[0]);
  int64_t seen = 0, told = 0;
  printf("ready\n");
  fflush(stdout);
  while ((seen == 0 || told == 0) && now_ns() < limit) {
    struct stat st;
    if (seen == 0 && stat(path, &st) == 0 && st.st_size == bytes) {
      seen = clock_ns(CLOCK_REALTIME);
      // An event that is to come at all comes with the change, or soon after it.
      if (limit > now_ns() + 1000000000LL) limit = now_ns() + 1000000000LL;
    }
    struct pollfd waiting = {.fd = events, .events = POLLIN};
    if (poll(&waiting, 1, 1) <= 0) continue;
    char buffer[8192] __attribute__((aligned(8)));
    ssize_t length = read(events, buffer, sizeof buffer);
    for (char *at = buffer; length > 0 && at < buffer + length;) {
      struct inotify_event *event = (struct inotify_event *)at;
      int changes = event->mask & (IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_MOVED_TO | IN_CLOSE_WRITE);
      if (changes && event->len > 0 && strcmp(event->name, args[1]) == 0 && told == 0)
        told = clock_ns(CLOCK_REALTIME);
      at += sizeof *event + event->len;
    }
  }
  printf("{\"seenNs\":%lld,\"toldNs\":%lld}\n", (long long)seen, (long long)told);
}

int main(int count, char **args) {
  struct {
    const char *name;
    int arguments;
    void (*run)(char **);
  } commands[] = {{"stat", 2, stat_each},      {"create", 3, create_files}, {"read", 2, read_through},
                  {"write", 3, write_through}, {"part", 3, read_part},      {"await", 4, await_change}};
  for (size_t index = 0; index < sizeof commands / sizeof *commands; index++)
    if (count > 1 && strcmp(args[1], commands[index].name) == 0 && count == commands[index].arguments + 2) {
      commands[index].run(args + 2);
      return 0;
    }
  fprintf(stderr, "usage: stat LIST DIR | create DIR COUNT BYTES | read FILE BLOCK | write FILE BYTES BLOCK | "
                  "part FILE OFFSET LENGTH | await DIR NAME BYTES TIMEOUT_MS\n");
  return 2;
}

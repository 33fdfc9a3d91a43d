#include "check.h"
#include <signal.h>
#include <sys/resource.h>

CASE("truncate", "", "shorter keeps the beginning") {
  make_file("f", "content");
  SUCCEEDS(truncate("f", 3));
  TEXT("con", content_of("f"));
  EQUAL(3, stat_of("f").st_size);
}

CASE("truncate", "", "longer adds zeros") {
  make_file("f", "content");
  SUCCEEDS(truncate("f", 10));
  char bytes[16];
  EQUAL(10, pread((int)SUCCEEDS(open("f", O_RDONLY)), bytes, sizeof bytes, 0));
  EQUAL(0, memcmp(bytes, "content\0\0\0", 10));
}

CASE("truncate", "", "shorter and longer again shows zeros, not what was cut") {
  char bytes[9000], zeros[9000] = {0};
  fill(bytes, sizeof bytes, 0, 1);
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  EQUAL(9000, write(file, bytes, sizeof bytes));
  SUCCEEDS(ftruncate(file, 100));
  SUCCEEDS(ftruncate(file, 9000));
  EQUAL(9000, pread(file, bytes, sizeof bytes, 0));
  HOLDS(is_filled(bytes, 100, 0, 1));
  EQUAL(0, memcmp(bytes + 100, zeros, 8900));
}

CASE("truncate", "", "to nothing empties, and gives the blocks back") {
  char bytes[65536];
  fill(bytes, sizeof bytes, 0, 1);
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  EQUAL(65536, write(file, bytes, sizeof bytes));
  SUCCEEDS(fsync(file));
  SUCCEEDS(ftruncate(file, 0));
  EQUAL(0, fstat_of(file).st_size);
  EQUAL(0, fstat_of(file).st_blocks);
}

CASE("truncate", "", "changes mtime and ctime") {
  make_file("f", "content");
  int64_t modified = mtime_of("f"), changed = ctime_of("f");
  tick();
  SUCCEEDS(truncate("f", 3));
  HOLDS(mtime_of("f") > modified && ctime_of("f") > changed);
}

CASE("truncate", "", "through a handle is seen through the path and by other handles") {
  make_file("f", "content");
  int file = (int)SUCCEEDS(open("f", O_RDWR)), other = (int)SUCCEEDS(open("f", O_RDONLY));
  SUCCEEDS(ftruncate(file, 2));
  TEXT("co", content_of("f"));
  EQUAL(2, fstat_of(other).st_size);
}

CASE("truncate", "", "a handle's position stays, and a write there leaves a hole") {
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  EQUAL(7, write(file, "content", 7));
  SUCCEEDS(ftruncate(file, 0));
  EQUAL(1, write(file, "!", 1));
  char bytes[16];
  EQUAL(8, pread(file, bytes, sizeof bytes, 0));
  EQUAL(0, memcmp(bytes, "\0\0\0\0\0\0\0!", 8));
}

CASE("truncate", "", "of a directory is EISDIR") {
  make_directory("d");
  FAILS(EISDIR, truncate("d", 0));
}

CASE("truncate", "", "to less than nothing is EINVAL") {
  make_file("f", "content");
  FAILS(EINVAL, truncate("f", -1));
  TEXT("content", content_of("f"));
}

CASE("truncate", "", "through a read-only handle is EINVAL") {
  make_file("f", "content");
  FAILS_EITHER(EINVAL, EBADF, ftruncate((int)SUCCEEDS(open("f", O_RDONLY)), 0));
}

CASE("truncate", "", "through a link cuts what it names") {
  make_file("f", "content");
  SUCCEEDS(symlink("f", "link"));
  SUCCEEDS(truncate("link", 1));
  TEXT("c", content_of("f"));
}

CASE("truncate", "", "of a running program is ETXTBSY") {
  int from = (int)SUCCEEDS(open("/bin/sleep", O_RDONLY));
  int to = (int)SUCCEEDS(open("program", O_WRONLY | O_CREAT, 0755)), started[2];
  char bytes[1 << 16];
  for (ssize_t got; (got = SUCCEEDS(read(from, bytes, sizeof bytes)));)
    EQUAL(got, write(to, bytes, (size_t)got));
  SUCCEEDS(close(to));
  SUCCEEDS(pipe2(started, O_CLOEXEC));
  pid_t child = beside();
  if (child == 0) {
    execl("./program", "sleep", "0.1", NULL);
    fail(PLACE, "expected a program that runs got %m");
  }
  close(started[1]);
  EQUAL(0, read(started[0], bytes, 1));
  FAILS(ETXTBSY, truncate("program", 0));
  finished(child);
}

CASE("truncate", "", "to 5 GiB is exact") {
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  SUCCEEDS(ftruncate(file, (5LL << 30) + 3));
  EQUAL((5LL << 30) + 3, fstat_of(file).st_size);
}

CASE("truncate", "holes", "to 5 GiB takes no room") {
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  SUCCEEDS(ftruncate(file, 5LL << 30));
  HOLDS(fstat_of(file).st_blocks < 1024);
}

CASE("truncate", "", "beyond the limit of the process is EFBIG") {
  make_file("f", "content");
  IN_CHILD {
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {1000, 1000};
    SUCCEEDS(setrlimit(RLIMIT_FSIZE, &limit));
    FAILS(EFBIG, truncate("f", 1001));
    SUCCEEDS(truncate("f", 1000));
  }
}

CASE("truncate", "", "of a file without write permission is EACCES, its open handle still can") {
  make_file("f", "content");
  AS(OWNER) {
    int file = (int)SUCCEEDS(open("f", O_RDWR));
    SUCCEEDS(chmod("f", 0444));
    FAILS(EACCES, truncate("f", 0));
    SUCCEEDS(ftruncate(file, 0));
  }
}

/* Cuts at every place around the borders of pages and blocks, and compares with what must be left. */
static void cuts_exactly(const void *first, const void *second) {
  size_t from = (size_t)(uintptr_t)first, to = (size_t)(uintptr_t)second;
  static char bytes[200000];
  fill(bytes, from, 0, 5);
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  EQUAL(from, write(file, bytes, from));
  SUCCEEDS(ftruncate(file, (off_t)to));
  memset(bytes, 1, sizeof bytes);
  EQUAL(to, pread(file, bytes, sizeof bytes, 0));
  HOLDS(is_filled(bytes, from < to ? from : to, 0, 5));
  for (size_t at = from; at < to; at++) EQUAL(0, bytes[at]);
}

__attribute__((constructor)) static void add_cuts(void) {
  static const size_t cuts[][2] = {{4096, 4095},     {4096, 4097},   {4097, 4096},
                                   {65536, 65535},   {65535, 65537}, {131072, 65536},
                                   {100000, 131073}, {1, 150000},    {150000, 1}};
  for (size_t at = 0; at < sizeof cuts / sizeof *cuts; at++) {
    char *name;
    if (asprintf(&name, "from %zu to %zu bytes", cuts[at][0], cuts[at][1]) < 0) abort();
    add_case("truncate", "", name, cuts_exactly, (void *)cuts[at][0], (void *)cuts[at][1]);
  }
}

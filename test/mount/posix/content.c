#include "check.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

/* Writes a run of bytes at a place and finds exactly those there, and zeros before. */
static void written_is_read(const void *first, const void *second) {
  size_t length = (size_t)(uintptr_t)first, at = (size_t)(uintptr_t)second;
  char *bytes = malloc(at + length + 1);
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  fill(bytes, length, at, 9);
  EQUAL(length, pwrite(file, bytes, length, (off_t)at));
  SUCCEEDS(close(file));
  EQUAL(at + length, stat_of("f").st_size);
  file = (int)SUCCEEDS(open("f", O_RDONLY));
  EQUAL(at + length, read(file, bytes, at + length + 1));
  for (size_t before = 0; before < at; before++) EQUAL(0, bytes[before]);
  HOLDS(is_filled(bytes + at, length, at, 9));
  EQUAL(0, read(file, bytes, 1));
}

__attribute__((constructor)) static void add_sizes(void) {
  static const size_t sizes[][2] = {{1, 0},         {4095, 0},     {4096, 0},      {4097, 0},
                                    {65536, 0},     {65537, 1},    {131072, 4095}, {1048576, 0},
                                    {1048577, 100}, {1, 1000000},  {3000000, 0}};
  for (size_t at = 0; at < sizeof sizes / sizeof *sizes; at++) {
    char *name;
    if (asprintf(&name, "%zu bytes at %zu are read as they were written", sizes[at][0],
                 sizes[at][1]) < 0)
      abort();
    add_case("content", "", name, written_is_read, (void *)sizes[at][0], (void *)sizes[at][1]);
  }
}

CASE("content", "", "a write is seen at once through another handle") {
  make_file("f", "");
  int writer = (int)SUCCEEDS(open("f", O_WRONLY)), reader = (int)SUCCEEDS(open("f", O_RDONLY));
  EQUAL(5, write(writer, "hello", 5));
  TEXT("hello", content_at(reader));
  EQUAL(5, fstat_of(reader).st_size);
  EQUAL(5, stat_of("f").st_size);
}

CASE("content", "", "a write is seen at once by another process") {
  make_file("f", "");
  int writer = (int)SUCCEEDS(open("f", O_WRONLY));
  EQUAL(5, write(writer, "hello", 5));
  IN_CHILD { TEXT("hello", content_of("f")); }
  IN_CHILD { make_file("f", "child"); }
  TEXT("child", content_of("f"));
}

CASE("content", "", "a part that is overwritten leaves the rest") {
  make_file("f", "0123456789");
  int file = (int)SUCCEEDS(open("f", O_RDWR));
  EQUAL(3, pwrite(file, "abc", 3, 4));
  TEXT("0123abc789", content_at(file));
}

CASE("content", "", "a read at or beyond the end gives nothing") {
  make_file("f", "content");
  char byte;
  int file = (int)SUCCEEDS(open("f", O_RDONLY));
  EQUAL(0, pread(file, &byte, 1, 7));
  EQUAL(0, pread(file, &byte, 1, 1000000));
}

CASE("content", "", "a read over the end gives what there is") {
  make_file("f", "content");
  char bytes[100];
  EQUAL(4, pread((int)SUCCEEDS(open("f", O_RDONLY)), bytes, 100, 3));
  EQUAL(0, memcmp("tent", bytes, 4));
}

CASE("content", "", "offsets below 0 are EINVAL") {
  make_file("f", "content");
  char byte;
  int file = (int)SUCCEEDS(open("f", O_RDWR));
  FAILS(EINVAL, pread(file, &byte, 1, -1));
  FAILS(EINVAL, pwrite(file, "x", 1, -1));
  FAILS(EINVAL, lseek(file, -1, SEEK_SET));
}

CASE("content", "", "positions move by reading, writing and seeking") {
  make_file("f", "0123456789");
  char byte;
  int file = (int)SUCCEEDS(open("f", O_RDWR));
  EQUAL(3, lseek(file, 3, SEEK_SET));
  EQUAL(1, read(file, &byte, 1));
  EQUAL('3', byte);
  EQUAL(1, write(file, "x", 1));
  EQUAL(5, lseek(file, 0, SEEK_CUR));
  EQUAL(9, lseek(file, -1, SEEK_END));
  EQUAL(1, read(file, &byte, 1));
  EQUAL('9', byte);
  EQUAL(15, lseek(file, 5, SEEK_END));
}

CASE("content", "", "pread and pwrite leave the position") {
  make_file("f", "0123456789");
  char byte;
  int file = (int)SUCCEEDS(open("f", O_RDWR));
  EQUAL(1, pread(file, &byte, 1, 5));
  EQUAL(1, pwrite(file, "x", 1, 5));
  EQUAL(0, lseek(file, 0, SEEK_CUR));
}

CASE("content", "", "several buffers are written and read as one") {
  struct iovec out[3] = {{"one ", 4}, {"two ", 4}, {"three", 5}};
  char first[6], second[8];
  struct iovec in[2] = {{first, 6}, {second, 8}};
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  EQUAL(13, pwritev(file, out, 3, 0));
  EQUAL(13, preadv(file, in, 2, 0));
  EQUAL(0, memcmp("one tw", first, 6));
  EQUAL(0, memcmp("o three", second, 7));
}

CASE("content", "", "O_APPEND writes at the end, wherever the position is") {
  make_file("f", "begin ");
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_APPEND));
  SUCCEEDS(lseek(file, 0, SEEK_SET));
  EQUAL(3, write(file, "end", 3));
  TEXT("begin end", content_at(file));
}

CASE("content", "", "O_APPEND writes behind what another handle has written meanwhile") {
  make_file("f", "");
  int one = (int)SUCCEEDS(open("f", O_WRONLY | O_APPEND));
  int other = (int)SUCCEEDS(open("f", O_WRONLY | O_APPEND));
  for (int round = 0; round < 3; round++) {
    EQUAL(2, write(one, "a ", 2));
    EQUAL(2, write(other, "b ", 2));
  }
  TEXT("a b a b a b ", content_of("f"));
}

CASE("content", "", "O_APPEND by four processes loses nothing and mixes no line") {
  pid_t children[4];
  for (int at = 0; at < 4; at++)
    if ((children[at] = beside()) == 0) {
      char line[64];
      int file = (int)SUCCEEDS(open("f", O_WRONLY | O_APPEND | O_CREAT, 0644));
      for (int round = 0; round < 100; round++) {
        int length = snprintf(line, sizeof line, "%d %03d the quick brown fox\n", at, round);
        EQUAL(length, write(file, line, (size_t)length));
      }
      leave_child();
    }
  for (int at = 0; at < 4; at++) finished(children[at]);
  int next[4] = {0}, lines = 0;
  const char *content = content_of("f");
  for (const char *line = content; *line; line = strchr(line, '\n') + 1, lines++) {
    int who, round;
    EQUAL(2, sscanf(line, "%d %d the quick brown fox\n", &who, &round));
    EQUAL(next[who]++, round);
  }
  EQUAL(400, lines);
}

CASE("content", "", "O_APPEND after a cut goes on at the new end") {
  make_file("f", "content");
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_APPEND));
  SUCCEEDS(ftruncate(file, 3));
  EQUAL(1, write(file, "!", 1));
  TEXT("con!", content_at(file));
}

CASE("content", "", "O_APPEND can be set on an open handle") {
  make_file("f", "content");
  int file = (int)SUCCEEDS(open("f", O_RDWR));
  SUCCEEDS(fcntl(file, F_SETFL, O_APPEND));
  EQUAL(1, write(file, "!", 1));
  TEXT("content!", content_at(file));
}

CASE("content", "", "writes of two processes to parts of one file all arrive") {
  static char bytes[4096];
  make_file("f", "");
  pid_t children[2];
  for (int at = 0; at < 2; at++)
    if ((children[at] = beside()) == 0) {
      int file = (int)SUCCEEDS(open("f", O_WRONLY));
      for (int block = at; block < 64; block += 2) {
        fill(bytes, 4096, (size_t)block * 4096, 2);
        EQUAL(4096, pwrite(file, bytes, 4096, block * 4096));
      }
      leave_child();
    }
  finished(children[0]);
  finished(children[1]);
  int file = (int)SUCCEEDS(open("f", O_RDONLY));
  for (int block = 0; block < 64; block++) {
    EQUAL(4096, pread(file, bytes, 4096, block * 4096));
    HOLDS(is_filled(bytes, 4096, (size_t)block * 4096, 2));
  }
}

CASE("content", "", "a write at 5 GiB is exact and leaves a hole before it") {
  char bytes[4] = "xxxx";
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  EQUAL(3, pwrite(file, "far", 3, 5LL << 30));
  EQUAL((5LL << 30) + 3, fstat_of(file).st_size);
  EQUAL(3, pread(file, bytes, 3, 5LL << 30));
  EQUAL(0, memcmp("far", bytes, 3));
  EQUAL(4, pread(file, bytes, 4, 1LL << 30));
  EQUAL(0, memcmp("\0\0\0\0", bytes, 4));
}

CASE("content", "", "a write beyond the limit of the process is cut, then EFBIG") {
  IN_CHILD {
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {1000, 1000};
    SUCCEEDS(setrlimit(RLIMIT_FSIZE, &limit));
    char bytes[1500] = {0};
    int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
    EQUAL(1000, write(file, bytes, 1500));
    FAILS(EFBIG, write(file, bytes, 1));
  }
}

CASE("content", "", "a bad address is EFAULT, and harms nothing") {
  make_file("f", "content");
  int file = (int)SUCCEEDS(open("f", O_RDWR));
  void *forbidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  FAILS(EFAULT, pread(file, forbidden, 7, 0));
  FAILS(EFAULT, pwrite(file, forbidden, 7, 0));
  TEXT("content", content_at(file));
}

CASE("content", "", "random writes, cuts and reads are those of memory") {
  static char model[300000], bytes[70000];
  size_t size = 0;
  srandom(20);
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  for (int round = 0; round < 300; round++) {
    size_t at = (size_t)random() % 200000, length = (size_t)random() % sizeof bytes;
    if (round % 10 == 9) {
      SUCCEEDS(ftruncate(file, (off_t)at));
      if (at < size) memset(model + at, 0, size - at);
      size = at;
    } else if (round % 3) {
      fill(bytes, length, at, (unsigned)round);
      EQUAL(length, pwrite(file, bytes, length, (off_t)at));
      if (length) memcpy(model + at, bytes, length);
      if (length && at + length > size) size = at + length;
    } else {
      size_t wanted = at >= size ? 0 : size - at < length ? size - at : length;
      EQUAL(wanted, pread(file, bytes, length, (off_t)at));
      EQUAL(0, memcmp(model + at, bytes, wanted));
    }
    EQUAL(size, fstat_of(file).st_size);
  }
}

CASE("content", "", "sendfile takes it out") {
  make_file("f", "content");
  int file = (int)SUCCEEDS(open("f", O_RDONLY)), out[2];
  char bytes[8] = "";
  SUCCEEDS(pipe(out));
  EQUAL(7, sendfile(out[1], file, NULL, 7));
  EQUAL(7, read(out[0], bytes, 7));
  TEXT("content", bytes);
}

CASE("content", "", "splice takes it in and out") {
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644)), through[2];
  loff_t at = 0;
  char bytes[8] = "";
  SUCCEEDS(pipe(through));
  EQUAL(7, write(through[1], "content", 7));
  EQUAL(7, splice(through[0], NULL, file, &at, 7, 0));
  TEXT("content", content_at(file));
  at = 3;
  EQUAL(4, splice(file, &at, through[1], NULL, 4, 0));
  EQUAL(4, read(through[0], bytes, 4));
  TEXT("tent", bytes);
}

CASE("content", "", "copy_file_range copies within the same file system") {
  make_file("f", "0123456789");
  int from = (int)SUCCEEDS(open("f", O_RDONLY)), to = (int)SUCCEEDS(open("g", O_RDWR | O_CREAT, 0644));
  loff_t in = 2, out = 1;
  size_t left = 5;
  while (left) left -= (size_t)SUCCEEDS(copy_file_range(from, &in, to, &out, left, 0));
  char bytes[8];
  EQUAL(6, pread(to, bytes, sizeof bytes, 0));
  EQUAL(0, memcmp("\00023456", bytes, 6));
  EQUAL(7, in);
}

CASE("content", "", "copy_file_range within one file and beyond its end") {
  make_file("f", "0123456789");
  int file = (int)SUCCEEDS(open("f", O_RDWR));
  loff_t in = 0, out = 10;
  EQUAL(4, copy_file_range(file, &in, file, &out, 4, 0));
  TEXT("01234567890123", content_at(file));
  in = 100;
  out = 0;
  EQUAL(0, copy_file_range(file, &in, file, &out, 4, 0));
}

CASE("content", "", "O_SYNC and O_DSYNC writes arrive") {
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT | O_SYNC, 0644));
  EQUAL(4, write(file, "sync", 4));
  int other = (int)SUCCEEDS(open("f", O_WRONLY | O_DSYNC));
  EQUAL(4, pwrite(other, "data", 4, 4));
  TEXT("syncdata", content_of("f"));
}

CASE("content", "", "O_DIRECT reads and writes whole pages, and others see them") {
  char *pages = aligned_alloc(4096, 16384);
  int file = open("f", O_RDWR | O_CREAT | O_DIRECT, 0644);
  if (file < 0 && errno == EINVAL) skip("there is no direct access here");
  SUCCEEDS(file);
  fill(pages, 16384, 0, 4);
  EQUAL(16384, pwrite(file, pages, 16384, 0));
  int other = (int)SUCCEEDS(open("f", O_RDWR));
  char *seen = malloc(16384);
  EQUAL(16384, pread(other, seen, 16384, 0));
  HOLDS(is_filled(seen, 16384, 0, 4));
  EQUAL(5, pwrite(other, "other", 5, 4096));
  EQUAL(4096, pread(file, pages, 4096, 4096));
  EQUAL(0, memcmp(pages, "other", 5));
}

CASE("content", "", "O_DIRECT writes that are no whole page at the end are cut right") {
  char *pages = aligned_alloc(4096, 8192);
  int file = open("f", O_RDWR | O_CREAT | O_DIRECT, 0644);
  if (file < 0 && errno == EINVAL) skip("there is no direct access here");
  SUCCEEDS(file);
  fill(pages, 8192, 0, 6);
  EQUAL(8192, pwrite(file, pages, 8192, 0));
  SUCCEEDS(ftruncate(file, 5000));
  EQUAL(904, pread(file, pages, 4096, 4096));
  HOLDS(is_filled(pages, 904, 4096, 6));
}

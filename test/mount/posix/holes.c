#include "check.h"
#include <linux/falloc.h>

#define BLOCK 65536

CASE("holes", "", "a hole reads as zeros") {
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  EQUAL(1, pwrite(file, "x", 1, 10 * BLOCK));
  char bytes[BLOCK];
  for (int block = 0; block < 10; block++) {
    memset(bytes, 1, BLOCK);
    EQUAL(BLOCK, pread(file, bytes, BLOCK, (off_t)block * BLOCK));
    for (int at = 0; at < BLOCK; at++) EQUAL(0, bytes[at]);
  }
}

CASE("holes", "holes", "a hole takes less room than what is written") {
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  EQUAL(1, pwrite(file, "x", 1, 100 * BLOCK));
  SUCCEEDS(fsync(file));
  HOLDS(fstat_of(file).st_blocks * 512 < 10 * BLOCK);
}

CASE("holes", "holes", "a hole takes no room after the file was closed either") {
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  EQUAL(1, pwrite(file, "x", 1, 100 * BLOCK));
  SUCCEEDS(close(file));
  HOLDS(stat_of("f").st_blocks * 512 < 10 * BLOCK);
}

CASE("holes", "", "what is written takes room") {
  char bytes[BLOCK];
  fill(bytes, BLOCK, 0, 1);
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  for (int block = 0; block < 4; block++) EQUAL(BLOCK, write(file, bytes, BLOCK));
  SUCCEEDS(fsync(file));
  HOLDS(fstat_of(file).st_blocks * 512 >= 4 * BLOCK);
}

CASE("holes", "", "SEEK_DATA and SEEK_HOLE never pass what is written, and end at the size") {
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  EQUAL(4, pwrite(file, "data", 4, 10 * BLOCK));
  SUCCEEDS(ftruncate(file, 20 * BLOCK));
  off_t data = lseek(file, 0, SEEK_DATA);
  HOLDS(data >= 0 && data <= 10 * BLOCK);
  off_t hole = lseek(file, 10 * BLOCK, SEEK_HOLE);
  HOLDS(hole > 10 * BLOCK && hole <= 20 * BLOCK);
}

CASE("holes", "", "SEEK_HOLE of a file without holes is its end") {
  make_file("f", "content");
  int file = (int)SUCCEEDS(open("f", O_RDONLY));
  EQUAL(0, lseek(file, 0, SEEK_DATA));
  EQUAL(7, lseek(file, 0, SEEK_HOLE));
  EQUAL(3, lseek(file, 3, SEEK_DATA));
}

CASE("holes", "", "SEEK_DATA and SEEK_HOLE at or beyond the end are ENXIO") {
  make_file("f", "content");
  int file = (int)SUCCEEDS(open("f", O_RDONLY));
  FAILS(ENXIO, lseek(file, 7, SEEK_DATA));
  FAILS(ENXIO, lseek(file, 8, SEEK_HOLE));
  int empty = (int)SUCCEEDS(open("g", O_RDWR | O_CREAT, 0644));
  FAILS(ENXIO, lseek(empty, 0, SEEK_DATA));
}

CASE("holes", "holes", "SEEK_DATA and SEEK_HOLE find the borders of a hole") {
  char bytes[BLOCK];
  fill(bytes, BLOCK, 0, 1);
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  EQUAL(BLOCK, pwrite(file, bytes, BLOCK, 0));
  EQUAL(BLOCK, pwrite(file, bytes, BLOCK, 10 * BLOCK));
  EQUAL(BLOCK, lseek(file, 0, SEEK_HOLE));
  EQUAL(10 * BLOCK, lseek(file, BLOCK, SEEK_DATA));
  EQUAL(11 * BLOCK, lseek(file, 10 * BLOCK, SEEK_HOLE));
}

CASE("holes", "holes", "SEEK_DATA behind the last data is ENXIO") {
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  EQUAL(1, write(file, "x", 1));
  SUCCEEDS(ftruncate(file, 10 * BLOCK));
  FAILS(ENXIO, lseek(file, 5 * BLOCK, SEEK_DATA));
}

/* Not every file system can; what a program then gets is EOPNOTSUPP, and an unchanged file. */
static int allocated(int file, int mode, off_t at, off_t length) {
  struct stat before = fstat_of(file);
  int result = fallocate(file, mode, at, length);
  if (result < 0 && errno == EOPNOTSUPP) {
    EQUAL(before.st_size, fstat_of(file).st_size);
    skip("fallocate says EOPNOTSUPP, which is allowed");
  }
  return result;
}

CASE("fallocate", "preallocates", "makes a file longer, with zeros") {
  make_file("f", "content");
  int file = (int)SUCCEEDS(open("f", O_RDWR));
  SUCCEEDS(allocated(file, 0, 0, 100));
  EQUAL(100, fstat_of(file).st_size);
  TEXT("content", content_at(file));
}

CASE("fallocate", "preallocates", "keeps content that is there") {
  make_file("f", "content");
  int file = (int)SUCCEEDS(open("f", O_RDWR));
  SUCCEEDS(allocated(file, 0, 0, 3));
  TEXT("content", content_at(file));
  EQUAL(7, fstat_of(file).st_size);
}

CASE("fallocate", "preallocates", "KEEP_SIZE keeps the size") {
  make_file("f", "content");
  int file = (int)SUCCEEDS(open("f", O_RDWR));
  SUCCEEDS(allocated(file, FALLOC_FL_KEEP_SIZE, 0, 100000));
  EQUAL(7, fstat_of(file).st_size);
}

CASE("fallocate", "preallocates", "punches a hole that reads as zeros") {
  char bytes[4 * BLOCK];
  fill(bytes, sizeof bytes, 0, 3);
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  EQUAL(sizeof bytes, write(file, bytes, sizeof bytes));
  SUCCEEDS(allocated(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, BLOCK + 10, BLOCK));
  EQUAL(sizeof bytes, pread(file, bytes, sizeof bytes, 0));
  HOLDS(is_filled(bytes, BLOCK + 10, 0, 3));
  for (int at = BLOCK + 10; at < 2 * BLOCK + 10; at++) EQUAL(0, bytes[at]);
  HOLDS(is_filled(bytes + 2 * BLOCK + 10, 2 * BLOCK - 10, 2 * BLOCK + 10, 3));
  EQUAL(4 * BLOCK, fstat_of(file).st_size);
}

CASE("fallocate", "preallocates", "punching gives room back and changes mtime") {
  char bytes[4 * BLOCK];
  fill(bytes, sizeof bytes, 0, 3);
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  EQUAL(sizeof bytes, write(file, bytes, sizeof bytes));
  SUCCEEDS(fsync(file));
  struct stat before = fstat_of(file);
  tick();
  SUCCEEDS(allocated(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 2 * BLOCK));
  SUCCEEDS(fsync(file));
  HOLDS(fstat_of(file).st_blocks < before.st_blocks);
  HOLDS(ns_of(fstat_of(file).st_mtim) > ns_of(before.st_mtim));
}

CASE("fallocate", "preallocates", "punching may go far beyond the end: it takes no room") {
  make_file("f", "content");
  int file = (int)SUCCEEDS(open("f", O_RDWR));
  SUCCEEDS(allocated(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 3, (off_t)1 << 40));
  char bytes[7];
  EQUAL(7, pread(file, bytes, 7, 0));
  EQUAL(0, memcmp("con\0\0\0\0", bytes, 7));
}

CASE("fallocate", "preallocates", "ZERO_RANGE makes zeros") {
  make_file("f", "0123456789");
  int file = (int)SUCCEEDS(open("f", O_RDWR));
  SUCCEEDS(allocated(file, FALLOC_FL_ZERO_RANGE, 2, 3));
  char bytes[10];
  EQUAL(10, pread(file, bytes, 10, 0));
  EQUAL(0, memcmp("01\0\0\00056789", bytes, 10));
}

CASE("fallocate", "", "of a read-only handle is EBADF") {
  make_file("f", "content");
  FAILS(EBADF, fallocate((int)SUCCEEDS(open("f", O_RDONLY)), 0, 0, 10));
}

CASE("fallocate", "", "of nothing, and from below 0, is EINVAL") {
  make_file("f", "content");
  int file = (int)SUCCEEDS(open("f", O_RDWR));
  FAILS_EITHER(EINVAL, EOPNOTSUPP, fallocate(file, 0, 0, 0));
  FAILS_EITHER(EINVAL, EOPNOTSUPP, fallocate(file, 0, -1, 10));
}

CASE("fallocate", "", "posix_fallocate succeeds everywhere, and makes a file longer") {
  make_file("f", "content");
  int file = (int)SUCCEEDS(open("f", O_RDWR));
  EQUAL(0, posix_fallocate(file, 0, 10000));
  EQUAL(10000, fstat_of(file).st_size);
  TEXT("content", content_at(file));
}

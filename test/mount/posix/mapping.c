#include "check.h"
#include <signal.h>
#include <sys/mman.h>

#define PAGE 4096

static char *map(int file, size_t length, int protection, int kind) {
  char *memory = mmap(NULL, length, protection, kind, file, 0);
  if (memory == MAP_FAILED) fail(PLACE, "expected a mapping got %m");
  return memory;
}

static int filled_file(size_t length) {
  char *bytes = malloc(length);
  fill(bytes, length, 0, 8);
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  EQUAL(length, write(file, bytes, length));
  free(bytes);
  return file;
}

CASE("mmap", "", "shows the content") {
  int file = filled_file(10 * PAGE);
  HOLDS(is_filled(map(file, 10 * PAGE, PROT_READ, MAP_SHARED), 10 * PAGE, 0, 8));
  HOLDS(is_filled(map(file, 10 * PAGE, PROT_READ, MAP_PRIVATE), 10 * PAGE, 0, 8));
}

CASE("mmap", "", "a change in shared memory is read from the file at once") {
  int file = filled_file(2 * PAGE);
  char *memory = map(file, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED), bytes[5];
  memcpy(memory + PAGE - 2, "ferry", 5);
  EQUAL(5, pread(file, bytes, 5, PAGE - 2));
  EQUAL(0, memcmp("ferry", bytes, 5));
}

CASE("mmap", "", "a write is seen in shared memory at once") {
  int file = filled_file(2 * PAGE);
  char *memory = map(file, 2 * PAGE, PROT_READ, MAP_SHARED);
  HOLDS(is_filled(memory, 2 * PAGE, 0, 8));
  EQUAL(5, pwrite(file, "ferry", 5, PAGE - 2));
  EQUAL(0, memcmp("ferry", memory + PAGE - 2, 5));
}

CASE("mmap", "", "a change in private memory stays there") {
  int file = filled_file(PAGE);
  char *memory = map(file, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE), bytes[PAGE];
  memcpy(memory, "private", 7);
  SUCCEEDS(msync(memory, PAGE, MS_SYNC));
  EQUAL(PAGE, pread(file, bytes, PAGE, 0));
  HOLDS(is_filled(bytes, PAGE, 0, 8));
}

CASE("mmap", "", "memory outlives the handle, and its changes arrive") {
  int file = filled_file(PAGE);
  char *memory = map(file, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
  SUCCEEDS(close(file));
  memcpy(memory, "after close", 11);
  SUCCEEDS(munmap(memory, PAGE));
  char bytes[11];
  EQUAL(11, pread((int)SUCCEEDS(open("f", O_RDONLY)), bytes, 11, 0));
  EQUAL(0, memcmp("after close", bytes, 11));
}

CASE("mmap", "", "memory outlives the file's name") {
  int file = filled_file(PAGE);
  char *memory = map(file, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
  SUCCEEDS(close(file));
  SUCCEEDS(unlink("f"));
  HOLDS(is_filled(memory, PAGE, 0, 8));
  memcpy(memory, "changed", 7);
  SUCCEEDS(msync(memory, PAGE, MS_SYNC));
}

CASE("mmap", "", "msync makes another process's reading of the file see it") {
  int file = filled_file(PAGE);
  char *memory = map(file, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
  memcpy(memory, "synced", 6);
  SUCCEEDS(msync(memory, PAGE, MS_SYNC));
  IN_CHILD { EQUAL(0, memcmp("synced", content_of("f"), 6)); }
}

CASE("mmap", "", "two processes share their changes") {
  int file = filled_file(PAGE);
  char *memory = map(file, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
  IN_CHILD {
    int own = (int)SUCCEEDS(open("f", O_RDWR));
    memcpy(map(own, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED), "child", 5);
  }
  EQUAL(0, memcmp("child", memory, 5));
}

CASE("mmap", "", "behind the end of the file the page is zeros, and changes there are not kept") {
  int file = filled_file(100);
  char *memory = map(file, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
  for (int at = 100; at < PAGE; at++) EQUAL(0, memory[at]);
  memory[200] = 'x';
  SUCCEEDS(munmap(memory, PAGE));
  SUCCEEDS(ftruncate(file, 300));
  char byte = 1;
  EQUAL(300, stat_of("f").st_size);
  EQUAL(1, pread(file, &byte, 1, 250));
  EQUAL(0, byte);
}

static void leave_with_success(int signal) {
  (void)signal;
  _exit(0);
}

CASE("mmap", "", "a page wholly behind the end is a bus error") {
  int file = filled_file(100);
  char *memory = map(file, 3 * PAGE, PROT_READ, MAP_SHARED);
  IN_CHILD {
    signal(SIGBUS, leave_with_success);
    volatile char byte = memory[2 * PAGE];
    fail(PLACE, "expected a bus error got %d", byte);
  }
}

CASE("mmap", "", "a file that grows is seen in memory that was mapped before") {
  int file = filled_file(PAGE);
  char *memory = map(file, 2 * PAGE, PROT_READ, MAP_SHARED);
  HOLDS(is_filled(memory, PAGE, 0, 8));
  EQUAL(4, pwrite(file, "more", 4, PAGE));
  EQUAL(0, memcmp("more", memory + PAGE, 4));
}

CASE("mmap", "", "a cut makes zeros of the rest of the page") {
  int file = filled_file(PAGE);
  char *memory = map(file, PAGE, PROT_READ, MAP_SHARED);
  HOLDS(is_filled(memory, PAGE, 0, 8));
  SUCCEEDS(ftruncate(file, 10));
  HOLDS(is_filled(memory, 10, 0, 8));
  for (int at = 10; at < PAGE; at++) EQUAL(0, memory[at]);
}

CASE("mmap", "", "shared memory to write needs a handle to write") {
  close(filled_file(PAGE));
  int file = (int)SUCCEEDS(open("f", O_RDONLY));
  HOLDS(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) == MAP_FAILED);
  EQUAL(EACCES, errno);
  map(file, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
}

CASE("mmap", "", "changes through memory change the mtime, once they are synced") {
  int file = filled_file(PAGE);
  SUCCEEDS(fsync(file));
  int64_t before = mtime_of("f");
  tick();
  char *memory = map(file, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
  memory[0] = 'x';
  SUCCEEDS(msync(memory, PAGE, MS_SYNC));
  SUCCEEDS(munmap(memory, PAGE));
  SUCCEEDS(close(file));
  HOLDS(mtime_of("f") > before);
}

CASE("mmap", "", "a file that was renamed over stays what it was in memory") {
  int file = filled_file(PAGE);
  char *memory = map(file, PAGE, PROT_READ, MAP_SHARED);
  make_file("new", "new content");
  SUCCEEDS(rename("new", "f"));
  HOLDS(is_filled(memory, PAGE, 0, 8));
}

CASE("mmap", "", "a large file written through memory is read as it was written") {
  size_t length = 3 * 1024 * 1024 + 17;
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  SUCCEEDS(ftruncate(file, (off_t)length));
  char *memory = map(file, length, PROT_READ | PROT_WRITE, MAP_SHARED);
  fill(memory, length, 0, 2);
  SUCCEEDS(munmap(memory, length));
  SUCCEEDS(close(file));
  char *bytes = malloc(length);
  EQUAL(length, pread((int)SUCCEEDS(open("f", O_RDONLY)), bytes, length, 0));
  HOLDS(is_filled(bytes, length, 0, 2));
}

CASE("mmap", "", "a mapping from the middle of a file shows that part") {
  int file = filled_file(4 * PAGE);
  char *memory = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 2 * PAGE);
  HOLDS(memory != MAP_FAILED && is_filled(memory, PAGE, 2 * PAGE, 8));
}

CASE("mmap", "", "a program is run from what was written through memory") {
  const char *script = "#!/bin/sh\nexit 0\n";
  int file = (int)SUCCEEDS(open("script", O_RDWR | O_CREAT, 0755));
  SUCCEEDS(ftruncate(file, (off_t)strlen(script)));
  char *memory = map(file, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
  memcpy(memory, script, strlen(script));
  SUCCEEDS(munmap(memory, PAGE));
  SUCCEEDS(close(file));
  IN_CHILD {
    execl("./script", "script", NULL);
    fail(PLACE, "expected a script that runs got %m");
  }
}

#include "check.h"
#include <sys/file.h>

static int lock_part(int file, int how, int command, off_t from, off_t length) {
  struct flock part = {.l_type = (short)how, .l_whence = SEEK_SET, .l_start = from, .l_len = length};
  return fcntl(file, command, &part);
}

static int opened(void) { return (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644)); }

CASE("locks", "", "an exclusive lock keeps every other process out") {
  SUCCEEDS(lock_part(opened(), F_WRLCK, F_SETLK, 0, 0));
  IN_CHILD {
    int file = opened();
    FAILS_EITHER(EAGAIN, EACCES, lock_part(file, F_WRLCK, F_SETLK, 0, 0));
    FAILS_EITHER(EAGAIN, EACCES, lock_part(file, F_RDLCK, F_SETLK, 0, 0));
  }
}

CASE("locks", "", "shared locks go together, an exclusive one not with them") {
  SUCCEEDS(lock_part(opened(), F_RDLCK, F_SETLK, 0, 0));
  IN_CHILD {
    int file = opened();
    SUCCEEDS(lock_part(file, F_RDLCK, F_SETLK, 0, 0));
    FAILS_EITHER(EAGAIN, EACCES, lock_part(file, F_WRLCK, F_SETLK, 0, 0));
  }
}

CASE("locks", "", "different parts of a file are locked by different processes") {
  SUCCEEDS(lock_part(opened(), F_WRLCK, F_SETLK, 0, 100));
  IN_CHILD {
    int file = opened();
    SUCCEEDS(lock_part(file, F_WRLCK, F_SETLK, 100, 100));
    FAILS_EITHER(EAGAIN, EACCES, lock_part(file, F_WRLCK, F_SETLK, 99, 1));
  }
}

CASE("locks", "", "who asks is told who holds the lock") {
  pid_t holder = getpid();
  SUCCEEDS(lock_part(opened(), F_WRLCK, F_SETLK, 10, 20));
  IN_CHILD {
    struct flock part = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    SUCCEEDS(fcntl(opened(), F_GETLK, &part));
    EQUAL(F_WRLCK, part.l_type);
    EQUAL(holder, part.l_pid);
    EQUAL(10, part.l_start);
    EQUAL(20, part.l_len);
  }
}

CASE("locks", "", "a process's locks go when it closes any handle of the file") {
  int file = opened();
  SUCCEEDS(lock_part(file, F_WRLCK, F_SETLK, 0, 0));
  SUCCEEDS(close(opened()));
  IN_CHILD { SUCCEEDS(lock_part(opened(), F_WRLCK, F_SETLK, 0, 0)); }
}

CASE("locks", "", "a process's locks go when it ends") {
  IN_CHILD { SUCCEEDS(lock_part(opened(), F_WRLCK, F_SETLK, 0, 0)); }
  SUCCEEDS(lock_part(opened(), F_WRLCK, F_SETLK, 0, 0));
}

CASE("locks", "", "who waits for a lock gets it when it is given up") {
  int file = opened(), channel[2];
  char byte;
  SUCCEEDS(pipe(channel));
  SUCCEEDS(lock_part(file, F_WRLCK, F_SETLK, 0, 0));
  pid_t child = beside();
  if (child == 0) {
    int own = opened();
    SUCCEEDS(write(channel[1], "w", 1));
    SUCCEEDS(lock_part(own, F_WRLCK, F_SETLKW, 0, 0));
    TEXT("done", content_at(own));
    leave_child();
  }
  SUCCEEDS(read(channel[0], &byte, 1));
  tick();
  EQUAL(4, pwrite(file, "done", 4, 0));
  SUCCEEDS(lock_part(file, F_UNLCK, F_SETLK, 0, 0));
  finished(child);
}

CASE("locks", "", "two who wait for each other are told so with EDEADLK") {
  int file = opened(), channel[2], other[2];
  char byte;
  SUCCEEDS(pipe(channel));
  SUCCEEDS(pipe(other));
  SUCCEEDS(lock_part(file, F_WRLCK, F_SETLK, 0, 1));
  pid_t child = beside();
  if (child == 0) {
    int own = opened();
    SUCCEEDS(lock_part(own, F_WRLCK, F_SETLK, 1, 1));
    SUCCEEDS(write(channel[1], "l", 1));
    SUCCEEDS(lock_part(own, F_WRLCK, F_SETLKW, 0, 1));
    leave_child();
  }
  SUCCEEDS(read(channel[0], &byte, 1));
  for (int tries = 0; tries < 10; tries++) tick();
  FAILS(EDEADLK, lock_part(file, F_WRLCK, F_SETLKW, 1, 1));
  SUCCEEDS(lock_part(file, F_UNLCK, F_SETLK, 0, 1));
  finished(child);
}

CASE("locks", "", "locks of a handle are kept apart within one process") {
  int one = opened(), other = opened();
  SUCCEEDS(lock_part(one, F_WRLCK, F_OFD_SETLK, 0, 0));
  FAILS(EAGAIN, lock_part(other, F_WRLCK, F_OFD_SETLK, 0, 0));
  SUCCEEDS(close(one));
  SUCCEEDS(lock_part(other, F_WRLCK, F_OFD_SETLK, 0, 0));
}

CASE("locks", "", "flock keeps other handles out, and lets them in when it ends") {
  int one = opened(), other = opened();
  SUCCEEDS(flock(one, LOCK_EX | LOCK_NB));
  FAILS(EWOULDBLOCK, flock(other, LOCK_EX | LOCK_NB));
  FAILS(EWOULDBLOCK, flock(other, LOCK_SH | LOCK_NB));
  SUCCEEDS(flock(one, LOCK_UN));
  SUCCEEDS(flock(other, LOCK_EX | LOCK_NB));
}

CASE("locks", "", "flock is shared by who asks for that") {
  int one = opened(), other = opened();
  SUCCEEDS(flock(one, LOCK_SH | LOCK_NB));
  SUCCEEDS(flock(other, LOCK_SH | LOCK_NB));
  FAILS(EWOULDBLOCK, flock(one, LOCK_EX | LOCK_NB));
}

CASE("locks", "", "flock keeps another process out, and goes with its holder") {
  int file = opened();
  SUCCEEDS(flock(file, LOCK_EX));
  IN_CHILD { FAILS(EWOULDBLOCK, flock(opened(), LOCK_EX | LOCK_NB)); }
  SUCCEEDS(close(file));
  IN_CHILD { SUCCEEDS(flock(opened(), LOCK_EX | LOCK_NB)); }
  SUCCEEDS(flock(opened(), LOCK_EX | LOCK_NB));
}

CASE("locks", "", "lockf on a removed file still works between handles") {
  int file = opened();
  SUCCEEDS(unlink("f"));
  SUCCEEDS(lockf(file, F_TLOCK, 0));
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  IN_CHILD {
    int own = (int)SUCCEEDS(open(path, O_RDWR));
    FAILS_EITHER(EAGAIN, EACCES, lockf(own, F_TLOCK, 0));
  }
}

CASE("locks", "", "a counter under a lock counts every step of four processes") {
  make_file("f", "0");
  pid_t children[4];
  for (int at = 0; at < 4; at++)
    if ((children[at] = beside()) == 0) {
      int file = opened();
      for (int round = 0; round < 50; round++) {
        char number[16];
        SUCCEEDS(lock_part(file, F_WRLCK, F_SETLKW, 0, 0));
        int length = snprintf(number, sizeof number, "%d", atoi(content_at(file)) + 1);
        EQUAL(length, pwrite(file, number, (size_t)length, 0));
        SUCCEEDS(lock_part(file, F_UNLCK, F_SETLK, 0, 0));
      }
      leave_child();
    }
  for (int at = 0; at < 4; at++) finished(children[at]);
  TEXT("200", content_of("f"));
}

#include "check.h"

CASE("unlink", "", "a file goes, and its directory's times change") {
  make_file("f", "");
  int64_t modified = mtime_of("."), changed = ctime_of(".");
  tick();
  SUCCEEDS(unlink("f"));
  HOLDS(!exists("f") && !is_listed(".", "f"));
  HOLDS(mtime_of(".") > modified && ctime_of(".") > changed);
}

CASE("unlink", "", "a link goes, what it names stays") {
  make_file("f", "content");
  SUCCEEDS(symlink("f", "link"));
  SUCCEEDS(unlink("link"));
  HOLDS(!exists("link"));
  TEXT("content", content_of("f"));
}

CASE("unlink", "", "a directory is EISDIR") {
  make_directory("d");
  FAILS_EITHER(EISDIR, EPERM, unlink("d"));
  HOLDS(exists("d"));
}

CASE("unlink", "", "a file with a slash behind its name is ENOTDIR") {
  make_file("f", "");
  FAILS(ENOTDIR, unlink("f/"));
  HOLDS(exists("f"));
}

CASE("unlink", "", "a file that may not be written can be removed") {
  make_file("f", "");
  SUCCEEDS(chmod("f", 0));
  AS(OWNER) { SUCCEEDS(unlink("f")); }
}

CASE("unlink", "", "an open file can be read on, and nobody else finds it") {
  make_file("f", "content");
  int file = (int)SUCCEEDS(open("f", O_RDONLY));
  SUCCEEDS(unlink("f"));
  TEXT("content", content_at(file));
  FAILS(ENOENT, open("f", O_RDONLY));
  EQUAL(0, count_names("."));
}

CASE("unlink", "", "an open file can be written, grown and cut on") {
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  SUCCEEDS(unlink("f"));
  EQUAL(7, pwrite(file, "content", 7, 0));
  EQUAL(4, pwrite(file, "tail", 4, 100000));
  EQUAL(100004, fstat_of(file).st_size);
  SUCCEEDS(ftruncate(file, 3));
  TEXT("con", content_at(file));
  SUCCEEDS(fsync(file));
}

CASE("unlink", "", "an open file has no links any more, and its ctime moves on") {
  make_file("f", "");
  int file = (int)SUCCEEDS(open("f", O_RDONLY));
  int64_t before = ns_of(fstat_of(file).st_ctim);
  tick();
  SUCCEEDS(unlink("f"));
  struct stat found = fstat_of(file);
  EQUAL(0, found.st_nlink);
  HOLDS(ns_of(found.st_ctim) > before);
}

CASE("unlink", "", "an open file keeps its inode number, mode and times") {
  make_file("f", "content");
  int file = (int)SUCCEEDS(open("f", O_RDONLY));
  struct stat before = fstat_of(file);
  SUCCEEDS(unlink("f"));
  struct stat after = fstat_of(file);
  EQUAL(before.st_ino, after.st_ino);
  EQUAL(before.st_mode, after.st_mode);
  EQUAL(before.st_size, after.st_size);
  EQUAL(ns_of(before.st_mtim), ns_of(after.st_mtim));
}

CASE("unlink", "", "an open file's mode and times can be set") {
  make_file("f", "content");
  int file = (int)SUCCEEDS(open("f", O_RDONLY));
  SUCCEEDS(unlink("f"));
  SUCCEEDS(fchmod(file, 0600));
  struct timespec times[2] = {{1000000000, 0}, {1100000000, 0}};
  SUCCEEDS(futimens(file, times));
  EQUAL(0600, fstat_of(file).st_mode & 07777);
  EQUAL(1100000000, fstat_of(file).st_mtim.tv_sec);
}

CASE("unlink", "", "a new file of the name is another file") {
  make_file("f", "old");
  int old = (int)SUCCEEDS(open("f", O_RDWR));
  SUCCEEDS(unlink("f"));
  make_file("f", "new one");
  TEXT("old", content_at(old));
  TEXT("new one", content_of("f"));
  EQUAL(3, write(old, "OLD", 3));
  TEXT("new one", content_of("f"));
  HOLDS(fstat_of(old).st_ino != stat_of("f").st_ino);
}

CASE("unlink", "", "two handles of a removed file see each other's writes") {
  int one = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  int other = (int)SUCCEEDS(open("f", O_RDWR));
  SUCCEEDS(unlink("f"));
  EQUAL(5, write(one, "hello", 5));
  TEXT("hello", content_at(other));
  SUCCEEDS(close(one));
  TEXT("hello", content_at(other));
}

CASE("unlink", "", "a removed file is read on after its directory was removed too") {
  make_directory("d");
  make_file("d/f", "content");
  int file = (int)SUCCEEDS(open("d/f", O_RDWR));
  SUCCEEDS(unlink("d/f"));
  SUCCEEDS(rmdir("d"));
  TEXT("content", content_at(file));
  EQUAL(4, write(file, "more", 4));
  EQUAL(7, fstat_of(file).st_size);
}

CASE("unlink", "", "a removed file can be opened again through its descriptor") {
  make_file("f", "content");
  int file = (int)SUCCEEDS(open("f", O_RDWR));
  SUCCEEDS(unlink("f"));
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  TEXT("content", content_of(path));
}

CASE("unlink", "!pathsOnly", "a removed file can be opened by who has only looked at it before") {
  make_file("f", "content");
  int place = (int)SUCCEEDS(open("f", O_PATH));
  SUCCEEDS(unlink("f"));
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", place);
  TEXT("content", content_of(path));
}

CASE("unlink", "", "another process goes on with the file it has open") {
  make_file("f", "content");
  int ready[2], gone[2];
  char byte;
  SUCCEEDS(pipe(ready));
  SUCCEEDS(pipe(gone));
  pid_t child = beside();
  if (child == 0) {
    int file = (int)SUCCEEDS(open("f", O_RDONLY));
    SUCCEEDS(write(ready[1], "r", 1));
    SUCCEEDS(read(gone[0], &byte, 1));
    TEXT("content", content_at(file));
    leave_child();
  }
  SUCCEEDS(read(ready[0], &byte, 1));
  SUCCEEDS(unlink("f"));
  SUCCEEDS(write(gone[1], "g", 1));
  finished(child);
}

CASE("unlink", "", "the same name is made and removed five hundred times") {
  for (int round = 0; round < 500; round++) {
    int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT | O_EXCL, 0644));
    SUCCEEDS(close(file));
    SUCCEEDS(unlink("f"));
  }
  EQUAL(0, count_names("."));
}

CASE("unlink", "otherUsers", "somebody else's file in a sticky directory is EPERM") {
  make_directory("sticky");
  make_file("sticky/f", "");
  SUCCEEDS(chmod("sticky", 01777));
  AS(OTHER) { FAILS_EITHER(EPERM, EACCES, unlink("sticky/f")); }
  HOLDS(exists("sticky/f"));
}

CASE("unlink", "otherUsers", "somebody else's file in a directory that all may write can be removed") {
  make_directory("open");
  make_file("open/f", "");
  SUCCEEDS(chmod("open", 0777));
  AS(OTHER) { SUCCEEDS(unlink("open/f")); }
}

CASE("unlink", "", "unlinkat with AT_REMOVEDIR is rmdir, and without is not") {
  make_directory("d");
  make_file("f", "");
  FAILS_EITHER(EISDIR, EPERM, unlinkat(AT_FDCWD, "d", 0));
  FAILS(ENOTDIR, unlinkat(AT_FDCWD, "f", AT_REMOVEDIR));
  SUCCEEDS(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
}

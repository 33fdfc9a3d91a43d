#include "check.h"

static int rename_with(const char *from, const char *to, unsigned flags) {
  return renameat2(AT_FDCWD, from, AT_FDCWD, to, flags);
}

CASE("renameat2", "renameFlags", "NOREPLACE to a free name renames") {
  make_file("f", "content");
  SUCCEEDS(rename_with("f", "g", RENAME_NOREPLACE));
  TEXT("content", content_of("g"));
  HOLDS(!exists("f"));
}

CASE("renameat2", "renameFlags", "NOREPLACE onto a file, directory or link is EEXIST") {
  make_file("f", "content");
  make_file("file", "kept");
  make_directory("directory");
  SUCCEEDS(symlink("absent", "link"));
  FAILS(EEXIST, rename_with("f", "file", RENAME_NOREPLACE));
  FAILS(EEXIST, rename_with("f", "directory", RENAME_NOREPLACE));
  FAILS(EEXIST, rename_with("f", "link", RENAME_NOREPLACE));
  TEXT("content", content_of("f"));
  TEXT("kept", content_of("file"));
}

CASE("renameat2", "renameFlags", "NOREPLACE of a directory onto an empty one is EEXIST") {
  make_directory("d");
  make_directory("e");
  FAILS(EEXIST, rename_with("d", "e", RENAME_NOREPLACE));
  SUCCEEDS(rename_with("d", "f", RENAME_NOREPLACE));
}

CASE("renameat2", "renameFlags", "NOREPLACE onto itself is EEXIST") {
  make_file("f", "");
  FAILS(EEXIST, rename_with("f", "f", RENAME_NOREPLACE));
}

CASE("renameat2", "renameFlags", "EXCHANGE changes two files with each other") {
  make_file("a", "a");
  make_file("b", "b");
  ino_t a = stat_of("a").st_ino, b = stat_of("b").st_ino;
  SUCCEEDS(rename_with("a", "b", RENAME_EXCHANGE));
  TEXT("b", content_of("a"));
  TEXT("a", content_of("b"));
  EQUAL(b, stat_of("a").st_ino);
  EQUAL(a, stat_of("b").st_ino);
}

CASE("renameat2", "renameFlags", "EXCHANGE changes a file with a full directory") {
  make_file("f", "content");
  make_directory("d");
  make_file("d/inside", "inside");
  SUCCEEDS(rename_with("f", "d", RENAME_EXCHANGE));
  TEXT("content", content_of("d"));
  TEXT("inside", content_of("f/inside"));
}

CASE("renameat2", "renameFlags", "EXCHANGE changes two full directories of different parents") {
  make_directory("p");
  make_directory("q");
  make_directory("p/d");
  make_directory("q/e");
  make_file("p/d/f", "f");
  make_file("q/e/g", "g");
  SUCCEEDS(rename_with("p/d", "q/e", RENAME_EXCHANGE));
  TEXT("g", content_of("p/d/g"));
  TEXT("f", content_of("q/e/f"));
  EQUAL(stat_of("q").st_ino, stat_of("q/e/..").st_ino);
}

CASE("renameat2", "renameFlags", "EXCHANGE of a file and a directory moves a link between their parents") {
  make_directory("p");
  make_directory("q");
  make_directory("p/d");
  make_file("q/f", "");
  SUCCEEDS(rename_with("p/d", "q/f", RENAME_EXCHANGE));
  EQUAL(2, stat_of("p").st_nlink);
  EQUAL(3, stat_of("q").st_nlink);
}

CASE("renameat2", "renameFlags", "EXCHANGE with a missing name is ENOENT") {
  make_file("f", "");
  FAILS(ENOENT, rename_with("f", "absent", RENAME_EXCHANGE));
  FAILS(ENOENT, rename_with("absent", "f", RENAME_EXCHANGE));
}

CASE("renameat2", "renameFlags", "EXCHANGE of a directory with what is in it is EINVAL") {
  make_directory("d");
  make_directory("d/e");
  FAILS_EITHER(EINVAL, ENOTEMPTY, rename_with("d", "d/e", RENAME_EXCHANGE));
  FAILS_EITHER(EINVAL, ENOTEMPTY, rename_with("d/e", "d", RENAME_EXCHANGE));
}

CASE("renameat2", "renameFlags", "EXCHANGE of open files leaves the handles at their files") {
  make_file("a", "a");
  make_file("b", "b");
  int a = (int)SUCCEEDS(open("a", O_RDWR)), b = (int)SUCCEEDS(open("b", O_RDWR));
  SUCCEEDS(rename_with("a", "b", RENAME_EXCHANGE));
  TEXT("a", content_at(a));
  TEXT("b", content_at(b));
  EQUAL(1, pwrite(a, "A", 1, 0));
  TEXT("A", content_of("b"));
  EQUAL(1, fstat_of(b).st_nlink);
}

CASE("renameat2", "renameFlags", "EXCHANGE with itself succeeds") {
  make_file("f", "content");
  SUCCEEDS(rename_with("f", "f", RENAME_EXCHANGE));
  TEXT("content", content_of("f"));
}

CASE("renameat2", "renameFlags", "EXCHANGE changes a link with a file") {
  make_file("f", "content");
  SUCCEEDS(symlink("f", "link"));
  SUCCEEDS(rename_with("f", "link", RENAME_EXCHANGE));
  HOLDS(S_ISLNK(lstat_of("f").st_mode) && S_ISREG(lstat_of("link").st_mode));
}

CASE("renameat2", "", "flags that contradict each other or mean nothing are EINVAL") {
  make_file("f", "");
  make_file("g", "");
  FAILS(EINVAL, rename_with("f", "g", RENAME_NOREPLACE | RENAME_EXCHANGE));
  FAILS(EINVAL, rename_with("f", "g", 1u << 20));
}

CASE("renameat2", "!renameFlags", "flags are EINVAL, so that programs find another way") {
  make_file("f", "content");
  make_file("g", "kept");
  FAILS_EITHER(EINVAL, EEXIST, rename_with("f", "g", RENAME_NOREPLACE));
  FAILS(EINVAL, rename_with("f", "g", RENAME_EXCHANGE));
  TEXT("content", content_of("f"));
  TEXT("kept", content_of("g"));
}

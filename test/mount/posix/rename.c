#include "check.h"

CASE("rename", "", "a file keeps its content, inode number, mode and modification time") {
  make_file("old", "content");
  SUCCEEDS(chmod("old", 0640));
  struct stat before = stat_of("old");
  tick();
  SUCCEEDS(rename("old", "new"));
  struct stat after = stat_of("new");
  EQUAL(before.st_ino, after.st_ino);
  EQUAL(before.st_mode, after.st_mode);
  EQUAL(ns_of(before.st_mtim), ns_of(after.st_mtim));
  TEXT("content", content_of("new"));
  HOLDS(!exists("old") && !is_listed(".", "old") && is_listed(".", "new"));
}

CASE("rename", "", "onto a file replaces it") {
  make_file("old", "content");
  make_file("new", "replaced");
  ino_t inode = stat_of("old").st_ino;
  SUCCEEDS(rename("old", "new"));
  EQUAL(inode, stat_of("new").st_ino);
  TEXT("content", content_of("new"));
  EQUAL(1, count_names("."));
}

CASE("rename", "", "onto an open file leaves its content to who has it open") {
  make_file("old", "content");
  make_file("new", "replaced");
  int file = (int)SUCCEEDS(open("new", O_RDWR));
  SUCCEEDS(rename("old", "new"));
  TEXT("replaced", content_at(file));
  EQUAL(0, fstat_of(file).st_nlink);
  EQUAL(8, write(file, "REPLACED", 8));
  TEXT("REPLACED", content_at(file));
  TEXT("content", content_of("new"));
}

CASE("rename", "", "of an open file leaves the handle at the file") {
  make_file("old", "content");
  int file = (int)SUCCEEDS(open("old", O_RDWR));
  SUCCEEDS(rename("old", "new"));
  EQUAL(7, pwrite(file, "CONTENT", 7, 0));
  TEXT("CONTENT", content_of("new"));
  EQUAL(1, fstat_of(file).st_nlink);
}

CASE("rename", "", "of an open file onto another open file keeps both apart") {
  make_file("old", "one");
  make_file("new", "two");
  int one = (int)SUCCEEDS(open("old", O_RDWR)), two = (int)SUCCEEDS(open("new", O_RDWR));
  SUCCEEDS(rename("old", "new"));
  EQUAL(3, pwrite(one, "ONE", 3, 0));
  EQUAL(3, pwrite(two, "TWO", 3, 0));
  TEXT("ONE", content_of("new"));
  TEXT("TWO", content_at(two));
}

CASE("rename", "", "changes the times of both directories") {
  make_directory("from");
  make_directory("to");
  make_file("from/f", "");
  int64_t from = mtime_of("from"), to = mtime_of("to");
  int64_t from_changed = ctime_of("from"), to_changed = ctime_of("to");
  tick();
  SUCCEEDS(rename("from/f", "to/f"));
  HOLDS(mtime_of("from") > from && mtime_of("to") > to);
  HOLDS(ctime_of("from") > from_changed && ctime_of("to") > to_changed);
}

CASE("rename", "", "to the same name changes nothing") {
  make_file("f", "content");
  SUCCEEDS(rename("f", "f"));
  TEXT("content", content_of("f"));
  make_directory("d");
  SUCCEEDS(rename("d", "d"));
  EQUAL(2, count_names("."));
}

CASE("rename", "", "of a directory takes along what is in it") {
  make_directory("old");
  make_directory("old/deep");
  make_file("old/deep/f", "content");
  SUCCEEDS(rename("old", "new"));
  TEXT("content", content_of("new/deep/f"));
  FAILS(ENOENT, access("old/deep/f", F_OK));
}

CASE("rename", "", "of a directory moves a link between the parents") {
  make_directory("from");
  make_directory("to");
  make_directory("from/d");
  EQUAL(3, stat_of("from").st_nlink);
  SUCCEEDS(rename("from/d", "to/d"));
  EQUAL(2, stat_of("from").st_nlink);
  EQUAL(3, stat_of("to").st_nlink);
}

CASE("rename", "", "of a directory gives it another parent") {
  make_directory("from");
  make_directory("to");
  make_directory("from/d");
  SUCCEEDS(rename("from/d", "to/d"));
  EQUAL(stat_of("to").st_ino, stat_of("to/d/..").st_ino);
}

CASE("rename", "", "onto an empty directory replaces it") {
  make_directory("old");
  make_file("old/f", "");
  make_directory("new");
  nlink_t links = stat_of(".").st_nlink;
  SUCCEEDS(rename("old", "new"));
  HOLDS(exists("new/f"));
  EQUAL(links - 1, stat_of(".").st_nlink);
}

CASE("rename", "", "onto a directory that is not empty is ENOTEMPTY") {
  make_directory("old");
  make_directory("new");
  make_file("new/f", "");
  FAILS_EITHER(ENOTEMPTY, EEXIST, rename("old", "new"));
  HOLDS(exists("old") && exists("new/f"));
}

CASE("rename", "", "of a file onto a directory is EISDIR") {
  make_file("f", "");
  make_directory("d");
  FAILS(EISDIR, rename("f", "d"));
}

CASE("rename", "", "of a directory onto a file is ENOTDIR") {
  make_file("f", "");
  make_directory("d");
  FAILS(ENOTDIR, rename("d", "f"));
}

CASE("rename", "", "of a directory into itself is EINVAL") {
  make_directory("d");
  make_directory("d/e");
  FAILS(EINVAL, rename("d", "d/inside"));
  FAILS(EINVAL, rename("d", "d/e/inside"));
  EQUAL(1, count_names("d"));
}

CASE("rename", "", "onto the directory it is in is ENOTEMPTY") {
  make_directory("d");
  make_directory("d/e");
  make_directory("d/e/f");
  FAILS_EITHER(ENOTEMPTY, EEXIST, rename("d/e", "d"));
  FAILS_EITHER(ENOTEMPTY, EEXIST, rename("d/e/f", "d"));
}

CASE("rename", "", "of a link moves the link, not what it names") {
  char target[8] = "";
  make_file("f", "content");
  SUCCEEDS(symlink("f", "link"));
  SUCCEEDS(rename("link", "moved"));
  SUCCEEDS(readlink("moved", target, sizeof target));
  TEXT("f", target);
  HOLDS(exists("f"));
}

CASE("rename", "", "onto a link replaces the link, not what it names") {
  make_file("f", "content");
  make_file("new", "new");
  SUCCEEDS(symlink("f", "link"));
  SUCCEEDS(rename("new", "link"));
  HOLDS(S_ISREG(lstat_of("link").st_mode));
  TEXT("content", content_of("f"));
}

CASE("rename", "", "of a directory onto a link to a directory is ENOTDIR") {
  make_directory("d");
  make_directory("e");
  SUCCEEDS(symlink("e", "link"));
  FAILS(ENOTDIR, rename("d", "link"));
}

CASE("rename", "", ". and .. are EBUSY or EINVAL") {
  make_directory("d");
  FAILS_EITHER(EBUSY, EINVAL, rename("d/.", "e"));
  FAILS_EITHER(EBUSY, EINVAL, rename("d/..", "e"));
  FAILS_EITHER(EBUSY, EINVAL, rename("d", "."));
}

CASE("rename", "", "of a file with a slash behind a name is ENOTDIR") {
  make_file("f", "");
  FAILS(ENOTDIR, rename("f/", "new"));
  FAILS(ENOTDIR, rename("f", "new/"));
  HOLDS(exists("f"));
}

CASE("rename", "", "of a directory with a slash behind the names succeeds") {
  make_directory("d");
  SUCCEEDS(rename("d/", "e/"));
  HOLDS(exists("e"));
}

CASE("rename", "", "who works in a directory is told its new name") {
  char path[PATH_MAX];
  make_directory("d");
  SUCCEEDS(chdir("d"));
  SUCCEEDS(rename("../d", "../e"));
  HOLDS(getcwd(path, sizeof path) != NULL);
  TEXT("/e", strrchr(path, '/'));
  make_file("f", "");
  HOLDS(exists("../e/f"));
}

CASE("rename", "", "of a directory leaves the files in it open") {
  make_directory("d");
  make_file("d/f", "content");
  int file = (int)SUCCEEDS(open("d/f", O_RDWR));
  SUCCEEDS(rename("d", "e"));
  EQUAL(7, pwrite(file, "CONTENT", 7, 0));
  TEXT("CONTENT", content_of("e/f"));
}

CASE("rename", "", "an old name is free at once, and not what it was") {
  make_file("f", "old");
  SUCCEEDS(rename("f", "g"));
  make_file("f", "new");
  TEXT("old", content_of("g"));
  TEXT("new", content_of("f"));
}

CASE("rename", "", "two names are changed with each other by way of a third") {
  make_file("a", "a");
  make_file("b", "b");
  SUCCEEDS(rename("a", "t"));
  SUCCEEDS(rename("b", "a"));
  SUCCEEDS(rename("t", "b"));
  TEXT("b", content_of("a"));
  TEXT("a", content_of("b"));
}

CASE("rename", "", "a name of 255 bytes to another one of 255 bytes") {
  char longest[256];
  strcpy(longest, long_name(255));
  make_file(longest, "content");
  longest[0] = 'y';
  SUCCEEDS(rename(long_name(255), longest));
  TEXT("content", content_of(longest));
}

CASE("rename", "", "onto a file of mode 0 replaces mode and content") {
  make_file("old", "content");
  make_file("new", "");
  SUCCEEDS(chmod("new", 0));
  AS(OWNER) {
    SUCCEEDS(rename("old", "new"));
    TEXT("content", content_of("new"));
  }
  EQUAL(0644, stat_of("new").st_mode & 07777);
}

CASE("rename", "", "who looks never finds the name missing while it is replaced") {
  make_file("name", "0");
  pid_t child = beside();
  if (child == 0) {
    for (int round = 0; round < 200; round++) {
      make_file("next", "1");
      SUCCEEDS(rename("next", "name"));
    }
    make_file("done", "");
    leave_child();
  }
  while (access("done", F_OK) < 0) {
    int file = (int)SUCCEEDS(open("name", O_RDONLY));
    EQUAL(1, strlen(content_at(file)));
    SUCCEEDS(close(file));
  }
  finished(child);
}

CASE("rename", "", "from and to directories that may not be written is EACCES") {
  make_directory("d");
  make_directory("locked");
  make_file("d/f", "");
  make_file("locked/f", "");
  SUCCEEDS(chmod("locked", 0555));
  AS(OWNER) {
    FAILS(EACCES, rename("locked/f", "d/g"));
    FAILS(EACCES, rename("d/f", "locked/g"));
  }
}

CASE("rename", "", "of a directory that may not be written to another parent is EACCES") {
  make_directory("d");
  make_directory("locked");
  SUCCEEDS(chmod("locked", 0555));
  AS(OWNER) {
    FAILS(EACCES, rename("locked", "d/locked"));
    SUCCEEDS(rename("locked", "other"));
  }
}

CASE("rename", "otherUsers", "of somebody else's file in a sticky directory is EPERM") {
  make_directory("sticky");
  make_file("sticky/f", "");
  SUCCEEDS(chmod("sticky", 01777));
  AS(OTHER) { FAILS_EITHER(EPERM, EACCES, rename("sticky/f", "sticky/g")); }
}

CASE("rename", "otherUsers", "of a file in a directory that all may write is anybody's") {
  make_directory("open");
  make_file("open/f", "");
  SUCCEEDS(chmod("open", 0777));
  AS(OTHER) { SUCCEEDS(rename("open/f", "open/g")); }
}

CASE("rename", "", "five hundred renamings of one file end at the last name") {
  char from[32] = "name-0", to[32];
  make_file(from, "content");
  for (int round = 1; round <= 500; round++) {
    snprintf(to, sizeof to, "name-%d", round);
    SUCCEEDS(rename(from, to));
    strcpy(from, to);
  }
  TEXT("content", content_of("name-500"));
  EQUAL(1, count_names("."));
}

CASE("rename", "", "a file that was written and not closed arrives with what was written") {
  int file = (int)SUCCEEDS(open("f.tmp", O_RDWR | O_CREAT, 0644));
  EQUAL(7, write(file, "content", 7));
  SUCCEEDS(rename("f.tmp", "f"));
  TEXT("content", content_of("f"));
  EQUAL(5, write(file, " more", 5));
  SUCCEEDS(close(file));
  TEXT("content more", content_of("f"));
}

CASE("rename", "", "by directories' handles is from and to those") {
  make_directory("a");
  make_directory("b");
  make_file("a/f", "content");
  int a = (int)SUCCEEDS(open("a", O_RDONLY)), b = (int)SUCCEEDS(open("b", O_RDONLY));
  SUCCEEDS(renameat(a, "f", b, "g"));
  TEXT("content", content_of("b/g"));
}

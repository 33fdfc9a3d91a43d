#include "check.h"

CASE("symlink", "", "keeps its target byte for byte, with its length as its size") {
  char target[64] = "";
  SUCCEEDS(symlink("../some where/\xc3\xa4", "link"));
  ssize_t length = SUCCEEDS(readlink("link", target, sizeof target - 1));
  EQUAL(16, length);
  TEXT("../some where/\xc3\xa4", target);
  EQUAL(16, lstat_of("link").st_size);
  HOLDS(S_ISLNK(lstat_of("link").st_mode));
}

CASE("symlink", "", "has all permission bits") {
  SUCCEEDS(symlink("target", "link"));
  EQUAL(0777, lstat_of("link").st_mode & 07777);
}

CASE("symlink", "", "leads to a file, for reading and writing") {
  make_file("f", "content");
  SUCCEEDS(symlink("f", "link"));
  TEXT("content", content_of("link"));
  make_file("link", "through");
  TEXT("through", content_of("f"));
  HOLDS(S_ISLNK(lstat_of("link").st_mode));
}

CASE("symlink", "", "leads to a directory, and on from there") {
  make_directory("d");
  make_file("d/f", "content");
  SUCCEEDS(symlink("d", "link"));
  TEXT("content", content_of("link/f"));
  EQUAL(1, count_names("link"));
}

CASE("symlink", "", "in a directory is read from there") {
  make_directory("d");
  make_file("f", "outside");
  SUCCEEDS(symlink("../f", "d/link"));
  TEXT("outside", content_of("d/link"));
}

CASE("symlink", "", "over anything that is there is EEXIST") {
  make_file("f", "");
  make_directory("d");
  SUCCEEDS(symlink("absent", "l"));
  FAILS(EEXIST, symlink("x", "f"));
  FAILS(EEXIST, symlink("x", "d"));
  FAILS(EEXIST, symlink("x", "l"));
}

CASE("symlink", "", "an empty target is ENOENT") {
  FAILS(ENOENT, symlink("", "link"));
}

CASE("symlink", "", "a target of a thousand bytes is kept") {
  char wanted[1001], found[2000];
  fill(wanted, 1000, 0, 3);
  for (int at = 0; at < 1000; at++) wanted[at] = (char)('a' + (wanted[at] & 15));
  wanted[1000] = 0;
  SUCCEEDS(symlink(wanted, "link"));
  EQUAL(1000, readlink("link", found, sizeof found));
  EQUAL(0, memcmp(wanted, found, 1000));
}

CASE("symlink", "", "a target of 4095 bytes is kept, one of 4096 is ENAMETOOLONG") {
  char found[PATH_MAX + 1];
  SUCCEEDS(symlink(long_name(PATH_MAX - 1), "link"));
  EQUAL(PATH_MAX - 1, readlink("link", found, sizeof found));
  FAILS(ENAMETOOLONG, symlink(long_name(PATH_MAX), "longer"));
}

CASE("symlink", "rawNames", "a target that is not UTF-8 is kept") {
  char found[16] = "";
  SUCCEEDS(symlink("\xe9\xff", "link"));
  EQUAL(2, readlink("link", found, sizeof found));
  TEXT("\xe9\xff", found);
}

CASE("symlink", "", "its directory's times change when it is made") {
  int64_t modified = mtime_of(".");
  tick();
  SUCCEEDS(symlink("x", "link"));
  HOLDS(mtime_of(".") > modified);
}

CASE("symlink", "", "forty of them in a row are followed, a circle is ELOOP") {
  make_file("0", "end");
  for (int at = 1; at <= 40; at++) {
    char to[8], name[8];
    snprintf(to, sizeof to, "%d", at - 1);
    snprintf(name, sizeof name, "%d", at);
    SUCCEEDS(symlink(to, name));
  }
  TEXT("end", content_of("40"));
  SUCCEEDS(symlink("40", "41"));
  FAILS(ELOOP, open("41", O_RDONLY));
}

CASE("symlink", "setsModifiedAlone", "has times of its own, which can be set") {
  make_file("f", "");
  SUCCEEDS(symlink("f", "link"));
  int64_t before = mtime_of("f");
  struct timespec times[2] = {{1000000000, 0}, {1100000000, 0}};
  SUCCEEDS(utimensat(AT_FDCWD, "link", times, AT_SYMLINK_NOFOLLOW));
  EQUAL(1100000000, lstat_of("link").st_mtim.tv_sec);
  EQUAL(before, mtime_of("f"));
}

CASE("readlink", "", "what is no link is EINVAL") {
  char target[8];
  make_file("f", "");
  make_directory("d");
  FAILS(EINVAL, readlink("f", target, sizeof target));
  FAILS(EINVAL, readlink("d", target, sizeof target));
}

CASE("readlink", "", "a buffer that is too short gets the beginning") {
  char target[4];
  SUCCEEDS(symlink("target", "link"));
  EQUAL(3, readlink("link", target, 3));
  EQUAL(0, memcmp("tar", target, 3));
}

CASE("readlink", "", "a link that took another's place is read anew") {
  char target[8] = "";
  SUCCEEDS(symlink("old", "link"));
  SUCCEEDS(readlink("link", target, sizeof target));
  SUCCEEDS(symlink("new", "other"));
  SUCCEEDS(rename("other", "link"));
  SUCCEEDS(readlink("link", target, sizeof target));
  TEXT("new", target);
}

CASE("link", "!hardLinks", "a second name of a file is EPERM, so that programs copy") {
  make_file("f", "content");
  FAILS(EPERM, link("f", "second"));
  HOLDS(!exists("second"));
  EQUAL(1, stat_of("f").st_nlink);
}

CASE("link", "!hardLinks", "a second name of a link is EPERM") {
  SUCCEEDS(symlink("x", "link"));
  FAILS(EPERM, link("link", "second"));
}

CASE("link", "hardLinks", "a second name is the same file") {
  make_file("f", "content");
  SUCCEEDS(link("f", "second"));
  EQUAL(stat_of("f").st_ino, stat_of("second").st_ino);
  EQUAL(2, stat_of("f").st_nlink);
  SUCCEEDS(unlink("f"));
  TEXT("content", content_of("second"));
  EQUAL(1, stat_of("second").st_nlink);
}

CASE("link", "hardLinks", "a renaming of one name over the other changes nothing") {
  make_file("f", "content");
  SUCCEEDS(link("f", "second"));
  SUCCEEDS(rename("f", "second"));
  EQUAL(2, count_names("."));
}

CASE("link", "", "a directory is EPERM") {
  make_directory("d");
  FAILS(EPERM, link("d", "second"));
  HOLDS(!exists("second"));
}

CASE("link", "", "onto a name that is there is EEXIST") {
  make_file("f", "");
  make_file("g", "");
  FAILS_EITHER(EEXIST, EPERM, link("f", "g"));
}

CASE("link", "", "with a slash behind the name of a file is no success") {
  make_file("f", "");
  FAILS(ENOTDIR, link("f/", "second"));
  FAILS_EITHER(ENOENT, ENOTDIR, link("f", "second/"));
}

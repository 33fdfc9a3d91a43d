#include "check.h"
#include <sys/xattr.h>

#define SET(path, name, text) SUCCEEDS(setxattr(path, name, text, strlen(text), 0))

/* Returns the value, ended by a NUL, in memory that the next call uses again. */
static const char *value_of(const char *path, const char *name) {
  static char value[256];
  long long length = SUCCEEDS(lgetxattr(path, name, value, sizeof value - 1));
  value[length] = '\0';
  return value;
}

static bool is_in_list(const char *path, const char *name) {
  static char names[65536];
  long long length = SUCCEEDS(listxattr(path, names, sizeof names));
  for (const char *at = names; at < names + length; at += strlen(at) + 1)
    if (strcmp(at, name) == 0) return true;
  return false;
}

CASE("xattr", "", "an attribute that is not there is ENODATA") {
  char value[8];
  make_file("f", "");
  FAILS(ENODATA, getxattr("f", "user.none", value, sizeof value));
  FAILS(ENODATA, removexattr("f", "user.none"));
  FAILS(ENODATA, setxattr("f", "user.none", "x", 1, XATTR_REPLACE));
}

CASE("xattr", "", "a list into a buffer that is too short is ERANGE, its length can be asked for") {
  char names[1];
  make_file("f", "");
  SET("f", "user.colour", "blue");
  HOLDS(SUCCEEDS(listxattr("f", NULL, 0)) >= (long long)sizeof "user.colour");
  FAILS(ERANGE, listxattr("f", names, 1));
}

CASE("xattr", "", "a value of one's own is kept, replaced and removed") {
  make_file("f", "");
  SUCCEEDS(setxattr("f", "user.colour", "blue", 4, XATTR_CREATE));
  FAILS(EEXIST, setxattr("f", "user.colour", "red", 3, XATTR_CREATE));
  TEXT("blue", value_of("f", "user.colour"));
  SUCCEEDS(setxattr("f", "user.colour", "red", 3, XATTR_REPLACE));
  EQUAL(3, getxattr("f", "user.colour", NULL, 0));
  HOLDS(is_in_list("f", "user.colour"));
  SUCCEEDS(removexattr("f", "user.colour"));
  FAILS(ENODATA, getxattr("f", "user.colour", NULL, 0));
  HOLDS(!is_in_list("f", "user.colour"));
}

CASE("xattr", "", "a value into a buffer that is too short is ERANGE") {
  char value[2];
  make_file("f", "");
  SET("f", "user.colour", "blue");
  FAILS(ERANGE, getxattr("f", "user.colour", value, 2));
}

CASE("xattr", "", "several values are kept beside each other, on a directory too, any bytes and none") {
  char value[8] = "";
  make_directory("d");
  SET("d", "user.colour", "blue");
  SET("d", "user.größe", "groß");
  SUCCEEDS(setxattr("d", "user.bytes", "\0\xff\0", 3, 0));
  SUCCEEDS(setxattr("d", "user.empty", "", 0, 0));
  SET("d", "user.colour", "green");
  TEXT("green", value_of("d", "user.colour"));
  TEXT("groß", value_of("d", "user.größe"));
  EQUAL(3, getxattr("d", "user.bytes", value, sizeof value));
  EQUAL(0, memcmp(value, "\0\xff\0", 3));
  EQUAL(0, getxattr("d", "user.empty", NULL, 0));
  SUCCEEDS(removexattr("d", "user.größe"));
  HOLDS(is_in_list("d", "user.bytes") && is_in_list("d", "user.empty"));
  HOLDS(!is_in_list("d", "user.größe"));
}

CASE("xattr", "", "values go with the file: renamed, opened, removed, never to the one in its place") {
  make_file("f", "");
  make_file("g", "");
  SET("f", "user.name", "f");
  SET("g", "user.name", "g");
  SUCCEEDS(rename("f", "h"));
  TEXT("f", value_of("h", "user.name"));
  int file = (int)SUCCEEDS(open("g", O_RDONLY));
  SUCCEEDS(rename("h", "g"));
  TEXT("f", value_of("g", "user.name"));
  if (!has("pathsOnly")) EQUAL(1, fgetxattr(file, "user.name", NULL, 0));
  SUCCEEDS(unlink("g"));
  make_file("g", "");
  FAILS(ENODATA, getxattr("g", "user.name", NULL, 0));
}

CASE("xattr", "", "writing, cutting and changing the mode leave values as they are") {
  make_file("f", "content");
  SET("f", "user.colour", "blue");
  make_file("f", "another content");
  SUCCEEDS(truncate("f", 0));
  SUCCEEDS(chmod("f", 0600));
  TEXT("blue", value_of("f", "user.colour"));
}

CASE("xattr", "", "setting a value moves the ctime on, and nothing else") {
  make_file("f", "content");
  struct stat before = stat_of("f");
  tick();
  SET("f", "user.colour", "blue");
  struct stat after = stat_of("f");
  HOLDS(ns_of(after.st_ctim) > ns_of(before.st_ctim));
  EQUAL(ns_of(before.st_mtim), ns_of(after.st_mtim));
}

CASE("xattr", "", "a value that is too large is refused, and one that was set stays") {
  static char value[65537];
  make_file("f", "");
  SET("f", "user.colour", "blue");
  FAILS(E2BIG, setxattr("f", "user.colour", value, sizeof value, 0));
  HOLDS(setxattr("f", "user.other", value, 65536, 0) == -1 && (errno == ENOSPC || errno == E2BIG));
  TEXT("blue", value_of("f", "user.colour"));
}

CASE("xattr", "", "the kernel keeps no values of one's own on links") {
  make_file("f", "");
  SUCCEEDS(symlink("f", "l"));
  FAILS(EPERM, lsetxattr("l", "user.colour", "blue", 4, 0));
  SET("l", "user.colour", "blue");
  TEXT("blue", value_of("f", "user.colour"));
}

CASE("xattr", "", "names without a name or a namespace are refused") {
  make_file("f", "");
  FAILS(EOPNOTSUPP, setxattr("f", "colour", "blue", 4, 0));
  FAILS(EINVAL, setxattr("f", "user.", "blue", 4, 0));
}

CASE("xattr", "otherUsers", "who may not write a file may not set its values, who may read it reads them") {
  make_file("f", "");
  SUCCEEDS(chmod("f", 0644));
  SUCCEEDS(chmod(".", 0755));
  SET("f", "user.colour", "blue");
  AS(OTHER) {
    FAILS(EACCES, setxattr("f", "user.colour", "red", 3, 0));
    FAILS(EACCES, removexattr("f", "user.colour"));
    TEXT("blue", value_of("f", "user.colour"));
  }
}

CASE("xattr", "ferryState", "the kernel's namespaces are EOPNOTSUPP, so that programs go on without") {
  make_file("f", "");
  FAILS(EOPNOTSUPP, setxattr("f", "security.ferry", "x", 1, 0));
  FAILS(EOPNOTSUPP, getxattr("f", "system.posix_acl_access", NULL, 0));
}

CASE("xattr", "ferryState", "the drive's state of a file is read, through a handle too") {
  char value[16] = "";
  make_file("f", "content");
  SUCCEEDS(getxattr("f", "user.ferry.state", value, sizeof value));
  TEXT("dirty", value);
  int file = (int)SUCCEEDS(open("f", O_RDONLY));
  EQUAL(5, fgetxattr(file, "user.ferry.state", NULL, 0));
  FAILS(ERANGE, getxattr("f", "user.ferry.state", value, 2));
  EQUAL(0, listxattr("f", NULL, 0));
  FAILS(EPERM, setxattr("f", "user.ferry.state", "local", 5, 0));
  FAILS(EPERM, setxattr("f", "user.ferry.other", "local", 5, 0));
}

#include "check.h"

static void is_a_name(const void *name, const void *second) {
  (void)second;
  make_file(name, "content");
  TEXT("content", content_of(name));
  HOLDS(is_listed(".", name));
  SUCCEEDS(rename(name, "plain"));
  SUCCEEDS(rename("plain", name));
  SUCCEEDS(unlink(name));
  make_directory(name);
  HOLDS(is_listed(".", name));
  SUCCEEDS(rmdir(name));
  EQUAL(0, count_names("."));
}

__attribute__((constructor)) static void add_names(void) {
  static const struct {
    const char *what, *bytes, *needs;
  } names[] = {
      {"a blank", " ", ""},
      {"blanks at both ends", " name ", ""},
      {"a dot at the end", "name.", ""},
      {"three dots", "...", ""},
      {"a dash first", "-rf", ""},
      {"a tilde", "~", ""},
      {"a line end", "two\nlines", ""},
      {"a tab and a bell", "\t\a", ""},
      {"quotes", "it's \"quoted\"", ""},
      {"a backslash", "back\\slash", ""},
      {"what a shell would run", "$(exit 1);`exit 1`|&", ""},
      {"wildcards", "*?[a-z]", ""},
      {"a colon", "C:", ""},
      {"angle brackets", "<>", ""},
      {"a percent escape", "%2F%00", ""},
      {"a device of another system", "NUL.txt", ""},
      {"letters beyond ASCII", "Füße", ""},
      {"Chinese", "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", ""},
      {"an emoji", "\xf0\x9f\x9a\xa2", ""},
      {"a sign without width", "a\xe2\x80\x8b", ""},
      {"DEL", "\x7f", ""},
      {"bytes that are not UTF-8", "latin\xe9", "rawNames"},
      {"half of a UTF-8 sequence", "\xf0\x9f", "rawNames"},
      {"a surrogate", "\xed\xa0\x80", "rawNames"},
      {"all bytes above 127", "\x80\x81\xfe\xff", "rawNames"},
  };
  for (size_t at = 0; at < sizeof names / sizeof *names; at++)
    add_case("names", names[at].needs, names[at].what, is_a_name, names[at].bytes, NULL);
}

CASE("names", "", "255 bytes") {
  is_a_name(long_name(255), NULL);
}

CASE("names", "", "one byte") {
  is_a_name("a", NULL);
}

CASE("names", "", "names that differ in case are two files") {
  make_file("name", "small");
  make_file("NAME", "large");
  TEXT("small", content_of("name"));
  TEXT("large", content_of("NAME"));
  EQUAL(2, count_names("."));
}

CASE("names", "", "a renaming that changes the case only takes effect") {
  make_file("name", "content");
  SUCCEEDS(rename("name", "Name"));
  HOLDS(is_listed(".", "Name") && !is_listed(".", "name"));
}

CASE("names", "rawNames", "a composed and a decomposed letter are two files") {
  make_file("\xc3\xa4", "composed");
  make_file("a\xcc\x88", "decomposed");
  TEXT("composed", content_of("\xc3\xa4"));
  TEXT("decomposed", content_of("a\xcc\x88"));
  EQUAL(2, count_names("."));
}

CASE("names", "rawNames", "two names that are not UTF-8 are told apart") {
  make_file("\xe9", "one");
  make_file("\xe8", "other");
  TEXT("one", content_of("\xe9"));
  TEXT("other", content_of("\xe8"));
  SUCCEEDS(rename("\xe9", "\xea"));
  TEXT("other", content_of("\xe8"));
}

CASE("names", "", "a name that was missing is there as soon as it is made by another process") {
  for (int round = 0; round < 20; round++) {
    FAILS(ENOENT, access("f", F_OK));
    IN_CHILD { make_file("f", ""); }
    SUCCEEDS(access("f", F_OK));
    IN_CHILD { SUCCEEDS(unlink("f")); }
  }
}

CASE("names", "", "a name that is a file, a directory and a link by turns is what it was made last") {
  for (int round = 0; round < 5; round++) {
    make_file("n", "");
    HOLDS(S_ISREG(lstat_of("n").st_mode));
    SUCCEEDS(unlink("n"));
    make_directory("n");
    HOLDS(S_ISDIR(lstat_of("n").st_mode));
    SUCCEEDS(rmdir("n"));
    SUCCEEDS(symlink("x", "n"));
    HOLDS(S_ISLNK(lstat_of("n").st_mode));
    SUCCEEDS(unlink("n"));
  }
}

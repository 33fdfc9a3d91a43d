#include "check.h"
#include <sys/syscall.h>

static void keeps_mode(const void *first, const void *second) {
  mode_t mode = (mode_t)(uintptr_t)first;
  (void)second;
  make_file("f", "content");
  make_directory("d");
  SUCCEEDS(chmod("f", mode));
  SUCCEEDS(chmod("d", mode));
  EQUAL(S_IFREG | mode, stat_of("f").st_mode);
  EQUAL(S_IFDIR | mode, stat_of("d").st_mode);
}

__attribute__((constructor)) static void add_modes(void) {
  static const mode_t modes[] = {0, 0400, 0444, 0600, 0711, 0755, 0777, 01777, 0111, 02755, 04755, 06777};
  for (size_t at = 0; at < sizeof modes / sizeof *modes; at++) {
    char *name;
    if (asprintf(&name, "mode %04o is kept of a file and a directory", modes[at]) < 0) abort();
    add_case("chmod", "", name, keeps_mode, (void *)(uintptr_t)modes[at], NULL);
  }
}

CASE("chmod", "", "changes the ctime and no other time") {
  make_file("f", "content");
  struct stat before = stat_of("f");
  tick();
  SUCCEEDS(chmod("f", 0600));
  struct stat after = stat_of("f");
  HOLDS(ns_of(after.st_ctim) > ns_of(before.st_ctim));
  EQUAL(ns_of(before.st_mtim), ns_of(after.st_mtim));
  EQUAL(before.st_size, after.st_size);
}

CASE("chmod", "", "through a handle, of a file and a directory") {
  make_file("f", "");
  make_directory("d");
  SUCCEEDS(fchmod((int)SUCCEEDS(open("f", O_RDONLY)), 0640));
  SUCCEEDS(fchmod((int)SUCCEEDS(open("d", O_RDONLY)), 0750));
  EQUAL(0640, stat_of("f").st_mode & 07777);
  EQUAL(0750, stat_of("d").st_mode & 07777);
}

CASE("chmod", "", "through a link changes what it names") {
  make_file("f", "");
  SUCCEEDS(symlink("f", "link"));
  SUCCEEDS(chmod("link", 0600));
  EQUAL(0600, stat_of("f").st_mode & 07777);
  EQUAL(0777, lstat_of("link").st_mode & 07777);
}

CASE("chmod", "", "who has a file open keeps what it may, after the mode is 0") {
  make_file("f", "content");
  AS(OWNER) {
    int file = (int)SUCCEEDS(open("f", O_RDWR));
    SUCCEEDS(chmod("f", 0));
    TEXT("content", content_at(file));
    EQUAL(1, write(file, "C", 1));
    FAILS(EACCES, open("f", O_RDONLY));
  }
}

CASE("chmod", "", "a mode is seen through each handle and the path alike") {
  make_file("f", "");
  int file = (int)SUCCEEDS(open("f", O_RDONLY));
  SUCCEEDS(chmod("f", 0604));
  EQUAL(0604, fstat_of(file).st_mode & 07777);
  SUCCEEDS(fchmod(file, 0606));
  EQUAL(0606, stat_of("f").st_mode & 07777);
}

CASE("chmod", "otherUsers", "of somebody else's file is EPERM") {
  make_file("f", "");
  SUCCEEDS(chmod("f", 0666));
  AS(OTHER) { FAILS(EPERM, chmod("f", 0600)); }
}

CASE("chmod", "", "a write by who is no superuser takes the set-user-id bit away") {
  make_file("f", "content");
  SUCCEEDS(chmod("f", 06755));
  AS(OWNER) {
    int file = (int)SUCCEEDS(open("f", O_WRONLY));
    EQUAL(1, write(file, "C", 1));
    SUCCEEDS(close(file));
  }
  EQUAL(0755, stat_of("f").st_mode & 07777);
}

CASE("chown", "", "to oneself succeeds") {
  make_file("f", "");
  make_directory("d");
  SUCCEEDS(symlink("f", "link"));
  SUCCEEDS(chown("f", getuid(), getgid()));
  SUCCEEDS(chown("d", getuid(), getgid()));
  SUCCEEDS(lchown("link", getuid(), getgid()));
}

CASE("chown", "", "of nobody to nobody succeeds") {
  make_file("f", "");
  SUCCEEDS(chown("f", (uid_t)-1, (gid_t)-1));
}

CASE("chown", "", "through a handle to oneself succeeds") {
  make_file("f", "");
  SUCCEEDS(fchown((int)SUCCEEDS(open("f", O_RDONLY)), getuid(), (gid_t)-1));
}

CASE("chown", "!owners", "to somebody else is EPERM") {
  make_file("f", "");
  FAILS(EPERM, chown("f", 12345, (gid_t)-1));
  FAILS(EPERM, chown("f", (uid_t)-1, 12345));
  EQUAL(getuid(), stat_of("f").st_uid);
  EQUAL(getgid(), stat_of("f").st_gid);
}

CASE("chown", "owners", "to somebody else is the superuser's right") {
  if (getuid() != 0) skip("only root may give files away");
  make_file("f", "");
  SUCCEEDS(chown("f", 12345, 23456));
  EQUAL(12345, stat_of("f").st_uid);
  EQUAL(23456, stat_of("f").st_gid);
}

CASE("chown", "otherUsers", "of somebody else's file is EPERM") {
  make_file("f", "");
  AS(OTHER) { FAILS(EPERM, chown("f", geteuid(), (gid_t)-1)); }
}

enum { READ = 4, WRITE = 2, RUN = 1 };

/* What each of the three classes may do is in its own three bits, and in no others. */
static void may(const void *first, const void *second) {
  unsigned bits = (unsigned)(uintptr_t)first;
  enum persona who = (enum persona)(uintptr_t)second;
  if (who != OWNER && getuid() != 0) skip("only root can become another user");
  unsigned shift = who == OWNER ? 6 : who == GROUP ? 3 : 0;
  make_file("f", "#!/bin/sh\n");
  SUCCEEDS(chmod("f", (07777 & ~07000 & ~(7u << shift)) | (bits << shift)));
  AS(who) {
    int code = bits & READ ? 0 : EACCES;
    FAILS(code, open("f", O_RDONLY));
    FAILS(bits & WRITE ? 0 : EACCES, open("f", O_WRONLY));
    FAILS((bits & (READ | WRITE)) == (READ | WRITE) ? 0 : EACCES, open("f", O_RDWR));
    FAILS(code, access("f", R_OK));
    FAILS(bits & WRITE ? 0 : EACCES, access("f", W_OK));
    FAILS(bits & RUN ? 0 : EACCES, access("f", X_OK));
    FAILS(bits & WRITE ? 0 : EACCES, truncate("f", 0));
  }
}

static void may_in_directory(const void *first, const void *second) {
  unsigned bits = (unsigned)(uintptr_t)first;
  enum persona who = (enum persona)(uintptr_t)second;
  if (who != OWNER && getuid() != 0) skip("only root can become another user");
  unsigned shift = who == OWNER ? 6 : who == GROUP ? 3 : 0;
  make_directory("d");
  make_file("d/f", "");
  SUCCEEDS(chmod("d", (0777 & ~(7u << shift)) | (bits << shift)));
  AS(who) {
    FAILS(bits & READ ? 0 : EACCES, open("d", O_RDONLY | O_DIRECTORY));
    FAILS(bits & RUN ? 0 : EACCES, access("d/f", F_OK));
    FAILS((bits & (WRITE | RUN)) == (WRITE | RUN) ? 0 : EACCES, mkdir("d/new", 0755));
    FAILS((bits & (WRITE | RUN)) == (WRITE | RUN) ? 0 : EACCES, unlink("d/f"));
    FAILS(bits & RUN ? 0 : EACCES, chdir("d"));
  }
}

__attribute__((constructor)) static void add_permissions(void) {
  static const struct {
    const char *who, *needs;
    enum persona persona;
  } classes[] = {{"the owner", "", OWNER}, {"the group", "otherUsers", GROUP}, {"others", "otherUsers", OTHER}};
  for (size_t at = 0; at < 3; at++)
    for (uintptr_t bits = 0; bits < 8; bits++) {
      char *file, *directory, *letters = (char[]){bits & READ ? 'r' : '-', bits & WRITE ? 'w' : '-',
                                                  bits & RUN ? 'x' : '-', 0};
      if (asprintf(&file, "%s may do with a file what %s says", classes[at].who, letters) < 0 ||
          asprintf(&directory, "%s may do in a directory what %s says", classes[at].who, letters) < 0)
        abort();
      const void *persona = (void *)(uintptr_t)classes[at].persona;
      add_case("permissions", classes[at].needs, file, may, (void *)bits, persona);
      add_case("permissions", classes[at].needs, directory, may_in_directory, (void *)bits, persona);
    }
}

CASE("permissions", "", "the superuser reads and writes whatever the mode is") {
  if (getuid() != 0) skip("only root passes permissions");
  make_file("f", "content");
  SUCCEEDS(chmod("f", 0));
  TEXT("content", content_of("f"));
  SUCCEEDS(open("f", O_RDWR));
}

CASE("permissions", "", "a mode that changes is in force at the next call") {
  make_file("f", "");
  AS(OWNER) {
    for (int round = 0; round < 10; round++) {
      SUCCEEDS(chmod("f", 0));
      FAILS(EACCES, open("f", O_RDONLY));
      SUCCEEDS(chmod("f", 0400));
      SUCCEEDS(close((int)SUCCEEDS(open("f", O_RDONLY))));
    }
  }
}

CASE("permissions", "", "another process sees a mode that changes") {
  make_file("f", "");
  IN_CHILD { SUCCEEDS(chmod("f", 0)); }
  AS(OWNER) { FAILS(EACCES, open("f", O_RDONLY)); }
  IN_CHILD { SUCCEEDS(chmod("f", 0600)); }
  AS(OWNER) { SUCCEEDS(open("f", O_RDONLY)); }
}

CASE("permissions", "otherUsers", "another user's file in a directory of mine is the other's") {
  if (getuid() != 0) skip("only root can become another user");
  SUCCEEDS(chmod(".", 0777));
  make_file("mine", "");
  AS(OTHER) {
    FAILS(EACCES, open("mine", O_WRONLY));
    FAILS(0, open("mine", O_RDONLY));
  }
}

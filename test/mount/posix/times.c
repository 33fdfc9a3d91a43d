#include "check.h"
#include <sys/time.h>

static void set_times(const char *path, int64_t atime, long atime_ns, int64_t mtime, long mtime_ns) {
  struct timespec times[2] = {{atime, atime_ns}, {mtime, mtime_ns}};
  SUCCEEDS(utimensat(AT_FDCWD, path, times, 0));
}

/* Says that both times of a file and of a directory can be set to the nanosecond. */
static void keeps_time(const void *first, const void *second) {
  int64_t seconds = (int64_t)(intptr_t)first;
  long ns = (long)(intptr_t)second;
  make_file("f", "");
  make_directory("d");
  set_times("f", 1500000000, 0, seconds, ns);
  set_times("d", 1500000000, 0, seconds, ns);
  EQUAL(seconds, stat_of("f").st_mtim.tv_sec);
  EQUAL(ns, stat_of("f").st_mtim.tv_nsec);
  EQUAL(seconds, stat_of("d").st_mtim.tv_sec);
  EQUAL(ns, stat_of("d").st_mtim.tv_nsec);
}

__attribute__((constructor)) static void add_times(void) {
  static const struct {
    const char *name, *needs;
    int64_t seconds;
    long ns;
  } times[] = {
      {"a whole second is kept", "", 1600000000, 0},
      {"milliseconds are kept", "", 1600000000, 123000000},
      {"microseconds are kept", "nsTimes", 1600000000, 123456000},
      {"nanoseconds are kept", "nsTimes", 1600000000, 123456789},
      {"the last nanosecond of a second is kept", "nsTimes", 1600000000, 999999999},
      {"the second 0 is kept", "", 0, 0},
      {"a time before 1970 is kept", "nsTimes", -86400 * 365, 0},
      {"a time before 1970 with nanoseconds is kept", "nsTimes", -1000000, 1},
      {"the last time of 32 bits is kept", "", 2147483647, 0},
      {"a time after 2038 is kept", "", 2147483648, 0},
      {"a time after 2106 is kept", "", 4294967296, 0},
      {"a time of the 23rd century is kept", "nsTimes", 9200000000, 5},
  };
  for (size_t at = 0; at < sizeof times / sizeof *times; at++)
    add_case("utimensat", times[at].needs, times[at].name, keeps_time,
             (void *)(intptr_t)times[at].seconds, (void *)(intptr_t)times[at].ns);
}

CASE("utimensat", "nsTimes", "a time beyond all that is kept is shown as a late one, not as an early one") {
  make_file("f", "");
  set_times("f", 13569465600, 0, 13569465600, 0);
  HOLDS(stat_of("f").st_mtim.tv_sec > 9200000000);
}

CASE("utimensat", "accessTimes", "the access time is kept beside the modification time") {
  make_file("f", "");
  set_times("f", 1000000000, 111111111, 1100000000, 222222222);
  EQUAL(1000000000111111111, atime_of("f"));
  EQUAL(1100000000222222222, mtime_of("f"));
}

CASE("utimensat", "setsModifiedAlone accessTimes", "UTIME_OMIT leaves one of the times as it was") {
  make_file("f", "");
  set_times("f", 1000000000, 0, 1100000000, 0);
  set_times("f", 0, UTIME_OMIT, 1200000000, 0);
  EQUAL(1000000000, stat_of("f").st_atim.tv_sec);
  EQUAL(1200000000, stat_of("f").st_mtim.tv_sec);
  set_times("f", 1300000000, 0, 0, UTIME_OMIT);
  EQUAL(1300000000, stat_of("f").st_atim.tv_sec);
  EQUAL(1200000000, stat_of("f").st_mtim.tv_sec);
}

CASE("utimensat", "", "UTIME_OMIT of both changes nothing") {
  make_file("f", "");
  struct stat before = stat_of("f");
  tick();
  set_times("f", 0, UTIME_OMIT, 0, UTIME_OMIT);
  struct stat after = stat_of("f");
  EQUAL(ns_of(before.st_mtim), ns_of(after.st_mtim));
  EQUAL(ns_of(before.st_ctim), ns_of(after.st_ctim));
}

CASE("utimensat", "", "UTIME_NOW sets the present time") {
  make_file("f", "");
  set_times("f", 1000000000, 0, 1000000000, 0);
  int64_t before = time(NULL) - 1;
  set_times("f", 0, UTIME_NOW, 0, UTIME_NOW);
  HOLDS(stat_of("f").st_mtim.tv_sec >= before && stat_of("f").st_mtim.tv_sec <= time(NULL) + 1);
}

CASE("utimensat", "setsModifiedAlone accessTimes", "UTIME_NOW of one time and a given one for the other") {
  make_file("f", "");
  set_times("f", 1000000000, 0, 0, UTIME_NOW);
  EQUAL(1000000000, stat_of("f").st_atim.tv_sec);
  HOLDS(llabs(stat_of("f").st_mtim.tv_sec - time(NULL)) < 10);
  set_times("f", 0, UTIME_NOW, 1100000000, 0);
  EQUAL(1100000000, stat_of("f").st_mtim.tv_sec);
  HOLDS(llabs(stat_of("f").st_atim.tv_sec - time(NULL)) < 10);
}

CASE("utimensat", "", "no times at all are the present ones") {
  make_file("f", "");
  set_times("f", 1000000000, 0, 1000000000, 0);
  SUCCEEDS(utimensat(AT_FDCWD, "f", NULL, 0));
  HOLDS(llabs(stat_of("f").st_mtim.tv_sec - time(NULL)) < 10);
}

CASE("utimensat", "", "changes the ctime to now") {
  make_file("f", "");
  int64_t before = ctime_of("f");
  tick();
  set_times("f", 1000000000, 0, 1000000000, 0);
  HOLDS(ctime_of("f") > before);
}

CASE("utimensat", "", "through a handle, read-only too") {
  make_file("f", "");
  int file = (int)SUCCEEDS(open("f", O_RDONLY));
  struct timespec times[2] = {{1000000000, 0}, {1100000000, 0}};
  SUCCEEDS(futimens(file, times));
  EQUAL(1100000000, stat_of("f").st_mtim.tv_sec);
}

CASE("utimensat", "", "a time set through a handle outlives closing it, after a write too") {
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  EQUAL(7, write(file, "content", 7));
  struct timespec times[2] = {{1000000000, 0}, {1100000000, 0}};
  SUCCEEDS(futimens(file, times));
  SUCCEEDS(close(file));
  EQUAL(1100000000, stat_of("f").st_mtim.tv_sec);
  TEXT("content", content_of("f"));
  EQUAL(1100000000, stat_of("f").st_mtim.tv_sec);
}

CASE("utimensat", "", "more than 999,999,999 nanoseconds are EINVAL") {
  make_file("f", "");
  struct timespec times[2] = {{1, 0}, {1, 1000000000}};
  FAILS(EINVAL, utimensat(AT_FDCWD, "f", times, 0));
}

CASE("utimensat", "otherUsers", "of somebody else's file is EPERM, the present time is for who may write") {
  make_file("f", "");
  SUCCEEDS(chmod("f", 0646));
  AS(OTHER) {
    struct timespec times[2] = {{1, 0}, {1, 0}};
    FAILS(EPERM, utimensat(AT_FDCWD, "f", times, 0));
    SUCCEEDS(utimensat(AT_FDCWD, "f", NULL, 0));
  }
  SUCCEEDS(chmod("f", 0644));
  AS(OTHER) { FAILS(EACCES, utimensat(AT_FDCWD, "f", NULL, 0)); }
}

CASE("utimensat", "", "microseconds of utimes and seconds of utime arrive") {
  make_file("f", "");
  struct timeval times[2] = {{1000000000, 0}, {1100000000, 500000}};
  SUCCEEDS(utimes("f", times));
  EQUAL(1100000000500000000, mtime_of("f"));
}

CASE("times", "", "a write changes mtime and ctime together") {
  make_file("f", "content");
  int64_t modified = mtime_of("f"), changed = ctime_of("f");
  tick();
  int file = (int)SUCCEEDS(open("f", O_WRONLY));
  EQUAL(1, write(file, "C", 1));
  SUCCEEDS(close(file));
  HOLDS(mtime_of("f") > modified && ctime_of("f") > changed);
}

CASE("times", "", "each later write is later, as seen through the handle and the path") {
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  int64_t last = 0;
  for (int round = 0; round < 5; round++) {
    tick();
    EQUAL(1, write(file, "x", 1));
    SUCCEEDS(fsync(file));
    int64_t now = ns_of(fstat_of(file).st_mtim);
    HOLDS(now > last);
    EQUAL(now, mtime_of("f"));
    last = now;
  }
}

CASE("times", "", "reading changes neither mtime nor ctime") {
  make_file("f", "content");
  int64_t modified = mtime_of("f"), changed = ctime_of("f");
  tick();
  TEXT("content", content_of("f"));
  EQUAL(modified, mtime_of("f"));
  EQUAL(changed, ctime_of("f"));
}

CASE("times", "", "opening for writing and closing changes no time") {
  make_file("f", "content");
  int64_t modified = mtime_of("f"), changed = ctime_of("f");
  tick();
  SUCCEEDS(close((int)SUCCEEDS(open("f", O_RDWR))));
  EQUAL(modified, mtime_of("f"));
  EQUAL(changed, ctime_of("f"));
}

CASE("times", "", "a write of no bytes changes no time") {
  make_file("f", "content");
  int64_t modified = mtime_of("f");
  tick();
  int file = (int)SUCCEEDS(open("f", O_WRONLY));
  EQUAL(0, write(file, "", 0));
  SUCCEEDS(close(file));
  EQUAL(modified, mtime_of("f"));
}

CASE("times", "", "what happens in a directory below changes no time of the one above") {
  make_directory("d");
  int64_t before = mtime_of(".");
  tick();
  make_file("d/f", "content");
  SUCCEEDS(unlink("d/f"));
  EQUAL(before, mtime_of("."));
}

CASE("times", "", "writing a file changes no time of its directory") {
  make_file("f", "");
  int64_t before = mtime_of(".");
  tick();
  make_file("f", "content");
  EQUAL(before, mtime_of("."));
}

CASE("times", "", "a failing call changes no time") {
  make_directory("d");
  make_file("d/f", "");
  int64_t modified = mtime_of("d"), changed = ctime_of("d");
  tick();
  FAILS(EEXIST, mkdir("d/f", 0755));
  FAILS(ENOENT, unlink("d/absent"));
  FAILS_EITHER(ENOTEMPTY, EEXIST, rmdir("d"));
  EQUAL(modified, mtime_of("d"));
  EQUAL(changed, ctime_of("d"));
}

CASE("times", "", "an access time is never before what relatime asks for") {
  make_file("f", "content");
  set_times("f", 1000000000, 0, 1100000000, 0);
  content_of("f");
  HOLDS(stat_of("f").st_atim.tv_sec >= 1000000000);
}

CASE("times", "", "O_NOATIME reading leaves the access time") {
  make_file("f", "content");
  set_times("f", 1000000000, 0, 1000000000, 0);
  int64_t before = atime_of("f");
  int file = (int)SUCCEEDS(open("f", O_RDONLY | O_NOATIME));
  TEXT("content", content_at(file));
  SUCCEEDS(close(file));
  EQUAL(before, atime_of("f"));
}

CASE("times", "", "times are the same through stat, fstat and statx") {
  make_file("f", "content");
  struct statx extended;
  SUCCEEDS(statx(AT_FDCWD, "f", AT_STATX_SYNC_AS_STAT, STATX_BASIC_STATS, &extended));
  struct stat found = fstat_of((int)SUCCEEDS(open("f", O_RDONLY)));
  EQUAL(extended.stx_mtime.tv_sec, found.st_mtim.tv_sec);
  EQUAL(extended.stx_mtime.tv_nsec, found.st_mtim.tv_nsec);
  EQUAL(ns_of(found.st_mtim), mtime_of("f"));
  EQUAL(extended.stx_ino, found.st_ino);
  EQUAL(extended.stx_size, 7);
}

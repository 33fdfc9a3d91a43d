#include "check.h"

CASE("mkdir", "", "a new directory is empty and of the mode asked for, less the umask") {
  umask(027);
  SUCCEEDS(mkdir("d", 0777));
  EQUAL(S_IFDIR | 0750, stat_of("d").st_mode);
  EQUAL(0, count_names("d"));
}

CASE("mkdir", "", "a new directory belongs to who made it") {
  make_directory("d");
  EQUAL(geteuid(), stat_of("d").st_uid);
  EQUAL(getegid(), stat_of("d").st_gid);
}

CASE("mkdir", "", "a new directory's times are now, and its parent's change with it") {
  int64_t before = mtime_of("."), changed = ctime_of(".");
  tick();
  make_directory("d");
  HOLDS(mtime_of("d") > before && ctime_of("d") > before && atime_of("d") > before);
  HOLDS(mtime_of(".") > before && ctime_of(".") > changed);
}

CASE("mkdir", "", "a directory in a directory is one link more of it") {
  nlink_t before = stat_of(".").st_nlink;
  make_directory("d");
  EQUAL(2, stat_of("d").st_nlink);
  EQUAL(before + 1, stat_of(".").st_nlink);
  SUCCEEDS(rmdir("d"));
  EQUAL(before, stat_of(".").st_nlink);
}

CASE("mkdir", "", "a file in a directory is no link more of it") {
  nlink_t before = stat_of(".").st_nlink;
  make_file("f", "");
  EQUAL(before, stat_of(".").st_nlink);
}

CASE("mkdir", "", "over anything that is there is EEXIST") {
  make_file("file", "");
  make_directory("directory");
  SUCCEEDS(symlink("absent", "dangling"));
  FAILS(EEXIST, mkdir("file", 0755));
  FAILS(EEXIST, mkdir("directory", 0755));
  FAILS(EEXIST, mkdir("dangling", 0755));
  HOLDS(!exists("absent"));
}

CASE("mkdir", "", "with a slash behind the name makes the directory") {
  SUCCEEDS(mkdir("d/", 0755));
  HOLDS(S_ISDIR(stat_of("d").st_mode));
}

CASE("mkdir", "", ". and .. are EEXIST") {
  FAILS(EEXIST, mkdir(".", 0755));
  FAILS(EEXIST, mkdir("..", 0755));
}

CASE("mkdir", "", "a hundred directories in each other are reached and left again") {
  for (int depth = 0; depth < 100; depth++) {
    make_directory("deeper");
    SUCCEEDS(chdir("deeper"));
  }
  make_file("f", "deep");
  for (int depth = 0; depth < 100; depth++) SUCCEEDS(chdir(".."));
  HOLDS(is_listed(".", "deeper"));
}

CASE("mkdir", "", "a path of 4095 bytes is no error") {
  make_directory("d");
  SUCCEEDS(mkdir(long_path(PATH_MAX - 1, "new"), 0755));
  HOLDS(S_ISDIR(stat_of("new").st_mode));
}

CASE("mkdir", "", "the sticky bit is kept where it is asked for") {
  SUCCEEDS(mkdir("d", 01777));
  EQUAL(01755, stat_of("d").st_mode & 07777);
}

CASE("rmdir", "", "an empty directory goes, and its parent's times change") {
  make_directory("d");
  int64_t modified = mtime_of("."), changed = ctime_of(".");
  tick();
  SUCCEEDS(rmdir("d"));
  HOLDS(!exists("d") && !is_listed(".", "d"));
  HOLDS(mtime_of(".") > modified && ctime_of(".") > changed);
}

CASE("rmdir", "", "a directory with a file in it is ENOTEMPTY") {
  make_directory("d");
  make_file("d/f", "");
  FAILS_EITHER(ENOTEMPTY, EEXIST, rmdir("d"));
  HOLDS(exists("d/f"));
}

CASE("rmdir", "", "a directory with a directory in it is ENOTEMPTY") {
  make_directory("d");
  make_directory("d/e");
  FAILS_EITHER(ENOTEMPTY, EEXIST, rmdir("d"));
}

CASE("rmdir", "", "a directory with a link in it is ENOTEMPTY") {
  make_directory("d");
  SUCCEEDS(symlink("absent", "d/link"));
  FAILS_EITHER(ENOTEMPTY, EEXIST, rmdir("d"));
}

CASE("rmdir", "", "a file is ENOTDIR") {
  make_file("f", "");
  FAILS(ENOTDIR, rmdir("f"));
}

CASE("rmdir", "", "a link to a directory is ENOTDIR") {
  make_directory("d");
  SUCCEEDS(symlink("d", "link"));
  FAILS(ENOTDIR, rmdir("link"));
}

CASE("rmdir", "", ". is EINVAL, .. is ENOTEMPTY") {
  make_directory("d");
  FAILS(EINVAL, rmdir("d/."));
  FAILS_EITHER(ENOTEMPTY, EBUSY, rmdir("d/.."));
}

CASE("rmdir", "", "an open directory goes; its handle finds nothing and has no links") {
  make_directory("d");
  DIR *stream = opendir("d");
  SUCCEEDS(rmdir("d"));
  EQUAL(0, fstat_of(dirfd(stream)).st_nlink);
  for (struct dirent *entry; (entry = readdir(stream));)
    HOLDS(strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
}

CASE("rmdir", "", "who works in a directory that goes keeps standing there") {
  make_directory("d");
  SUCCEEDS(chdir("d"));
  SUCCEEDS(rmdir("../d"));
  EQUAL(0, stat_of(".").st_nlink);
  FAILS(ENOENT, open("f", O_RDWR | O_CREAT, 0644));
}

CASE("rmdir", "", "a name is free again at once, for anything") {
  make_directory("d");
  SUCCEEDS(rmdir("d"));
  make_file("d", "file");
  TEXT("file", content_of("d"));
  SUCCEEDS(unlink("d"));
  make_directory("d");
}

CASE("rmdir", "otherUsers", "somebody else's directory in a sticky directory is EPERM") {
  SUCCEEDS(mkdir("sticky", 0755));
  SUCCEEDS(chmod("sticky", 01777));
  make_directory("sticky/d");
  AS(OTHER) { FAILS_EITHER(EPERM, EACCES, rmdir("sticky/d")); }
}

CASE("readdir", "", "a directory lists itself and its parent, with their inode numbers") {
  make_directory("d");
  DIR *stream = opendir("d");
  int found = 0;
  for (struct dirent *entry; (entry = readdir(stream));) {
    if (strcmp(entry->d_name, ".") == 0) found += entry->d_ino == stat_of("d").st_ino;
    if (strcmp(entry->d_name, "..") == 0) found += entry->d_ino == stat_of(".").st_ino;
  }
  EQUAL(2, found);
}

CASE("readdir", "", "names come with the kind and inode number that stat gives") {
  make_file("f", "");
  make_directory("d");
  SUCCEEDS(symlink("f", "link"));
  DIR *stream = opendir(".");
  int seen = 0;
  for (struct dirent *entry; (entry = readdir(stream));) {
    if (*entry->d_name == '.') continue;
    struct stat found = lstat_of(entry->d_name);
    EQUAL(found.st_ino, entry->d_ino);
    if (entry->d_type != DT_UNKNOWN) EQUAL(IFTODT(found.st_mode), entry->d_type);
    seen++;
  }
  EQUAL(3, seen);
}

/* As many as asked for, or a tenth where each takes long; returns how many. */
static int make_many(int count) {
  if (!has("quick")) count /= 10;
  for (int number = 0; number < count; number++) {
    char name[32];
    snprintf(name, sizeof name, "name-%05d", number);
    SUCCEEDS(mknod(name, S_IFREG | 0644, 0));
  }
  return count;
}

/* Notes each name that comes, and fails when one comes twice. */
static int note(DIR *stream, char *seen, int limit) {
  int count = 0, number;
  for (struct dirent *entry; count < limit && (entry = readdir(stream));)
    if (sscanf(entry->d_name, "name-%d", &number) == 1) {
      HOLDS(!seen[number]);
      seen[number] = 1;
      count++;
    }
  return count;
}

CASE("readdir", "", "names by the thousand come once each") {
  char seen[10000] = {0};
  int count = make_many(10000);
  EQUAL(count, note(opendir("."), seen, INT_MAX));
}

CASE("readdir", "", "names that stay come once each while others are removed") {
  char seen[2000] = {0};
  int count = make_many(1000);
  DIR *stream = opendir(".");
  note(stream, seen, count / 20);
  for (int number = 0; number < count; number += 2) {
    char name[32];
    snprintf(name, sizeof name, "name-%05d", number);
    SUCCEEDS(unlink(name));
  }
  note(stream, seen, INT_MAX);
  for (int number = 1; number < count; number += 2) HOLDS(seen[number]);
}

CASE("readdir", "", "names that were there come once each while others are added") {
  char seen[4000] = {0};
  int count = make_many(1000);
  DIR *stream = opendir(".");
  note(stream, seen, count / 20);
  for (int number = count; number < 2 * count; number++) {
    char name[32];
    snprintf(name, sizeof name, "name-%05d", number);
    SUCCEEDS(mknod(name, S_IFREG | 0644, 0));
  }
  note(stream, seen, INT_MAX);
  for (int number = 0; number < count; number++) HOLDS(seen[number]);
}

CASE("readdir", "", "a directory can be emptied while it is read, as rm -r does") {
  make_many(1500);
  DIR *stream = opendir(".");
  for (struct dirent *entry; (entry = readdir(stream));)
    if (*entry->d_name != '.') SUCCEEDS(unlink(entry->d_name));
  EQUAL(0, count_names("."));
}

CASE("readdir", "", "rewinddir shows what has changed since") {
  make_file("old", "");
  DIR *stream = opendir(".");
  while (readdir(stream)) {}
  make_file("new", "");
  SUCCEEDS(unlink("old"));
  rewinddir(stream);
  int news = 0;
  for (struct dirent *entry; (entry = readdir(stream));) {
    HOLDS(strcmp(entry->d_name, "old") != 0);
    news += strcmp(entry->d_name, "new") == 0;
  }
  EQUAL(1, news);
}

CASE("readdir", "", "seekdir goes back to where telldir was") {
  int count = make_many(500);
  DIR *stream = opendir(".");
  for (int at = 0; at < count / 2; at++) readdir(stream);
  long place = telldir(stream);
  char next[256];
  strcpy(next, readdir(stream)->d_name);
  for (int at = 0; at < count / 4; at++) readdir(stream);
  seekdir(stream, place);
  TEXT(next, readdir(stream)->d_name);
}

CASE("readdir", "", "a place noted before others were removed goes on with the same name") {
  char seen[1000] = {0}, next[256];
  int count = make_many(500);
  DIR *stream = opendir(".");
  note(stream, seen, count / 2);
  long place = telldir(stream);
  strcpy(next, readdir(stream)->d_name);
  while (readdir(stream)) {}
  for (int number = 0; number < count; number++)
    if (seen[number]) {
      char name[32];
      snprintf(name, sizeof name, "name-%05d", number);
      SUCCEEDS(unlink(name));
    }
  seekdir(stream, place);
  TEXT(next, readdir(stream)->d_name);
}

CASE("readdir", "", "two handles of a directory have places of their own") {
  char first[1000] = {0}, second[1000] = {0};
  int count = make_many(500);
  DIR *one = opendir("."), *other = opendir(".");
  EQUAL(50, note(one, first, 50));
  EQUAL(count, note(other, second, INT_MAX));
  EQUAL(count - 50, note(one, first, INT_MAX));
}

CASE("readdir", "", "a renamed name is listed once, under one of its names") {
  int count = make_many(500);
  SUCCEEDS(rename("name-00007", "renamed"));
  HOLDS(is_listed(".", "renamed"));
  EQUAL(count, count_names("."));
}

CASE("readdir", "", "a directory that is open is listed on after it was renamed") {
  make_directory("d");
  make_file("d/f", "");
  DIR *stream = opendir("d");
  SUCCEEDS(rename("d", "e"));
  int found = 0;
  for (struct dirent *entry; (entry = readdir(stream));) found += strcmp(entry->d_name, "f") == 0;
  EQUAL(1, found);
}

CASE("readdir", "", "names of 255 bytes by the hundred are all listed") {
  for (int number = 0; number < 100; number++) {
    char name[256];
    memset(name, 'a', 255);
    snprintf(name, 10, "%09d", number);
    name[9] = 'b';
    name[255] = 0;
    make_file(name, "");
  }
  EQUAL(100, count_names("."));
}

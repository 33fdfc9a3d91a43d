#include "check.h"

CASE("open", "", "a new file is empty, of the mode asked for, and listed") {
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT | O_EXCL, 0640));
  struct stat found = fstat_of(file);
  EQUAL(S_IFREG | 0640, found.st_mode);
  EQUAL(0, found.st_size);
  EQUAL(1, found.st_nlink);
  HOLDS(is_listed(".", "f"));
}

CASE("open", "", "the umask takes bits from a new file's mode") {
  umask(077);
  SUCCEEDS(open("f", O_RDWR | O_CREAT, 0777));
  EQUAL(0700, stat_of("f").st_mode & 07777);
}

CASE("open", "", "a new file belongs to who made it") {
  make_file("f", "");
  EQUAL(geteuid(), stat_of("f").st_uid);
  EQUAL(getegid(), stat_of("f").st_gid);
}

CASE("open", "", "a new file's times are now, and its directory's change with it") {
  int64_t before = mtime_of("."), changed = ctime_of(".");
  tick();
  make_file("f", "");
  HOLDS(mtime_of("f") > before && atime_of("f") > before && ctime_of("f") > before);
  HOLDS(mtime_of(".") > before && ctime_of(".") > changed);
}

CASE("open", "", "a new file of mode 0 can be written through the handle that made it") {
  AS(OWNER) {
    int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0));
    EQUAL(1, write(file, "x", 1));
    FAILS(EACCES, open("f", O_RDONLY));
  }
}

CASE("open", "", "O_CREAT of a file that is there opens it and changes nothing") {
  make_file("f", "content");
  SUCCEEDS(chmod("f", 0600));
  int64_t before = ctime_of("f"), directory = mtime_of(".");
  tick();
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0777));
  TEXT("content", content_at(file));
  EQUAL(0600, stat_of("f").st_mode & 07777);
  EQUAL(before, ctime_of("f"));
  EQUAL(directory, mtime_of("."));
}

CASE("open", "", "O_CREAT | O_EXCL of a file that is there is EEXIST") {
  make_file("f", "content");
  FAILS(EEXIST, open("f", O_RDWR | O_CREAT | O_EXCL, 0644));
  TEXT("content", content_of("f"));
}

CASE("open", "", "O_CREAT | O_EXCL of a directory is EEXIST") {
  make_directory("d");
  FAILS(EEXIST, open("d", O_RDWR | O_CREAT | O_EXCL, 0644));
}

CASE("open", "", "O_CREAT | O_EXCL of a link is EEXIST, wherever it leads") {
  make_file("f", "");
  SUCCEEDS(symlink("f", "link"));
  SUCCEEDS(symlink("absent", "dangling"));
  FAILS(EEXIST, open("link", O_RDWR | O_CREAT | O_EXCL, 0644));
  FAILS(EEXIST, open("dangling", O_RDWR | O_CREAT | O_EXCL, 0644));
  HOLDS(!exists("absent"));
}

CASE("open", "", "of many who make the same file with O_EXCL, one succeeds") {
  pid_t children[8];
  for (int at = 0; at < 8; at++)
    if ((children[at] = beside()) == 0) {
      char name[16];
      snprintf(name, sizeof name, "won-%d", at);
      if (open("f", O_RDWR | O_CREAT | O_EXCL, 0644) >= 0) make_file(name, "");
      else EQUAL(EEXIST, errno);
      leave_child();
    }
  for (int at = 0; at < 8; at++) finished(children[at]);
  EQUAL(2, count_names("."));
}

CASE("open", "", "O_CREAT through a link that leads nowhere makes what it names") {
  SUCCEEDS(symlink("target", "link"));
  SUCCEEDS(open("link", O_RDWR | O_CREAT, 0644));
  HOLDS(S_ISREG(lstat_of("target").st_mode));
}

CASE("open", "", "O_CREAT of a directory is EISDIR") {
  make_directory("d");
  FAILS(EISDIR, open("d", O_RDONLY | O_CREAT, 0644));
}

CASE("open", "", "a directory for writing is EISDIR") {
  make_directory("d");
  FAILS(EISDIR, open("d", O_WRONLY));
  FAILS(EISDIR, open("d", O_RDWR));
}

CASE("open", "", "O_TRUNC of a directory is EISDIR") {
  make_directory("d");
  FAILS(EISDIR, open("d", O_WRONLY | O_TRUNC));
}

CASE("open", "", "O_DIRECTORY of a file is ENOTDIR") {
  make_file("f", "");
  FAILS(ENOTDIR, open("f", O_RDONLY | O_DIRECTORY));
}

CASE("open", "", "O_DIRECTORY of a link to a directory opens it") {
  make_directory("d");
  SUCCEEDS(symlink("d", "link"));
  int directory = (int)SUCCEEDS(open("link", O_RDONLY | O_DIRECTORY));
  EQUAL(stat_of("d").st_ino, fstat_of(directory).st_ino);
}

CASE("open", "", "O_NOFOLLOW of a link is ELOOP") {
  make_file("f", "");
  SUCCEEDS(symlink("f", "link"));
  FAILS(ELOOP, open("link", O_RDONLY | O_NOFOLLOW));
}

CASE("open", "", "O_DIRECTORY | O_NOFOLLOW of a link to a directory is ENOTDIR") {
  make_directory("d");
  SUCCEEDS(symlink("d", "link"));
  FAILS_EITHER(ENOTDIR, ELOOP, open("link", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
}

CASE("open", "", "a file with a slash behind its name is ENOTDIR") {
  make_file("f", "");
  FAILS(ENOTDIR, open("f/", O_RDONLY));
}

CASE("open", "", "O_CREAT with a slash behind the name is EISDIR") {
  FAILS(EISDIR, open("new/", O_RDWR | O_CREAT, 0644));
  HOLDS(!exists("new"));
}

CASE("open", "", "O_TRUNC empties a file and changes its times") {
  make_file("f", "content");
  int64_t modified = mtime_of("f"), changed = ctime_of("f");
  tick();
  SUCCEEDS(open("f", O_WRONLY | O_TRUNC));
  EQUAL(0, stat_of("f").st_size);
  HOLDS(mtime_of("f") > modified && ctime_of("f") > changed);
}

CASE("open", "", "O_TRUNC keeps the mode and the inode number") {
  make_file("f", "content");
  SUCCEEDS(chmod("f", 0751));
  ino_t before = stat_of("f").st_ino;
  SUCCEEDS(open("f", O_WRONLY | O_TRUNC));
  EQUAL(0751, stat_of("f").st_mode & 07777);
  EQUAL(before, stat_of("f").st_ino);
}

CASE("open", "", "O_TRUNC is seen by who has the file open") {
  make_file("f", "content");
  int reader = (int)SUCCEEDS(open("f", O_RDONLY));
  TEXT("content", content_at(reader));
  SUCCEEDS(open("f", O_WRONLY | O_TRUNC));
  TEXT("", content_at(reader));
  EQUAL(0, fstat_of(reader).st_size);
}

CASE("open", "", "who opened for reading cannot write, and the other way round") {
  make_file("f", "content");
  char byte;
  int reader = (int)SUCCEEDS(open("f", O_RDONLY)), writer = (int)SUCCEEDS(open("f", O_WRONLY));
  FAILS(EBADF, write(reader, "x", 1));
  FAILS(EBADF, read(writer, &byte, 1));
  FAILS_EITHER(EBADF, EINVAL, ftruncate(reader, 0));
}

CASE("open", "", "a directory cannot be read as a file") {
  char byte;
  int directory = (int)SUCCEEDS(open(".", O_RDONLY));
  FAILS(EISDIR, read(directory, &byte, 1));
}

CASE("open", "", "O_PATH looks without opening") {
  make_file("f", "content");
  SUCCEEDS(chmod("f", 0));
  AS(OWNER) {
    char byte;
    int place = (int)SUCCEEDS(open("f", O_PATH));
    EQUAL(7, fstat_of(place).st_size);
    FAILS(EBADF, read(place, &byte, 1));
  }
}

CASE("open", "", "O_PATH | O_NOFOLLOW is the link itself") {
  SUCCEEDS(symlink("absent", "link"));
  int place = (int)SUCCEEDS(open("link", O_PATH | O_NOFOLLOW));
  HOLDS(S_ISLNK(fstat_of(place).st_mode));
  char target[16];
  EQUAL(6, readlinkat(place, "", target, sizeof target));
}

CASE("open", "", "a path may begin at an open directory, and stays there when it is renamed") {
  make_directory("d");
  int directory = (int)SUCCEEDS(open("d", O_RDONLY | O_DIRECTORY));
  SUCCEEDS(rename("d", "e"));
  SUCCEEDS(openat(directory, "f", O_RDWR | O_CREAT, 0644));
  HOLDS(exists("e/f"));
}

CASE("open", "", "in a directory that was removed nothing can be made") {
  make_directory("d");
  int directory = (int)SUCCEEDS(open("d", O_RDONLY | O_DIRECTORY));
  SUCCEEDS(rmdir("d"));
  FAILS(ENOENT, openat(directory, "f", O_RDWR | O_CREAT, 0644));
  FAILS(ENOENT, mkdirat(directory, "e", 0755));
  FAILS(ENOENT, symlinkat("x", directory, "l"));
}

CASE("open", "tmpfile", "O_TMPFILE makes a file without a name") {
  int file = (int)SUCCEEDS(open(".", O_RDWR | O_TMPFILE, 0600));
  EQUAL(3, write(file, "abc", 3));
  TEXT("abc", content_at(file));
  EQUAL(0, count_names("."));
  EQUAL(0, fstat_of(file).st_nlink);
}

CASE("open", "!tmpfile", "O_TMPFILE is EOPNOTSUPP, so that programs use a name") {
  FAILS_EITHER(EOPNOTSUPP, EISDIR, open(".", O_RDWR | O_TMPFILE, 0600));
}

CASE("open", "", "O_NOATIME is for the owner of a file") {
  make_file("f", "");
  AS(OWNER) { SUCCEEDS(open("f", O_RDONLY | O_NOATIME)); }
}

CASE("open", "otherUsers", "O_NOATIME is EPERM for who does not own the file") {
  make_file("f", "");
  AS(OTHER) { FAILS(EPERM, open("f", O_RDONLY | O_NOATIME)); }
}

CASE("open", "", "a program can be run, and cannot be written while it runs") {
  int from = (int)SUCCEEDS(open("/bin/sleep", O_RDONLY));
  int to = (int)SUCCEEDS(open("program", O_WRONLY | O_CREAT, 0755));
  char bytes[1 << 16];
  for (ssize_t got; (got = SUCCEEDS(read(from, bytes, sizeof bytes)));)
    EQUAL(got, write(to, bytes, (size_t)got));
  SUCCEEDS(close(to));
  int started[2];
  SUCCEEDS(pipe2(started, O_CLOEXEC));
  pid_t child = beside();
  if (child == 0) {
    execl("./program", "sleep", "0.2", NULL);
    fail(PLACE, "expected a program that runs got %m");
  }
  close(started[1]);
  EQUAL(0, read(started[0], bytes, 1));
  FAILS(ETXTBSY, open("program", O_WRONLY));
  finished(child);
  SUCCEEDS(open("program", O_WRONLY));
}

CASE("open", "", "a script is run by the program that its first line names") {
  make_file("script", "#!/bin/sh\nexit 0\n");
  SUCCEEDS(chmod("script", 0755));
  IN_CHILD {
    execl("./script", "script", NULL);
    fail(PLACE, "expected a script that runs got %m");
  }
}

CASE("open", "", "a file without execute bits cannot be run") {
  make_file("script", "#!/bin/sh\nexit 0\n");
  FAILS(EACCES, execl("./script", "script", NULL));
}

CASE("open", "", "five hundred handles of one file are open at once") {
  make_file("f", "content");
  int handles[500];
  for (int at = 0; at < 500; at++) handles[at] = (int)SUCCEEDS(open("f", O_RDONLY));
  for (int at = 0; at < 500; at += 97) TEXT("content", content_at(handles[at]));
}

CASE("open", "", "a duplicated handle shares its position, another one does not") {
  make_file("f", "content");
  char byte;
  int file = (int)SUCCEEDS(open("f", O_RDONLY)), twin = (int)SUCCEEDS(dup(file));
  int other = (int)SUCCEEDS(open("f", O_RDONLY));
  EQUAL(1, read(file, &byte, 1));
  EQUAL(1, lseek(twin, 0, SEEK_CUR));
  EQUAL(0, lseek(other, 0, SEEK_CUR));
}

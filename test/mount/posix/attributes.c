#include "check.h"
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/socket.h>
#include <sys/un.h>

CASE("stat", "", "inode numbers of what is there together differ") {
  make_file("f", "");
  make_directory("d");
  make_file("d/f", "");
  SUCCEEDS(symlink("f", "l"));
  ino_t numbers[] = {stat_of(".").st_ino, stat_of("f").st_ino, stat_of("d").st_ino,
                     stat_of("d/f").st_ino, lstat_of("l").st_ino};
  for (int at = 0; at < 5; at++)
    for (int other = 0; other < at; other++) HOLDS(numbers[at] != numbers[other]);
}

CASE("stat", "", "all is on one device, and the same through every way to ask") {
  make_file("f", "content");
  make_directory("d");
  dev_t device = stat_of(".").st_dev;
  EQUAL(device, stat_of("f").st_dev);
  EQUAL(device, stat_of("d").st_dev);
  struct stat by_handle = fstat_of((int)SUCCEEDS(open("f", O_RDONLY))), by_path = stat_of("f");
  EQUAL(by_handle.st_ino, by_path.st_ino);
  EQUAL(by_handle.st_size, by_path.st_size);
  EQUAL(by_handle.st_mode, by_path.st_mode);
}

CASE("stat", "", "an inode number stays while the file is written, moved and looked at anew") {
  make_file("f", "");
  ino_t number = stat_of("f").st_ino;
  make_file("f", "content");
  SUCCEEDS(chmod("f", 0600));
  make_directory("d");
  SUCCEEDS(rename("f", "d/g"));
  EQUAL(number, stat_of("d/g").st_ino);
}

CASE("stat", "", "an empty file takes no blocks") {
  make_file("f", "");
  EQUAL(0, stat_of("f").st_blocks);
}

CASE("stat", "", "the block size is a power of two that programs can use") {
  make_file("f", "");
  blksize_t size = stat_of("f").st_blksize;
  HOLDS(size >= 512 && (size & (size - 1)) == 0);
}

CASE("statvfs", "", "says sizes that fit each other") {
  struct statvfs found;
  SUCCEEDS(statvfs(".", &found));
  HOLDS(found.f_bsize > 0 && found.f_frsize > 0 && found.f_blocks > 0);
  HOLDS(found.f_bavail <= found.f_bfree && found.f_bfree <= found.f_blocks);
  EQUAL(255, found.f_namemax);
}

CASE("statvfs", "", "says the same through a file, a handle and the directory") {
  make_file("f", "");
  struct statvfs by_file, by_handle;
  SUCCEEDS(statvfs("f", &by_file));
  SUCCEEDS(fstatvfs((int)SUCCEEDS(open(".", O_RDONLY)), &by_handle));
  EQUAL(by_file.f_blocks, by_handle.f_blocks);
  EQUAL(by_file.f_bsize, by_handle.f_bsize);
}

CASE("fsync", "", "of a file succeeds, and fdatasync, read-only too") {
  make_file("f", "content");
  int file = (int)SUCCEEDS(open("f", O_RDWR));
  EQUAL(1, write(file, "C", 1));
  SUCCEEDS(fsync(file));
  SUCCEEDS(fdatasync(file));
  SUCCEEDS(fsync((int)SUCCEEDS(open("f", O_RDONLY))));
}

CASE("fsync", "", "of a directory succeeds") {
  make_file("f", "");
  SUCCEEDS(fsync((int)SUCCEEDS(open(".", O_RDONLY | O_DIRECTORY))));
}

CASE("fsync", "", "of the whole file system succeeds") {
  make_file("f", "content");
  SUCCEEDS(syncfs((int)SUCCEEDS(open(".", O_RDONLY))));
}

CASE("fsync", "", "of a file that was renamed and of one that was removed succeeds") {
  int file = (int)SUCCEEDS(open("f", O_RDWR | O_CREAT, 0644));
  EQUAL(1, write(file, "x", 1));
  SUCCEEDS(rename("f", "g"));
  SUCCEEDS(fsync(file));
  SUCCEEDS(unlink("g"));
  SUCCEEDS(fsync(file));
}

CASE("fsync", "", "sync_file_range and fadvise are no errors") {
  make_file("f", "content");
  int file = (int)SUCCEEDS(open("f", O_RDWR));
  SUCCEEDS(sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WRITE));
  EQUAL(0, posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED));
  TEXT("content", content_at(file));
}

CASE("specials", "specials", "a fifo carries what is written to who reads") {
  char bytes[8] = "";
  SUCCEEDS(mkfifo("fifo", 0640));
  EQUAL(S_IFIFO | 0640, lstat_of("fifo").st_mode);
  int both = (int)SUCCEEDS(open("fifo", O_RDWR));
  EQUAL(5, write(both, "hello", 5));
  EQUAL(5, read(both, bytes, 5));
  TEXT("hello", bytes);
}

CASE("specials", "specials", "a fifo is found, renamed, listed and removed as any name") {
  SUCCEEDS(mkfifo("fifo", 0600));
  SUCCEEDS(rename("fifo", "other"));
  HOLDS(is_listed(".", "other") && S_ISFIFO(lstat_of("other").st_mode));
  SUCCEEDS(chmod("other", 0644));
  EQUAL(S_IFIFO | 0644, lstat_of("other").st_mode);
  FAILS(EEXIST, mkfifo("other", 0600));
  SUCCEEDS(unlink("other"));
  HOLDS(!exists("other"));
}

CASE("specials", "specials", "a fifo that nobody reads is ENXIO for who does not wait") {
  SUCCEEDS(mkfifo("fifo", 0600));
  FAILS(ENXIO, open("fifo", O_WRONLY | O_NONBLOCK));
  SUCCEEDS(open("fifo", O_RDONLY | O_NONBLOCK));
}

CASE("specials", "specials", "a socket is a place where processes meet") {
  struct sockaddr_un place = {.sun_family = AF_UNIX, .sun_path = "socket"};
  int server = (int)SUCCEEDS(socket(AF_UNIX, SOCK_STREAM, 0));
  SUCCEEDS(bind(server, (struct sockaddr *)&place, sizeof place));
  HOLDS(S_ISSOCK(lstat_of("socket").st_mode));
  FAILS(ECONNREFUSED, connect((int)SUCCEEDS(socket(AF_UNIX, SOCK_STREAM, 0)),
                              (struct sockaddr *)&place, sizeof place));
  SUCCEEDS(listen(server, 1));
  SUCCEEDS(connect((int)SUCCEEDS(socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr *)&place,
                   sizeof place));
  FAILS(ENXIO, open("socket", O_RDWR));
  FAILS(EADDRINUSE, bind((int)SUCCEEDS(socket(AF_UNIX, SOCK_STREAM, 0)),
                         (struct sockaddr *)&place, sizeof place));
}

CASE("specials", "specials", "a device node keeps its numbers, for root") {
  if (getuid() != 0) skip("only root can make devices");
  SUCCEEDS(mknod("null", S_IFCHR | 0600, makedev(1, 3)));
  EQUAL(makedev(1, 3), lstat_of("null").st_rdev);
  HOLDS(S_ISCHR(lstat_of("null").st_mode));
  AS(OWNER) { FAILS(EPERM, mknod("other", S_IFCHR | 0600, makedev(1, 3))); }
}

CASE("specials", "!specials", "fifos, sockets and devices are EPERM") {
  FAILS(EPERM, mkfifo("fifo", 0600));
  struct sockaddr_un place = {.sun_family = AF_UNIX, .sun_path = "socket"};
  FAILS(EPERM, bind((int)SUCCEEDS(socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr *)&place,
                    sizeof place));
}

CASE("specials", "", "mknod makes plain files") {
  SUCCEEDS(mknod("f", S_IFREG | 0640, 0));
  EQUAL(S_IFREG | 0640, stat_of("f").st_mode);
  make_file("f", "content");
  TEXT("content", content_of("f"));
  FAILS(EEXIST, mknod("f", S_IFREG | 0640, 0));
}

CASE("specials", "", "an ioctl that nobody knows is ENOTTY") {
  make_file("f", "");
  int file = (int)SUCCEEDS(open("f", O_RDONLY));
  FAILS_EITHER(ENOTTY, ENOSYS, ioctl(file, _IO('~', 77)));
}

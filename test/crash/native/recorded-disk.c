/*
 * Shows two disks as the files `client` and `server`, and writes down in one log, in the order in which they come,
 * every write and every flush of both. What is written to the file `mark` goes into the log as well: it says what had
 * happened by then. The disks are backed by plain files, so that what runs on them reads what it wrote.
 *
 *   recorded-disk LOG CLIENT-IMAGE SERVER-IMAGE MOUNTPOINT
 *
 * A log entry is 24 bytes (kind, disk, offset, length; little endian) and then, except for a flush, the bytes.
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum entry_kind { WRITTEN = 1, FLUSHED = 2, MARKED = 3 };
enum { CLIENT, SERVER, MARK, FILES };

static const char *const NAMES[FILES] = {"/client", "/server", "/mark"};
static int backing[2];
static int log_fd;

struct entry {
  uint32_t kind, disk;
  uint64_t offset, length;
};

static int file_at(const char *path) {
  for (int each = 0; each < FILES; each++)
    if (strcmp(path, NAMES[each]) == 0) return each;
  return -1;
}

static int note(struct entry entry, const char *bytes) {
  struct iovec pieces[] = {{&entry, sizeof entry}, {(void *)bytes, bytes ? entry.length : 0}};
  const ssize_t expected = (ssize_t)(sizeof entry + pieces[1].iov_len);
  return writev(log_fd, pieces, 2) == expected ? 0 : -EIO;
}

static int disk_getattr(const char *path, struct stat *out, struct fuse_file_info *info) {
  (void)info;
  memset(out, 0, sizeof *out);
  if (strcmp(path, "/") == 0) {
    out->st_mode = S_IFDIR | 0700;
    out->st_nlink = 2;
    return 0;
  }
  const int file = file_at(path);
  if (file < 0) return -ENOENT;
  if (file != MARK && fstat(backing[file], out) != 0) return -errno;
  out->st_mode = S_IFREG | 0600;
  out->st_nlink = 1;
  return 0;
}

static int disk_readdir(const char *path, void *list, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *info,
                        enum fuse_readdir_flags flags) {
  (void)path, (void)offset, (void)info, (void)flags;
  for (int each = 0; each < FILES; each++) fill(list, NAMES[each] + 1, NULL, 0, 0);
  return 0;
}

static int disk_open(const char *path, struct fuse_file_info *info) {
  const int file = file_at(path);
  if (file < 0) return -ENOENT;
  info->fh = (uint64_t)file;
  info->direct_io = 1;
  return 0;
}

static int disk_read(const char *path, char *out, size_t length, off_t offset, struct fuse_file_info *info) {
  (void)path;
  if (info->fh == MARK) return 0;
  const ssize_t result = pread(backing[info->fh], out, length, offset);
  return result < 0 ? -errno : (int)result;
}

static int disk_write(const char *path, const char *bytes, size_t length, off_t offset, struct fuse_file_info *info) {
  (void)path;
  const enum entry_kind kind = info->fh == MARK ? MARKED : WRITTEN;
  const int failed = note((struct entry){kind, (uint32_t)info->fh, (uint64_t)offset, length}, bytes);
  if (failed != 0) return failed;
  if (info->fh == MARK) return (int)length;
  const ssize_t result = pwrite(backing[info->fh], bytes, length, offset);
  return result < 0 ? -errno : (int)result;
}

static int disk_fsync(const char *path, int only_data, struct fuse_file_info *info) {
  (void)path, (void)only_data;
  return info->fh == MARK ? 0 : note((struct entry){FLUSHED, (uint32_t)info->fh, 0, 0}, NULL);
}

static int disk_truncate(const char *path, off_t length, struct fuse_file_info *info) {
  (void)length, (void)info;
  return file_at(path) == MARK ? 0 : -EPERM;
}

static const struct fuse_operations OPERATIONS = {
  .getattr = disk_getattr, .readdir = disk_readdir, .open = disk_open, .read = disk_read,
  .write = disk_write, .fsync = disk_fsync, .truncate = disk_truncate};

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: %s LOG CLIENT-IMAGE SERVER-IMAGE MOUNTPOINT\n", argv[0]);
    return 2;
  }
  log_fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  for (int disk = CLIENT; disk <= SERVER; disk++) {
    backing[disk] = open(argv[2 + disk], O_RDWR | O_CLOEXEC);
    if (backing[disk] < 0 || log_fd < 0) {
      perror(argv[2 + disk]);
      return 1;
    }
  }
  /* One thread: the order of the log is the order in which the requests came. */
  char *arguments[] = {argv[0], "-f", "-s", argv[4], NULL};
  return fuse_main(4, arguments, &OPERATIONS, NULL);
}

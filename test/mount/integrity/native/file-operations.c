#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checker.h"

ssize_t read_fully(int fd, uint8_t *target, size_t length, size_t offset) {
  size_t done = 0;
  while (done < length) {
    const ssize_t got = pread(fd, target + done, length - done, (off_t)(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    done += (size_t)got;
  }
  return (ssize_t)done;
}

void write_fully(int fd, const uint8_t *bytes, size_t length, size_t offset, bool append) {
  size_t done = 0;
  while (done < length) {
    const ssize_t put = append ? write(fd, bytes + done, length - done)
                               : pwrite(fd, bytes + done, length - done, (off_t)(offset + done));
    if (put < 0 && errno == EINTR) continue;
    must(put > 0, "write");
    done += (size_t)put;
  }
}

static void check_read(int fd, const struct object *object, size_t offset, size_t length) {
  const size_t expected = offset >= object->size ? 0 : object->size - offset < length ? object->size - offset : length;
  const ssize_t got = read_fully(fd, scratch(), length, offset);
  if (got < 0 && errno == ESTALE && object->superseded) return note_more(": a version that is gone");
  must(got >= 0, "read");
  if ((size_t)got != expected) {
    struct stat found;
    must(fstat(fd, &found) == 0, "fstat");
    fail("read %zd bytes at 0x%zx, expected %zu; it has 0x%llx bytes now", got, offset, expected,
         (unsigned long long)found.st_size);
  }
  compare("read", scratch(), object->bytes + offset, offset, expected);
}

void do_read(void) {
  const struct handle *handle = random_handle(can_read);
  if (handle == NULL) return do_open();
  const size_t offset = random_offset(options.file_size - 1, handle->object->size);
  const size_t length = random_length(options.file_size - offset);
  note("read 0x%zx+0x%zx through %d", offset, length, handle->fd);
  check_read(handle->fd, handle->object, offset, length);
}

static const uint8_t *new_bytes(size_t offset, size_t length) {
  generate((uint32_t)(options.seed * 1000003u + operation), offset, scratch(), length);
  return scratch();
}

/* A file with O_APPEND takes every write at its end, pwrite(2) too. */
static void write_through(const struct handle *handle, size_t offset, size_t length) {
  struct object *object = handle->object;
  const bool append = (handle->flags & O_APPEND) != 0;
  if (append) offset = object->size;
  if (offset + length > options.file_size) length = options.file_size - offset;
  note("%s 0x%zx+0x%zx through %d", append ? "append" : "write", offset, length, handle->fd);
  const uint8_t *bytes = new_bytes(offset, length);
  write_fully(handle->fd, bytes, length, offset, append);
  object_write(object, offset, bytes, length);
}

void do_write(void) {
  const struct handle *handle = random_handle(can_write);
  if (handle == NULL) return do_open();
  const size_t offset = random_offset(options.file_size - 1, handle->object->size);
  write_through(handle, offset, random_length(options.file_size - offset));
}

void do_append(void) {
  struct name *name = random_name(true);
  if (name == NULL) return do_create();
  struct object *object = name->object;
  size_t length = random_length(options.file_size / 8);
  if (object->size + length > options.file_size) length = options.file_size - object->size;
  note("open, append 0x%zx+0x%zx and close %s", object->size, length, path_of(name));
  const int fd = open(path_of(name), O_WRONLY | O_APPEND);
  must(fd >= 0, "open");
  must_lead_to(fd, object, path_of(name));
  const uint8_t *bytes = new_bytes(object->size, length);
  write_fully(fd, bytes, length, 0, true);
  must(close(fd) == 0, "close");
  object_write(object, object->size, bytes, length);
}

/* Programs that have a mapping of what is cut off would be killed (SIGBUS): the cut stays above it. */
static size_t mapped_end(const struct object *object) {
  size_t end = 0;
  for (int each = 0; each < HANDLES; each++) {
    const struct handle *handle = &handles[each];
    if (handle->object != object || handle->map == NULL) continue;
    const size_t map_end = handle->map_offset + handle->map_length;
    if (map_end > end) end = map_end;
  }
  return end;
}

void do_truncate(void) {
  struct name *name = random_name(true);
  const struct handle *handle = chance(2) ? random_handle(can_write) : NULL;
  struct object *object = handle != NULL ? handle->object : name != NULL ? name->object : NULL;
  if (object == NULL) return do_create();
  size_t size = random_offset(options.file_size, object->size);
  if (chance(3)) size = below((uint32_t)object->size + 1);
  if (size < mapped_end(object)) size = object->size;
  if (handle != NULL) {
    note("truncate to 0x%zx from 0x%zx through %d", size, object->size, handle->fd);
    must(ftruncate(handle->fd, (off_t)size) == 0, "ftruncate");
  } else {
    note("truncate %s to 0x%zx from 0x%zx", path_of(name), size, object->size);
    must(truncate(path_of(name), (off_t)size) == 0, "truncate");
  }
  object_resize(object, size);
}

static void direct_read(int fd, const struct object *object) {
  const size_t offset = below((uint32_t)(options.file_size / PAGE)) * PAGE;
  const size_t length = (1 + below((uint32_t)((options.file_size - offset) / PAGE))) * PAGE;
  note_more(": read 0x%zx+0x%zx", offset, length);
  check_read(fd, object, offset, length);
}

static void direct_write(int fd, struct object *object) {
  const size_t offset = below((uint32_t)(options.file_size / PAGE)) * PAGE;
  size_t length = random_length(options.file_size - offset);
  length = (length + PAGE - 1) / PAGE * PAGE;
  note_more(": write 0x%zx+0x%zx", offset, length);
  const uint8_t *bytes = new_bytes(offset, length);
  write_fully(fd, bytes, length, offset, false);
  object_write(object, offset, bytes, length);
}

void do_direct(void) {
  const struct name *name = random_name(true);
  if (name == NULL) return do_create();
  note("open %s past the page cache", path_of(name));
  const int fd = open(path_of(name), O_RDWR | O_DIRECT);
  if (fd < 0 && errno == EINVAL) return skipped("O_DIRECT", errno);
  must(fd >= 0, "open O_DIRECT");
  must_lead_to(fd, name->object, path_of(name));
  if (chance(2)) direct_read(fd, name->object);
  else direct_write(fd, name->object);
  must(close(fd) == 0, "close");
}

void do_sync(void) {
  struct handle *handle = random_handle(can_write);
  if (handle == NULL) return do_open();
  const bool data_only = chance(2);
  note("%s %d", data_only ? "fdatasync" : "fsync", handle->fd);
  must((data_only ? fdatasync(handle->fd) : fsync(handle->fd)) == 0, "fsync");
  handle->object->mapped_unsynced = false;
}

void do_stat(void) {
  const struct name *name = random_name(true);
  if (name == NULL) return do_create();
  note("stat %s", path_of(name));
  struct stat found;
  must(stat(path_of(name), &found) == 0, "stat");
  if (!S_ISREG(found.st_mode)) fail("%s is no file: mode %o", path_of(name), found.st_mode);
  must_be(&found, name->object, path_of(name));
  if ((size_t)found.st_size != name->object->size)
    fail("%s has %lld bytes, expected %zu", path_of(name), (long long)found.st_size, name->object->size);
}

/* What the kernel has cached hides what the file system would answer. */
void do_forget(void) {
  const struct handle *handle = random_handle(can_read);
  if (handle == NULL) return do_open();
  note("drop the cached pages of %d", handle->fd);
  must(posix_fadvise(handle->fd, 0, 0, POSIX_FADV_DONTNEED) == 0, "posix_fadvise");
}

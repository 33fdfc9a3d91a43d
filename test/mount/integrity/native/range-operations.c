#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "checker.h"

static bool is_unsupported(int error) { return error == EOPNOTSUPP || error == ENOSYS; }

struct range {
  size_t offset, length;
};

static struct range random_range(const struct object *object) {
  struct range range;
  range.offset = random_offset(options.file_size - 1, object->size);
  range.length = random_length(options.file_size - range.offset);
  return range;
}

void do_allocate(void) {
  const struct handle *handle = random_handle(can_write);
  if (handle == NULL) return do_open();
  struct object *object = handle->object;
  const struct range range = random_range(object);
  const bool keep_size = chance(2);
  note("fallocate 0x%zx+0x%zx%s through %d", range.offset, range.length, keep_size ? ", size kept" : "", handle->fd);
  const int mode = keep_size ? FALLOC_FL_KEEP_SIZE : 0;
  if (fallocate(handle->fd, mode, (off_t)range.offset, (off_t)range.length) != 0) {
    if (is_unsupported(errno)) return skipped("fallocate", errno);
    must(false, "fallocate");
  }
  if (!keep_size && range.offset + range.length > object->size) object_resize(object, range.offset + range.length);
}

void do_punch(void) {
  const struct handle *handle = random_handle(can_write);
  if (handle == NULL) return do_open();
  const struct range range = random_range(handle->object);
  note("punch a hole 0x%zx+0x%zx through %d", range.offset, range.length, handle->fd);
  const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  if (fallocate(handle->fd, mode, (off_t)range.offset, (off_t)range.length) != 0) {
    if (is_unsupported(errno)) return skipped("punch hole", errno);
    must(false, "punch hole");
  }
  object_zero(handle->object, range.offset, range.length);
}

void do_zero_range(void) {
  const struct handle *handle = random_handle(can_write);
  if (handle == NULL) return do_open();
  struct object *object = handle->object;
  const struct range range = random_range(object);
  const bool keep_size = chance(2);
  note("zero 0x%zx+0x%zx%s through %d", range.offset, range.length, keep_size ? ", size kept" : "", handle->fd);
  const int mode = FALLOC_FL_ZERO_RANGE | (keep_size ? FALLOC_FL_KEEP_SIZE : 0);
  if (fallocate(handle->fd, mode, (off_t)range.offset, (off_t)range.length) != 0) {
    if (is_unsupported(errno)) return skipped("zero range", errno);
    must(false, "zero range");
  }
  object_zero(object, range.offset, range.length);
  if (!keep_size && range.offset + range.length > object->size) object_resize(object, range.offset + range.length);
}

static bool is_zero(const struct object *object, size_t from, size_t to) {
  for (size_t at = from; at < to; at++)
    if (object->bytes[at] != 0) return false;
  return true;
}

static void seek_data(const struct handle *handle, size_t from) {
  const struct object *object = handle->object;
  note("look for data from 0x%zx through %d", from, handle->fd);
  const off_t found = lseek(handle->fd, (off_t)from, SEEK_DATA);
  if (found < 0 && errno == EINVAL) return skipped("SEEK_DATA", errno);
  if (found < 0 && errno != ENXIO) must(false, "SEEK_DATA");
  const size_t end = found < 0 ? object->size : (size_t)found;
  if (found >= 0 && (end < from || end >= object->size)) fail("SEEK_DATA says 0x%zx of 0x%zx", end, object->size);
  if (!is_zero(object, from, end)) fail("SEEK_DATA passed over data from 0x%zx to 0x%zx", from, end);
}

static void seek_hole(const struct handle *handle, size_t from) {
  const struct object *object = handle->object;
  note("look for a hole from 0x%zx through %d", from, handle->fd);
  const off_t found = lseek(handle->fd, (off_t)from, SEEK_HOLE);
  if (found < 0 && errno == EINVAL) return skipped("SEEK_HOLE", errno);
  if (from >= object->size) {
    if (found >= 0 || errno != ENXIO) fail("SEEK_HOLE beyond the end says %lld", (long long)found);
    return;
  }
  must(found >= 0, "SEEK_HOLE");
  const size_t at = (size_t)found;
  if (at < from || at > object->size) fail("SEEK_HOLE says 0x%zx of 0x%zx", at, object->size);
  if (at < object->size && object->bytes[at] != 0) {
    // Whether reading finds it, and a second answer, tell lost content from a wrong answer.
    unsigned char read = 0;
    const ssize_t got = pread(handle->fd, &read, 1, found);
    const long long again = lseek(handle->fd, (off_t)from, SEEK_HOLE);
    fail("SEEK_HOLE says 0x%zx of 0x%zx, where there is data; read there: %zd byte, %02x for %02x; now it says 0x%llx", at,
         object->size, got, read, object->bytes[at], again);
  }
}

void do_seek(void) {
  const struct handle *handle = random_handle(can_read);
  if (handle == NULL) return do_open();
  if (handle->object->mapped_unsynced) {
    note("fsync %d, then seek", handle->fd);
    must(fsync(handle->fd) == 0, "fsync");
    handle->object->mapped_unsynced = false;
  }
  const size_t from = random_offset(options.file_size, handle->object->size);
  if (chance(2)) seek_data(handle, from);
  else seek_hole(handle, from);
}

static bool can_copy_to(const struct handle *handle) { return can_write(handle) && !(handle->flags & O_APPEND); }

void do_copy(void) {
  const struct handle *from = random_handle(can_read);
  const struct handle *to = random_handle(can_copy_to);
  if (from == NULL || to == NULL) return do_open();
  if (from->object == to->object) return;
  loff_t source = (loff_t)random_offset(options.file_size - 1, from->object->size);
  loff_t target = (loff_t)random_offset(options.file_size - 1, to->object->size);
  const size_t room = options.file_size - (size_t)(source > target ? source : target);
  const size_t length = random_length(room), start = (size_t)source, place = (size_t)target;
  note("copy 0x%zx+0x%zx of %d to 0x%zx of %d", start, length, from->fd, place, to->fd);
  const ssize_t copied = copy_file_range(from->fd, &source, to->fd, &target, length, 0);
  if (copied < 0 && (is_unsupported(errno) || errno == EXDEV)) return skipped("copy_file_range", errno);
  if (copied < 0 && errno == ESTALE && from->object->superseded) return;
  must(copied >= 0, "copy_file_range");
  const size_t most = start >= from->object->size ? 0 : from->object->size - start;
  if ((size_t)copied > (length < most ? length : most)) fail("copied %zd bytes of %zu", copied, most);
  if (copied == 0 && most > 0) fail("copied nothing of %zu bytes", most);
  object_write(to->object, place, from->object->bytes + start, (size_t)copied);
}

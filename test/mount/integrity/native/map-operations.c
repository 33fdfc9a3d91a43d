#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "checker.h"

static bool can_map(const struct handle *handle) { return can_read(handle) && handle->object->size > 0; }

static bool can_map_to_write(const struct handle *handle) {
  return handle->fd >= 0 && (handle->flags & O_ACCMODE) == O_RDWR && handle->object->size > 0;
}

static bool can_hold(const struct handle *handle) { return can_map(handle) && handle->map == NULL; }

struct window {
  /** Where the mapping begins, and the bytes of the file in it. */
  size_t start, length;
};

static struct window random_window(const struct object *object) {
  struct window window;
  window.start = below((uint32_t)((object->size + PAGE - 1) / PAGE)) * PAGE;
  window.length = random_length(object->size - window.start);
  return window;
}

/* Reads the mapping; what is in its last page beyond the file's end must be zeros. */
static void check_map(const uint8_t *map, const struct object *object, struct window window) {
  compare("mapping", map, object->bytes + window.start, window.start, window.length);
  if (window.start + window.length != object->size) return;
  static const uint8_t zeros[PAGE];
  const size_t tail = (PAGE - window.length % PAGE) % PAGE;
  compare("beyond the end, in a mapping", map + window.length, zeros, object->size, tail);
}

void do_map_read(void) {
  const struct handle *handle = random_handle(can_map);
  if (handle == NULL) return do_open();
  struct object *object = handle->object;
  /* A page that cannot be fetched any more is a SIGBUS. */
  if (object->superseded) return;
  const struct window window = random_window(object);
  const int kind = chance(4) ? MAP_PRIVATE : MAP_SHARED;
  note("map and read 0x%zx+0x%zx through %d", window.start, window.length, handle->fd);
  uint8_t *map = mmap(NULL, window.length, PROT_READ, kind, handle->fd, (off_t)window.start);
  must(map != MAP_FAILED, "mmap");
  check_map(map, object, window);
  must(munmap(map, window.length) == 0, "munmap");
}

/* Writes within the file, and syncs or leaves that to the kernel. */
static void change_map(uint8_t *map, struct object *object, struct window window) {
  const size_t from = below((uint32_t)window.length);
  const size_t length = random_length(window.length - from);
  note_more(": write 0x%zx+0x%zx", window.start + from, length);
  generate((uint32_t)(options.seed * 1000003u + operation), window.start + from, map + from, length);
  object_write(object, window.start + from, map + from, length);
  object->mapped_unsynced = true;
  if (!chance(4)) return;
  note_more(" and msync");
  must(msync(map, window.length, MS_SYNC) == 0, "msync");
}

void do_map_write(void) {
  const struct handle *handle = random_handle(can_map_to_write);
  if (handle == NULL) return do_open();
  const struct window window = random_window(handle->object);
  note("map 0x%zx+0x%zx through %d", window.start, window.length, handle->fd);
  uint8_t *map = mmap(NULL, window.length, PROT_READ | PROT_WRITE, MAP_SHARED, handle->fd, (off_t)window.start);
  must(map != MAP_FAILED, "mmap");
  change_map(map, handle->object, window);
  must(munmap(map, window.length) == 0, "munmap");
}

void do_map_hold(void) {
  struct handle *handle = random_handle(can_hold);
  if (handle == NULL) return do_open();
  if (handle->object->superseded) return;
  const struct window window = random_window(handle->object);
  const bool writable = can_map_to_write(handle);
  note("map 0x%zx+0x%zx through %d and keep it", window.start, window.length, handle->fd);
  uint8_t *map =
      mmap(NULL, window.length, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, handle->fd, (off_t)window.start);
  must(map != MAP_FAILED, "mmap");
  handle->map = map;
  handle->map_offset = window.start;
  handle->map_length = window.length;
  handle->map_writable = writable;
  handle->object->writers += writable;
}

void do_map_use(void) {
  struct handle *handle = random_handle(has_map);
  if (handle == NULL) return do_map_hold();
  if (chance(3)) {
    note("unmap 0x%zx+0x%zx of %d", handle->map_offset, handle->map_length, handle->fd);
    return unmap(handle);
  }
  const struct window window = {handle->map_offset, handle->map_length};
  note("use the mapping 0x%zx+0x%zx of %d", window.start, window.length, handle->fd);
  if (handle->map_writable && chance(2)) return change_map(handle->map, handle->object, window);
  if (!handle->object->superseded)
    compare("kept mapping", handle->map, handle->object->bytes + window.start, window.start, window.length);
}

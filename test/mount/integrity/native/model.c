#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "checker.h"

struct name names[NAMES] = {
    {.leaf = "one"},          {.leaf = "two"},
    {.leaf = "three"},        {.leaf = "f\xc3\xbcnf and more.txt"},
    {.leaf = "five"},         {.leaf = "six", .inside = true},
    {.leaf = "seven", .inside = true},
};
struct handle handles[HANDLES];

static unsigned inner_number;

struct object *new_object(void) {
  struct object *object = calloc(1, sizeof *object);
  must(object != NULL, "calloc");
  object->bytes = calloc(1, options.file_size + PAGE);
  must(object->bytes != NULL, "calloc");
  object->references = 1;
  return object;
}

void release_object(struct object *object) {
  if (--object->references > 0) return;
  free(object->bytes);
  free(object);
}

/* Bytes beyond the size are zeros at all times: a file that grows shows them. */
void object_resize(struct object *object, size_t size) {
  readers_resized(object, size);
  if (size < object->size) memset(object->bytes + size, 0, object->size - size);
  object->size = size;
}

void object_write(struct object *object, size_t offset, const uint8_t *bytes, size_t length) {
  if (length == 0) return;
  if (offset + length > object->size) object_resize(object, offset + length);
  readers_wrote(object, offset, offset + length);
  memcpy(object->bytes + offset, bytes, length);
}

void object_zero(struct object *object, size_t offset, size_t length) {
  if (offset >= object->size) return;
  const size_t end = offset + length > object->size ? object->size : offset + length;
  readers_wrote(object, offset, end);
  memset(object->bytes + offset, 0, end - offset);
}

static const char *inner_name(unsigned number) {
  static char text[2][24];
  snprintf(text[number % 2], sizeof text[0], "inside-%u", number);
  return text[number % 2];
}

const char *inner_directory(void) { return inner_name(inner_number); }

const char *next_inner_directory(void) { return inner_name(inner_number + 1); }

void inner_directory_renamed(void) { inner_number++; }

const char *path_of(const struct name *name) {
  static char text[4][PATH_BYTES];
  static unsigned turn;
  char *path = text[turn++ % 4];
  if (name->inside)
    snprintf(path, PATH_BYTES, "%s/%s", inner_directory(), name->leaf);
  else
    snprintf(path, PATH_BYTES, "%s", name->leaf);
  return path;
}

struct name *random_name(bool existing) {
  const uint32_t first = below(NAMES);
  for (uint32_t step = 0; step < NAMES; step++) {
    struct name *name = &names[(first + step) % NAMES];
    if ((name->object != NULL) == existing) return name;
  }
  return NULL;
}

bool can_read(const struct handle *handle) { return handle->fd >= 0 && (handle->flags & O_ACCMODE) != O_WRONLY; }

bool can_write(const struct handle *handle) { return handle->fd >= 0 && (handle->flags & O_ACCMODE) != O_RDONLY; }

bool has_map(const struct handle *handle) { return handle->map != NULL; }

struct handle *random_handle(bool (*wanted)(const struct handle *)) {
  const uint32_t first = below(HANDLES);
  for (uint32_t step = 0; step < HANDLES; step++) {
    struct handle *handle = &handles[(first + step) % HANDLES];
    if (handle->object != NULL && wanted(handle)) return handle;
  }
  return NULL;
}

void open_handle(struct handle *handle, int fd, int flags, struct object *object) {
  *handle = (struct handle){.fd = fd, .flags = flags, .object = object};
  object->references++;
  object->writers += can_write(handle);
  must_lead_to(fd, object, "what was opened");
}

static void let_go(struct handle *handle) {
  if (handle->fd >= 0 || handle->map != NULL) return;
  release_object(handle->object);
  handle->object = NULL;
}

void close_descriptor(struct handle *handle) {
  handle->object->writers -= can_write(handle);
  must(close(handle->fd) == 0, "close");
  handle->fd = -1;
  let_go(handle);
}

void unmap(struct handle *handle) {
  must(munmap(handle->map, handle->map_length) == 0, "munmap");
  handle->object->writers -= handle->map_writable;
  handle->map = NULL;
  let_go(handle);
}

void close_handles(const struct object *object) {
  for (int each = 0; each < HANDLES; each++) {
    struct handle *handle = &handles[each];
    if (handle->object == NULL || (object != NULL && handle->object != object)) continue;
    if (handle->map != NULL) unmap(handle);
    if (handle->object != NULL) close_descriptor(handle);
  }
}

uint8_t *scratch(void) {
  static uint8_t *buffer;
  if (buffer == NULL) must(posix_memalign((void **)&buffer, PAGE, 2 * options.file_size + 2 * PAGE) == 0, "posix_memalign");
  return buffer;
}

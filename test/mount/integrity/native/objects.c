#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "checker.h"

enum { LABEL = 2 * PATH_BYTES };

void must_be(const struct stat *found, struct object *object, const char *path) {
  if (object->inode == 0) object->inode = found->st_ino;
  if (object->inode == found->st_ino) return;
  fail("%s leads to inode %llu, expected %llu", path, (unsigned long long)found->st_ino,
       (unsigned long long)object->inode);
}

void must_lead_to(int fd, struct object *object, const char *path) {
  struct stat found;
  must(fstat(fd, &found) == 0, "fstat");
  must_be(&found, object, path);
}

static void print_one(const char *label, const struct object *expected, int failed, const struct stat *found) {
  fprintf(stderr, "  %s: inode %llu with %zu bytes; ", label, (unsigned long long)expected->inode, expected->size);
  if (failed) fprintf(stderr, "there: %s\n", strerror(errno));
  else
    fprintf(stderr, "there: inode %llu with %lld bytes\n", (unsigned long long)found->st_ino, (long long)found->st_size);
}

void print_objects(void) {
  struct stat found;
  char label[LABEL];
  for (int each = 0; each < NAMES; each++) {
    if (names[each].object == NULL) continue;
    const int failed = stat(path_of(&names[each]), &found);
    print_one(path_of(&names[each]), names[each].object, failed, &found);
  }
  for (int each = 0; each < HANDLES; each++) {
    const struct handle *handle = &handles[each];
    if (handle->object == NULL) continue;
    snprintf(label, LABEL, "handle %d with %#x%s", handle->fd, handle->flags, handle->map != NULL ? ", mapped" : "");
    const int failed = fstat(handle->fd, &found);
    print_one(label, handle->object, failed, &found);
  }
}

static void print_owner(const struct object *object, const uint8_t *found, size_t offset, size_t length) {
  if (object == NULL || memcmp(object->bytes + offset, found, length) != 0) return;
  fprintf(stderr, "  the same bytes are in inode %llu\n", (unsigned long long)object->inode);
}

void print_owners(const uint8_t *found, size_t offset, size_t length) {
  for (int each = 0; each < NAMES; each++) print_owner(names[each].object, found, offset, length);
  for (int each = 0; each < HANDLES; each++) print_owner(handles[each].object, found, offset, length);
}

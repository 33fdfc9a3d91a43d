#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "checker.h"

static struct handle *free_handle(void) {
  for (int each = 0; each < HANDLES; each++)
    if (handles[each].object == NULL) return &handles[each];
  return NULL;
}

static int random_flags(void) {
  static const int choices[] = {O_RDONLY, O_RDONLY, O_RDWR, O_RDWR, O_RDWR | O_APPEND, O_WRONLY, O_WRONLY | O_APPEND};
  return choices[below(sizeof choices / sizeof *choices)];
}

static bool is_mapped(const struct object *object) {
  for (int each = 0; each < HANDLES; each++)
    if (handles[each].object == object && handles[each].map != NULL) return true;
  return false;
}

void do_open(void) {
  struct handle *handle = free_handle();
  const struct name *name = random_name(true);
  if (handle == NULL) return do_close();
  if (name == NULL) return do_create();
  int flags = random_flags();
  const bool empties = (flags & O_ACCMODE) != O_RDONLY && chance(6) && !is_mapped(name->object);
  note("open %s with %#x%s", path_of(name), flags, empties ? " and O_TRUNC" : "");
  const int fd = open(path_of(name), flags | (empties ? O_TRUNC : 0));
  must(fd >= 0, "open");
  note_more(": %d", fd);
  if (empties) object_resize(name->object, 0);
  open_handle(handle, fd, flags, name->object);
}

static bool is_open(const struct handle *handle) { return handle->fd >= 0; }

void do_close(void) {
  struct handle *handle = random_handle(is_open);
  if (handle == NULL) return;
  note("close %d%s", handle->fd, handle->map != NULL ? ", keep its mapping" : "");
  close_descriptor(handle);
}

void do_create(void) {
  struct handle *handle = free_handle();
  struct name *name = random_name(false);
  if (handle == NULL) return do_close();
  if (name == NULL) return do_unlink();
  const int flags = random_flags();
  note("create %s with %#x", path_of(name), flags);
  const int fd = open(path_of(name), flags | O_CREAT | O_EXCL, 0644);
  must(fd >= 0, "create");
  note_more(": %d", fd);
  name->object = new_object();
  open_handle(handle, fd, flags, name->object);
}

/* Where files keep a name while they are open: whether this one must be left where it is. */
static bool is_kept(const struct name *name) {
  return options.no_orphans && name->object != NULL && name->object->references > 1;
}

void do_rename(void) {
  struct name *from = random_name(true);
  struct name *to = &names[below(NAMES)];
  if (from == NULL) return do_create();
  if (from == to || is_kept(to)) return;
  note("rename %s to %s%s", path_of(from), path_of(to), to->object != NULL ? ", over it" : "");
  must(rename(path_of(from), path_of(to)) == 0, "rename");
  if (to->object != NULL) release_object(to->object);
  to->object = from->object;
  from->object = NULL;
}

void do_exchange(void) {
  struct name *one = random_name(true);
  struct name *other = &names[below(NAMES)];
  if (one == NULL) return do_create();
  if (one == other) return;
  const bool exchange = other->object != NULL && chance(2);
  note("rename %s to %s with %s", path_of(one), path_of(other), exchange ? "RENAME_EXCHANGE" : "RENAME_NOREPLACE");
  const int result =
      renameat2(AT_FDCWD, path_of(one), AT_FDCWD, path_of(other), exchange ? RENAME_EXCHANGE : RENAME_NOREPLACE);
  if (result != 0 && (errno == EINVAL || errno == ENOSYS)) return skipped("renameat2", errno);
  if (other->object != NULL && !exchange) {
    if (result == 0 || errno != EEXIST) fail("RENAME_NOREPLACE over a file: %s", result ? strerror(errno) : "done");
    return;
  }
  must(result == 0, "renameat2");
  struct object *moved = one->object;
  one->object = other->object;
  other->object = moved;
}

void do_rename_directory(void) {
  note("rename %s to %s", inner_directory(), next_inner_directory());
  must(rename(inner_directory(), next_inner_directory()) == 0, "rename");
  inner_directory_renamed();
}

void do_unlink(void) {
  struct name *name = random_name(true);
  if (name == NULL) return do_create();
  if (is_kept(name)) return;
  note("unlink %s", path_of(name));
  must(unlink(path_of(name)) == 0, "unlink");
  release_object(name->object);
  name->object = NULL;
}

/* libfuse's own name for a file that was removed while it was open. */
static bool is_hidden(const char *leaf) { return strncmp(leaf, ".fuse_hidden", 12) == 0; }

static void list(const char *directory, bool inside) {
  DIR *opened = opendir(directory);
  must(opened != NULL, "opendir");
  int expected = 0, found = 0;
  for (int each = 0; each < NAMES; each++) expected += names[each].inside == inside && names[each].object != NULL;
  for (struct dirent *entry = readdir(opened); entry != NULL; entry = readdir(opened)) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || is_hidden(entry->d_name)) continue;
    if (!inside && strcmp(entry->d_name, inner_directory()) == 0) continue;
    int at = 0;
    while (at < NAMES && (names[at].inside != inside || strcmp(names[at].leaf, entry->d_name) != 0)) at++;
    if (at == NAMES || names[at].object == NULL) fail("%s lists %s, which is not there", directory, entry->d_name);
    found++;
  }
  closedir(opened);
  if (found != expected) fail("%s lists %d files, expected %d", directory, found, expected);
}

void do_list(void) {
  note("list");
  list(".", false);
  list(inner_directory(), true);
}

void verify_name(const struct name *name) {
  note("read all of %s", path_of(name));
  const int fd = open(path_of(name), O_RDONLY);
  must(fd >= 0, "open");
  must_lead_to(fd, name->object, path_of(name));
  const ssize_t got = read_fully(fd, scratch(), options.file_size + PAGE, 0);
  must(got >= 0, "read");
  if ((size_t)got != name->object->size)
    fail("%s holds %zd bytes, expected %zu", path_of(name), got, name->object->size);
  compare(path_of(name), scratch(), name->object->bytes, 0, name->object->size);
  must(close(fd) == 0, "close");
}

void do_verify(void) {
  do_list();
  for (int each = 0; each < NAMES; each++)
    if (names[each].object != NULL) verify_name(&names[each]);
}

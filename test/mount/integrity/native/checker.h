/*
 * Does random operations on files of one directory, keeps in memory what they must contain, and stops at the first
 * difference. Names lead to objects, handles and mappings keep objects that have lost their name: as in a file system.
 */
#ifndef FERRY_CHECKER_H
#define FERRY_CHECKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>

enum {
  PAGE = 4096,
  BLOCK = 64 * 1024,
  NAMES = 7,
  NAMES_INSIDE = 2,
  HANDLES = 8,
  READERS = 2,
  LOGGED = 5000,
  LOG_LINE = 200,
  PATH_BYTES = 300,
};

/** Content that names, handles or readers lead to. */
struct object {
  uint8_t *bytes;
  size_t size;
  int references;
  /** Handles and mappings that can change it. */
  int writers;
  /** Sync has put another file in its place: what is missing of it may not come any more (ESTALE). */
  bool superseded;
  /** The inode by which it was first opened, which it keeps; 0: not yet known. */
  ino_t inode;
  /** Changed through a mapping that was not synced: the file system cannot know where its holes are. */
  bool mapped_unsynced;
};

/** One place in the tree; the last NAMES_INSIDE of them are in a directory that is renamed at times. */
struct name {
  const char *leaf;
  bool inside;
  struct object *object;
};

/** What a program has open: a descriptor, a mapping, or both; -1 and NULL where it has not. */
struct handle {
  int fd;
  int flags;
  uint8_t *map;
  size_t map_offset, map_length;
  bool map_writable;
  struct object *object;
};

struct options {
  uint64_t seed;
  uint64_t operations;
  size_t file_size;
  const char *directory;
  const char *only, *without;
  /** Lines on stdout ask the other end to give content back, replace files, restart; it answers on stdin. */
  bool controlled;
  /** A file may be replaced while programs read it. */
  bool replace_open;
  /** Files that are open are not removed, and nothing is renamed over them. */
  bool no_orphans;
  unsigned hang_seconds;
  /** So many of the last operations are printed with a difference. */
  unsigned history;
};

extern struct options options;
extern struct name names[NAMES];
extern struct handle handles[HANDLES];
/** Number of the operation that is being done. */
extern uint64_t operation;

/* random.c */
void seed_random(uint64_t seed);
uint32_t below(uint32_t limit);
bool chance(uint32_t one_in);
/** A place in a file: often at or beside a page, a block or the file's end. */
size_t random_offset(size_t limit, size_t end);
/** A length of 1 to `limit` bytes, short ones as often as long ones. */
size_t random_length(size_t limit);
/** Fills `target` with the bytes from `offset` of the endless content of that seed; the host makes the same. */
void generate(uint32_t seed, size_t offset, uint8_t *target, size_t length);

/* model.c */
struct object *new_object(void);
void release_object(struct object *object);
void object_write(struct object *object, size_t offset, const uint8_t *bytes, size_t length);
void object_zero(struct object *object, size_t offset, size_t length);
void object_resize(struct object *object, size_t size);
const char *path_of(const struct name *name);
/** Renames the directory that the last names are in, in the model; returns its new name. */
const char *inner_directory(void);
const char *next_inner_directory(void);
void inner_directory_renamed(void);
struct name *random_name(bool existing);
struct handle *random_handle(bool (*wanted)(const struct handle *));
bool can_read(const struct handle *handle);
bool can_write(const struct handle *handle);
bool has_map(const struct handle *handle);
void open_handle(struct handle *handle, int fd, int flags, struct object *object);
void close_descriptor(struct handle *handle);
void unmap(struct handle *handle);
/** Closes and unmaps what is open of an object; NULL: of all. */
void close_handles(const struct object *object);
/** Returns the shared scratch buffer, of the largest file's size and a page. */
uint8_t *scratch(void);

/* report.c */
void start_report(void);
/** Notes what is about to be done. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Adds to the line that was noted last. */
void note_more(const char *format, ...) __attribute__((format(printf, 1, 2)));
void skipped(const char *what, int error);
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Fails with errno unless `ok`. */
void must(bool ok, const char *what);
void compare(const char *what, const uint8_t *found, const uint8_t *expected, size_t offset, size_t length);
void print_summary(double seconds);

/* objects.c */
/** Fails unless what was found at a path is that object. */
void must_be(const struct stat *found, struct object *object, const char *path);
/** As must_be, of a descriptor. */
void must_lead_to(int fd, struct object *object, const char *path);
/** Which files there must be, and what is open of them, beside what is there. */
void print_objects(void);
/** Names the files that do have the bytes that were found in another one. */
void print_owners(const uint8_t *found, size_t offset, size_t length);

/* readers.c: other processes that read the same files */
void start_readers(void);
void read_elsewhere(void);
void read_behind(void);
void collect_readers(void);
void readers_wrote(const struct object *object, size_t from, size_t to);
void readers_resized(const struct object *object, size_t size);

/* control.c */
/** What the other end has really done. */
extern struct counted {
  uint64_t freed, uploaded, replaced, restarts;
} counted;
void ask_free(void);
void ask_upload(void);
void ask_replace(void);
void ask_restart(void);
void ask_network(void);

/* file-operations.c, name-operations.c, range-operations.c, map-operations.c */
void do_read(void);
void do_write(void);
void do_append(void);
void do_truncate(void);
void do_direct(void);
void do_sync(void);
void do_stat(void);
void do_forget(void);
void do_open(void);
void do_close(void);
void do_create(void);
void do_rename(void);
void do_exchange(void);
void do_rename_directory(void);
void do_unlink(void);
void do_list(void);
void verify_name(const struct name *name);
void do_verify(void);
void do_allocate(void);
void do_punch(void);
void do_zero_range(void);
void do_seek(void);
void do_copy(void);
void do_map_read(void);
void do_map_write(void);
void do_map_hold(void);
void do_map_use(void);

/** Reads all of a range; ends early only at the end of the file. Returns -1 with errno on failure. */
ssize_t read_fully(int fd, uint8_t *target, size_t length, size_t offset);
void write_fully(int fd, const uint8_t *bytes, size_t length, size_t offset, bool append);

struct operation_kind {
  const char *name;
  uint32_t weight;
  void (*run)(void);
  bool controlled;
  uint64_t done;
};
extern struct operation_kind kinds[];

#endif

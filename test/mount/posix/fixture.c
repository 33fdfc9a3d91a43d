#include "check.h"

#define CONTENT_BYTES (1 << 20)

void make_file(const char *path, const char *content) {
  int file = (int)SUCCEEDS(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644));
  EQUAL(strlen(content), write(file, content, strlen(content)));
  SUCCEEDS(close(file));
}

void make_directory(const char *path) { SUCCEEDS(mkdir(path, 0755)); }

const char *content_at(int file) {
  static char content[CONTENT_BYTES + 1];
  ssize_t length = 0, got;
  while (length < CONTENT_BYTES &&
         (got = SUCCEEDS(pread(file, content + length, (size_t)(CONTENT_BYTES - length), length))))
    length += got;
  content[length] = 0;
  return content;
}

const char *content_of(const char *path) {
  int file = (int)SUCCEEDS(open(path, O_RDONLY));
  const char *content = content_at(file);
  SUCCEEDS(close(file));
  return content;
}

struct stat stat_of(const char *path) {
  struct stat found;
  SUCCEEDS(stat(path, &found));
  return found;
}

struct stat lstat_of(const char *path) {
  struct stat found;
  SUCCEEDS(lstat(path, &found));
  return found;
}

struct stat fstat_of(int file) {
  struct stat found;
  SUCCEEDS(fstat(file, &found));
  return found;
}

bool exists(const char *path) {
  struct stat found;
  if (lstat(path, &found) == 0) return true;
  EQUAL(ENOENT, errno);
  return false;
}

static int look_for(const char *directory, const char *name) {
  DIR *stream = opendir(directory);
  HOLDS(stream != NULL);
  int count = 0;
  for (struct dirent *entry; (entry = readdir(stream));) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (!name || strcmp(entry->d_name, name) == 0) count++;
  }
  closedir(stream);
  return count;
}

int count_names(const char *directory) { return look_for(directory, NULL); }

bool is_listed(const char *directory, const char *name) { return look_for(directory, name) == 1; }

const char *long_name(size_t bytes) {
  static char name[PATH_MAX + 2];
  memset(name, 'x', bytes);
  name[bytes] = 0;
  return name;
}

const char *long_path(size_t bytes, const char *last) {
  static char path[PATH_MAX + 2];
  size_t before = bytes - strlen(last);
  for (size_t at = 0; at < before; at++) path[at] = at % 2 ? '/' : '.';
  if (before % 2) path[before - 1] = '/';
  strcpy(path + before, last);
  return path;
}

void tick(void) {
  struct timespec pause = {0, 12 * 1000 * 1000};
  nanosleep(&pause, NULL);
}

int64_t ns_of(struct timespec time) { return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec; }

int64_t mtime_of(const char *path) { return ns_of(lstat_of(path).st_mtim); }
int64_t ctime_of(const char *path) { return ns_of(lstat_of(path).st_ctim); }
int64_t atime_of(const char *path) { return ns_of(lstat_of(path).st_atim); }

static char byte_at(size_t position, unsigned seed) {
  return (char)(((position + 1) * 2654435761u >> 7) ^ (seed * 97));
}

void fill(char *bytes, size_t length, size_t at, unsigned seed) {
  for (size_t index = 0; index < length; index++) bytes[index] = byte_at(at + index, seed);
}

bool is_filled(const char *bytes, size_t length, size_t at, unsigned seed) {
  for (size_t index = 0; index < length; index++)
    if (bytes[index] != byte_at(at + index, seed)) return false;
  return true;
}

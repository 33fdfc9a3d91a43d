/*
 * The words that the cases are written in. Each case is run in a process and an empty directory of its own, which is
 * its working directory; the first expectation that does not hold ends it. check.c runs them, fixture.c makes files.
 */
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef void (*Body)(const void *first, const void *second);

/* `needs`: names of features that must be there, or, after a "!", must not; separated by blanks. */
void add_case(const char *group, const char *needs, const char *name, Body body, const void *first,
              const void *second);

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define CASE_(body, group, needs, name)                                                            \
  static void body(const void *, const void *);                                                    \
  __attribute__((constructor)) static void JOIN(body, _added)(void) {                              \
    add_case(group, needs, name, body, NULL, NULL);                                                \
  }                                                                                                \
  static void body(__attribute__((unused)) const void *first_,                                     \
                   __attribute__((unused)) const void *second_)
/* A case that is its body: CASE("rename", "", "keeps the content") { ... } */
#define CASE(group, needs, name) CASE_(JOIN(case_, __LINE__), group, needs, name)

#define PLACE __FILE__, __LINE__
/* Each returns what the call returned. */
#define SUCCEEDS(call) expect_success((long long)(call), #call, PLACE)
#define FAILS(code, call) (errno = 0, expect_failure(code, 0, (long long)(call), #call, PLACE))
#define FAILS_EITHER(code, other, call)                                                            \
  (errno = 0, expect_failure(code, other, (long long)(call), #call, PLACE))
#define EQUAL(expected, actual)                                                                    \
  expect_equal((long long)(expected), (long long)(actual), #actual, PLACE)
#define HOLDS(condition) expect_true(condition, #condition, PLACE)
#define TEXT(expected, actual) expect_text(expected, actual, #actual, PLACE)

long long expect_success(long long result, const char *what, const char *file, int line);
void expect_failure(int code, int other, long long result, const char *what, const char *file,
                    int line);
void expect_equal(long long expected, long long actual, const char *what, const char *file,
                  int line);
void expect_true(bool holds, const char *what, const char *file, int line);
void expect_text(const char *expected, const char *actual, const char *what, const char *file,
                 int line);
__attribute__((noreturn, format(printf, 3, 4))) void fail(const char *file, int line,
                                                          const char *format, ...);
/* Ends the case as one that says nothing here, with the reason. */
__attribute__((noreturn)) void skip(const char *reason);

/* Says whether a feature is to be expected here. */
bool has(const char *feature);

/* OWNER: who owns the files, without a superuser's privileges. GROUP: another user of the owner's group. */
enum persona { SAME, OWNER, GROUP, OTHER };
/* Runs its block as somebody else, in a child that is waited for: AS(OTHER) { FAILS(EACCES, ...); } */
#define AS(persona) for (bool inside_ = enter_child(persona); inside_; leave_child())
#define IN_CHILD AS(SAME)
bool enter_child(enum persona persona);
__attribute__((noreturn)) void leave_child(void);
/* Begins a process beside this one; 0 in it, which must end with leave_child(). */
pid_t beside(void);
void finished(pid_t child);

void make_file(const char *path, const char *content);
void make_directory(const char *path);
/* Returns the content, ended by a NUL, in memory that the next call uses again. */
const char *content_of(const char *path);
const char *content_at(int file);
struct stat stat_of(const char *path);
struct stat lstat_of(const char *path);
struct stat fstat_of(int file);
bool exists(const char *path);
/* Number of names in a directory, without . and .. */
int count_names(const char *directory);
bool is_listed(const char *directory, const char *name);
/* Returns a name of so many bytes. */
const char *long_name(size_t bytes);
/* Returns a relative path of exactly so many bytes that leads to `last` by way of "./". */
const char *long_path(size_t bytes, const char *last);
/* Waits until a clock that is as coarse as a file system's has moved on. */
void tick(void);
/* Nanoseconds since 1970. */
int64_t ns_of(struct timespec time);
int64_t mtime_of(const char *path);
int64_t ctime_of(const char *path);
int64_t atime_of(const char *path);
/* Fills a buffer with bytes that depend on the position and the seed, and says whether they are those. */
void fill(char *bytes, size_t length, size_t at, unsigned seed);
bool is_filled(const char *bytes, size_t length, size_t at, unsigned seed);

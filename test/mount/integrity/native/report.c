#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "checker.h"

/* Shared with the process that watches for an operation that never ends. */
struct log {
  volatile uint64_t noted;
  char lines[LOGGED][LOG_LINE];
};

enum { SKIPS = 16, TEXT = 64 };

static struct log *log_;
static struct {
  char what[TEXT];
  int error;
  uint64_t times;
} skips[SKIPS];

static void print_log(void) {
  fprintf(stderr, "seed %llu, operation %llu; the last operations:\n", (unsigned long long)options.seed,
          (unsigned long long)operation);
  const uint64_t first = log_->noted > options.history ? log_->noted - options.history : 0;
  for (uint64_t each = first; each < log_->noted; each++) fprintf(stderr, "  %s\n", log_->lines[each % LOGGED]);
}

static void watch(pid_t watched) {
  uint64_t seen = 0;
  for (unsigned seconds = 0; seconds < options.hang_seconds; seconds++) {
    sleep(1);
    if (getppid() != watched) _exit(0);
    if (log_->noted == seen) continue;
    seen = log_->noted;
    seconds = 0;
  }
  fprintf(stderr, "no end of an operation in %u s\n", options.hang_seconds);
  operation = log_->noted;
  print_log();
  kill(watched, SIGKILL);
  _exit(1);
}

void start_report(void) {
  log_ = mmap(NULL, sizeof *log_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (log_ == MAP_FAILED) abort();
  const pid_t own = getpid();
  const pid_t watcher = fork();
  if (watcher < 0) abort();
  if (watcher > 0) return;
  close(STDIN_FILENO);
  close(STDOUT_FILENO);
  watch(own);
}

void note(const char *format, ...) {
  char *line = log_->lines[log_->noted % LOGGED];
  const int start = snprintf(line, LOG_LINE, "%llu ", (unsigned long long)operation);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line + start, LOG_LINE - (size_t)start, format, arguments);
  va_end(arguments);
  log_->noted++;
}

void note_more(const char *format, ...) {
  char *line = log_->lines[(log_->noted - 1) % LOGGED];
  const size_t start = strlen(line);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line + start, LOG_LINE - start, format, arguments);
  va_end(arguments);
}

void skipped(const char *what, int error) {
  note_more(": skipped, %s", strerrorname_np(error));
  for (int each = 0; each < SKIPS; each++) {
    if (skips[each].times > 0 && (skips[each].error != error || strcmp(skips[each].what, what) != 0)) continue;
    snprintf(skips[each].what, TEXT, "%s", what);
    skips[each].error = error;
    skips[each].times++;
    return;
  }
}

void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  print_objects();
  print_log();
  exit(1);
}

void must(bool ok, const char *what) {
  if (!ok) fail("%s: %s", what, strerror(errno));
}

/* A block of the wrong place or time is recognised by its first words. */
static void print_bytes(const char *which, const uint8_t *bytes, size_t length) {
  fprintf(stderr, "  %s:", which);
  for (size_t at = 0; at < length && at < 16; at++) fprintf(stderr, " %02x", bytes[at]);
  fputc('\n', stderr);
}

void compare(const char *what, const uint8_t *found, const uint8_t *expected, size_t offset, size_t length) {
  if (memcmp(found, expected, length) == 0) return;
  size_t first = 0, last = length - 1, wrong = 0;
  while (found[first] == expected[first]) first++;
  while (found[last] == expected[last]) last--;
  for (size_t at = first; at <= last; at++) wrong += found[at] != expected[at];
  fprintf(stderr, "%s: wrong from 0x%zx to 0x%zx (%zu bytes of these %zu)\n", what, offset + first, offset + last, wrong,
          last - first + 1);
  print_bytes("found   ", found + first, last - first + 1);
  print_bytes("expected", expected + first, last - first + 1);
  print_owners(found + first, offset + first, last - first + 1);
  fail("content differs");
}

void print_summary(double seconds) {
  printf("done {\"seed\":%llu,\"operations\":%llu,\"seconds\":%.2f,\"counts\":{", (unsigned long long)options.seed,
         (unsigned long long)operation, seconds);
  const char *separator = "";
  for (const struct operation_kind *kind = kinds; kind->name != NULL; kind++) {
    if (kind->done == 0) continue;
    printf("%s\"%s\":%llu", separator, kind->name, (unsigned long long)kind->done);
    separator = ",";
  }
  printf("},\"effects\":{\"freed\":%llu,\"uploaded\":%llu,\"replaced\":%llu,\"restarts\":%llu},\"skipped\":{",
         (unsigned long long)counted.freed, (unsigned long long)counted.uploaded, (unsigned long long)counted.replaced,
         (unsigned long long)counted.restarts);
  separator = "";
  for (int each = 0; each < SKIPS && skips[each].times > 0; each++) {
    printf("%s\"%s %s\":%llu", separator, skips[each].what, strerrorname_np(skips[each].error),
           (unsigned long long)skips[each].times);
    separator = ",";
  }
  printf("}}\n");
  fflush(stdout);
}

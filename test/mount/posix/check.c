/* Runs the cases: posix-cases DIRECTORY [--with a,b,...] [--only GROUP] | --list */
#include "check.h"
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/syscall.h>

#define MAX_CASES 1000
#define DEADLINE_MS 40000
#define MESSAGE_BYTES 1000
#define NOBODY 65534
#define SKIPPED 77

struct test {
  const char *group, *needs, *name;
  Body body;
  const void *first, *second;
};

static struct test tests[MAX_CASES];
static int test_count;
static const char *features = "";
/* Where the running case says why it failed. */
static int report = STDERR_FILENO;

void add_case(const char *group, const char *needs, const char *name, Body body, const void *first,
              const void *second) {
  if (test_count == MAX_CASES) abort();
  tests[test_count++] = (struct test){group, needs, name, body, first, second};
}

void fail(const char *file, int line, const char *format, ...) {
  char message[MESSAGE_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  const char *base = strrchr(file, '/');
  dprintf(report, "%s (%s:%d)", message, base ? base + 1 : file, line);
  _exit(1);
}

void skip(const char *reason) {
  dprintf(report, "%s", reason);
  _exit(SKIPPED);
}

static const char *code_name(int code) {
  const char *name = code == 0 ? "success" : strerrorname_np(code);
  return name ? name : "an unknown error";
}

long long expect_success(long long result, const char *what, const char *file, int line) {
  if (result < 0) fail(file, line, "expected success got %s from %s", code_name(errno), what);
  return result;
}

void expect_failure(int code, int other, long long result, const char *what, const char *file,
                    int line) {
  int got = result < 0 ? errno : 0;
  if (got != code && (other == 0 || got != other))
    fail(file, line, "expected %s%s%s got %s from %s", code_name(code), other ? " or " : "",
         other ? code_name(other) : "", code_name(got), what);
}

void expect_equal(long long expected, long long actual, const char *what, const char *file,
                  int line) {
  if (expected != actual)
    fail(file, line, "expected %lld got %lld from %s", expected, actual, what);
}

void expect_true(bool holds, const char *what, const char *file, int line) {
  if (!holds) fail(file, line, "expected that %s got that it does not hold", what);
}

void expect_text(const char *expected, const char *actual, const char *what, const char *file,
                 int line) {
  if (strcmp(expected, actual) != 0)
    fail(file, line, "expected \"%.60s\" got \"%.60s\" from %s", expected, actual, what);
}

/* A superuser passes every check of permissions; without its capabilities it is an owner like any other. */
static void drop_privileges(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
  SUCCEEDS(syscall(SYS_capset, &header, none));
}

static void become(enum persona persona) {
  if (persona == SAME) return;
  if (persona != OWNER) {
    gid_t group = persona == GROUP ? getgid() : NOBODY;
    SUCCEEDS(setgroups(0, NULL));
    SUCCEEDS(setresgid(group, group, group));
    SUCCEEDS(setresuid(NOBODY, NOBODY, NOBODY));
  }
  drop_privileges();
}

static void wait_for(pid_t child) {
  int status;
  SUCCEEDS(waitpid(child, &status, 0));
  if (WIFSIGNALED(status)) fail(PLACE, "a child was ended by signal %d", WTERMSIG(status));
  if (WEXITSTATUS(status) != 0) _exit(WEXITSTATUS(status));
}

bool enter_child(enum persona persona) {
  pid_t child = (pid_t)SUCCEEDS(fork());
  if (child == 0) {
    become(persona);
    return true;
  }
  wait_for(child);
  return false;
}

void leave_child(void) { _exit(0); }

pid_t beside(void) { return (pid_t)SUCCEEDS(fork()); }

void finished(pid_t child) { wait_for(child); }

static bool has_feature(const char *name, size_t length) {
  for (const char *at = features; *at;) {
    size_t here = strcspn(at, ",");
    if (here == length && strncmp(at, name, length) == 0) return true;
    at += here + (at[here] == ',');
  }
  return false;
}

bool has(const char *feature) { return has_feature(feature, strlen(feature)); }

/* Returns the first need that is not met, or NULL. */
static const char *missing_need(const char *needs) {
  static char need[64];
  while (*needs) {
    size_t length = strcspn(needs, " ");
    bool negated = *needs == '!';
    if (has_feature(needs + negated, length - negated) == negated) {
      snprintf(need, sizeof need, "%.*s", (int)length, needs);
      return need;
    }
    needs += length + (needs[length] == ' ');
  }
  return NULL;
}

/* Modes that a case left behind are no obstacle to the superuser, but to everybody else. */
static bool remove_tree(int parent, const char *name) {
  if (unlinkat(parent, name, 0) == 0) return true;
  fchmodat(parent, name, 0700, 0);
  int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (directory < 0) return false;
  DIR *stream = fdopendir(directory);
  for (struct dirent *entry; (entry = readdir(stream));)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      remove_tree(directory, entry->d_name);
  closedir(stream);
  return unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

static void run_body(const struct test *test, const char *directory, int reporter) {
  setpgid(0, 0);
  report = reporter;
  umask(022);
  if (chdir(directory) < 0) fail(PLACE, "cannot enter the case's directory: %m");
  test->body(test->first, test->second);
  _exit(0);
}

/* Reads what the case says until it and all its children have ended; false when they do not in time. */
static bool read_report(int from, char *message) {
  size_t length = 0;
  for (;;) {
    struct pollfd watched = {from, POLLIN, 0};
    if (poll(&watched, 1, DEADLINE_MS) == 0) return false;
    ssize_t got = read(from, message + length, MESSAGE_BYTES - 1 - length);
    if (got <= 0) break;
    length += (size_t)got;
  }
  message[length] = 0;
  for (char *at = message; *at; at++)
    if (*at == '\n') *at = ' ';
  return true;
}

static bool say(const char *verdict, const struct test *test, const char *why) {
  printf("%s %s: %s%s%s\n", verdict, test->group, test->name, *why ? ": " : "", why);
  fflush(stdout);
  return *verdict != 'n';
}

static bool run_case(const struct test *test, int number) {
  const char *missing = missing_need(test->needs);
  if (missing) return say("skip", test, missing);
  char directory[32], message[MESSAGE_BYTES] = "";
  snprintf(directory, sizeof directory, "case-%d", number);
  int channel[2], status = 0;
  if (mkdir(directory, 0755) < 0 || pipe2(channel, O_CLOEXEC) < 0) {
    snprintf(message, sizeof message, "cannot make the case's directory: %m");
    return say("not ok", test, message);
  }
  pid_t child = fork();
  if (child == 0) run_body(test, directory, channel[1]);
  close(channel[1]);
  bool ended = read_report(channel[0], message);
  close(channel[0]);
  if (!ended) {
    kill(-child, SIGKILL);
    return say("not ok", test, "expected an end got none within 40 s");
  }
  waitpid(child, &status, 0);
  bool removed = remove_tree(AT_FDCWD, directory);
  if (WIFSIGNALED(status)) {
    snprintf(message, sizeof message, "expected an end got signal %d", WTERMSIG(status));
    return say("not ok", test, message);
  }
  if (WEXITSTATUS(status) == SKIPPED) return say("skip", test, message);
  if (WEXITSTATUS(status) != 0) return say("not ok", test, message);
  if (!removed) return say("not ok", test, "expected an empty directory got what cannot be removed");
  return say("ok", test, "");
}

int main(int count, char **arguments) {
  const char *directory = NULL, *only = NULL;
  for (int at = 1; at < count; at++) {
    if (strcmp(arguments[at], "--list") == 0) {
      for (int number = 0; number < test_count; number++)
        printf("%s: %s\n", tests[number].group, tests[number].name);
      return 0;
    }
    if (strcmp(arguments[at], "--with") == 0 && at + 1 < count) features = arguments[++at];
    else if (strcmp(arguments[at], "--only") == 0 && at + 1 < count) only = arguments[++at];
    else directory = arguments[at];
  }
  if (!directory || chdir(directory) < 0) {
    fprintf(stderr, "usage: posix-cases DIRECTORY [--with FEATURE,...] [--only GROUP] | --list\n");
    return 2;
  }
  bool passed = true;
  for (int number = 0; number < test_count; number++)
    if (!only || strcmp(only, tests[number].group) == 0)
      passed &= run_case(&tests[number], number);
  return passed ? 0 : 1;
}

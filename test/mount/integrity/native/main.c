#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "checker.h"

struct options options = {.seed = 1, .operations = 10000, .file_size = 1 << 20, .hang_seconds = 60, .history = 20};
uint64_t operation;

struct operation_kind kinds[] = {
    {.name = "read", .weight = 120, .run = do_read},
    {.name = "write", .weight = 120, .run = do_write},
    {.name = "append", .weight = 30, .run = do_append},
    {.name = "truncate", .weight = 40, .run = do_truncate},
    {.name = "map-read", .weight = 40, .run = do_map_read},
    {.name = "map-write", .weight = 40, .run = do_map_write},
    {.name = "map-hold", .weight = 10, .run = do_map_hold},
    {.name = "map-use", .weight = 30, .run = do_map_use},
    {.name = "direct", .weight = 20, .run = do_direct},
    {.name = "open", .weight = 60, .run = do_open},
    {.name = "close", .weight = 60, .run = do_close},
    {.name = "create", .weight = 20, .run = do_create},
    {.name = "rename", .weight = 20, .run = do_rename},
    {.name = "exchange", .weight = 10, .run = do_exchange},
    {.name = "rename-directory", .weight = 5, .run = do_rename_directory},
    {.name = "unlink", .weight = 15, .run = do_unlink},
    {.name = "allocate", .weight = 15, .run = do_allocate},
    {.name = "punch", .weight = 20, .run = do_punch},
    {.name = "zero-range", .weight = 15, .run = do_zero_range},
    {.name = "seek", .weight = 30, .run = do_seek},
    {.name = "copy", .weight = 15, .run = do_copy},
    {.name = "stat", .weight = 40, .run = do_stat},
    {.name = "list", .weight = 5, .run = do_list},
    {.name = "forget", .weight = 20, .run = do_forget},
    {.name = "sync", .weight = 3, .run = do_sync},
    {.name = "read-elsewhere", .weight = 30, .run = read_elsewhere},
    {.name = "read-behind", .weight = 20, .run = read_behind},
    {.name = "verify", .weight = 2, .run = do_verify},
    {.name = "free", .weight = 20, .run = ask_free, .controlled = true},
    {.name = "upload", .weight = 8, .run = ask_upload, .controlled = true},
    {.name = "replace", .weight = 12, .run = ask_replace, .controlled = true},
    {.name = "network", .weight = 3, .run = ask_network, .controlled = true},
    {.name = "restart", .weight = 0, .run = ask_restart, .controlled = true},
    {0},
};

static const char *const usage =
    "usage: checker [options] DIRECTORY\n"
    "  --seed N --ops N --size BYTES   of the largest file\n"
    "  --only KIND,… --without KIND,…  what is done\n"
    "  --control                       ask for evictions, replacements and restarts on stdout\n"
    "  --replace-open                  ask for replacements of open files too\n"
    "  --no-orphans                    leave the names of open files alone\n"
    "  --restarts                      ask for restarts too\n"
    "  --hang SECONDS                  longest time without an operation (60)\n"
    "  --history N                     operations to print with a difference (20)\n";

static bool is_listed(const char *list, const char *name) {
  const size_t length = strlen(name);
  for (const char *at = list; at != NULL && *at != 0; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
    if (strncmp(at, name, length) == 0 && (at[length] == ',' || at[length] == 0)) return true;
  return false;
}

static void choose_kinds(bool restarts) {
  for (struct operation_kind *kind = kinds; kind->name != NULL; kind++) {
    if (restarts && kind->run == ask_restart) kind->weight = 1;
    if (kind->controlled && !options.controlled) kind->weight = 0;
    if (options.only != NULL && !is_listed(options.only, kind->name)) kind->weight = 0;
    if (is_listed(options.without, kind->name)) kind->weight = 0;
  }
}

static void parse_options(int count, char **arguments) {
  static const struct option known[] = {
      {"seed", required_argument, NULL, 's'},  {"ops", required_argument, NULL, 'o'},
      {"size", required_argument, NULL, 'z'},  {"only", required_argument, NULL, 'y'},
      {"without", required_argument, NULL, 'w'}, {"control", no_argument, NULL, 'c'},
      {"replace-open", no_argument, NULL, 'r'}, {"no-orphans", no_argument, NULL, 'p'},
      {"restarts", no_argument, NULL, 't'},
      {"hang", required_argument, NULL, 'h'},  {"history", required_argument, NULL, 'n'},
      {0},
  };
  bool restarts = false;
  for (int option; (option = getopt_long(count, arguments, "", known, NULL)) != -1;) switch (option) {
      case 's': options.seed = strtoull(optarg, NULL, 10); break;
      case 'o': options.operations = strtoull(optarg, NULL, 10); break;
      case 'z': options.file_size = strtoull(optarg, NULL, 10) / PAGE * PAGE; break;
      case 'y': options.only = optarg; break;
      case 'w': options.without = optarg; break;
      case 'c': options.controlled = true; break;
      case 'r': options.replace_open = true; break;
      case 'p': options.no_orphans = true; break;
      case 't': restarts = true; break;
      case 'h': options.hang_seconds = (unsigned)strtoul(optarg, NULL, 10); break;
      case 'n': options.history = (unsigned)strtoul(optarg, NULL, 10) % LOGGED; break;
      default: fputs(usage, stderr); exit(2);
    }
  if (optind != count - 1 || options.file_size < 2 * BLOCK) {
    fputs(usage, stderr);
    exit(2);
  }
  options.directory = realpath(arguments[optind], NULL);
  if (options.directory == NULL) {
    perror(arguments[optind]);
    exit(2);
  }
  choose_kinds(restarts);
}

static struct operation_kind *random_kind(void) {
  uint32_t total = 0;
  for (struct operation_kind *kind = kinds; kind->name != NULL; kind++) total += kind->weight;
  uint32_t chosen = below(total);
  struct operation_kind *kind = kinds;
  while (chosen >= kind->weight) chosen -= (kind++)->weight;
  return kind;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void on_bus_error(int number) { fail("%s: a page of a mapping does not come", strsignal(number)); }

int main(int count, char **arguments) {
  parse_options(count, arguments);
  start_report();
  note("start");
  must(chdir(options.directory) == 0, options.directory);
  must(mkdir(inner_directory(), 0755) == 0, "mkdir");
  start_readers();
  signal(SIGBUS, on_bus_error);
  seed_random(options.seed);
  const double started = now();
  for (operation = 1; operation <= options.operations; operation++) {
    struct operation_kind *kind = random_kind();
    kind->run();
    kind->done++;
  }
  operation = options.operations;
  collect_readers();
  close_handles(NULL);
  do_verify();
  print_summary(now() - started);
  return 0;
}

#define _GNU_SOURCE
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checker.h"

enum { LINE = 4096, OPERATIONS_A_RESTART = 4000 };

struct counted counted;
static char reply[LINE];

/* Sends a line and waits for the one that answers it. */
static const char *ask(const char *format, ...) {
  char question[LINE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(question, sizeof question, format, arguments);
  va_end(arguments);
  note("%s", question);
  printf("%s\n", question);
  fflush(stdout);
  if (fgets(reply, sizeof reply, stdin) == NULL) fail("no answer to: %s", question);
  reply[strcspn(reply, "\n")] = 0;
  note_more(": %s", reply);
  if (strncmp(reply, "ok", 2) != 0 && strncmp(reply, "busy", 4) != 0) fail("%s: %s", question, reply);
  return reply;
}

static bool is_ok(const char *answer) { return strncmp(answer, "ok", 2) == 0; }

/* What programs have open is neither freed nor replaced: half of the time they close it first. */
static void perhaps_close(const struct name *name) {
  if (name->object == NULL || name->object->references < 2 || chance(2)) return;
  note("close all of %s", path_of(name));
  collect_readers();
  close_handles(name->object);
}

void ask_free(void) {
  const struct name *name = random_name(true);
  if (name == NULL) return do_create();
  perhaps_close(name);
  counted.freed += is_ok(ask("free\t%s", path_of(name)));
}

static uint32_t crc32(const uint8_t *bytes, size_t length) {
  static uint32_t table[256];
  if (table[1] == 0)
    for (uint32_t each = 0; each < 256; each++) {
      uint32_t value = each;
      for (int bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320u ^ (value >> 1) : value >> 1;
      table[each] = value;
    }
  uint32_t crc = 0xffffffffu;
  for (size_t at = 0; at < length; at++) crc = table[(crc ^ bytes[at]) & 255] ^ (crc >> 8);
  return ~crc;
}

static const struct object *object_at(const char *path) {
  for (int each = 0; each < NAMES; each++)
    if (names[each].object != NULL && strcmp(path_of(&names[each]), path) == 0) return names[each].object;
  return NULL;
}

/* The answer names what was uploaded: path, size and crc32 of each, between tabs. */
void ask_upload(void) {
  char *rest = (char *)ask("upload") + 2;
  for (char *path; (path = strsep(&rest, "\t")) != NULL;) {
    if (*path == 0) continue;
    const char *size = strsep(&rest, "\t"), *sum = strsep(&rest, "\t");
    const struct object *object = object_at(path);
    counted.uploaded++;
    if (size == NULL || sum == NULL || object == NULL) fail("%s was uploaded, which is not there", path);
    /* Of a file that is open for writing, the other side gets what it was when it was last closed. */
    if (object->writers > 0) continue;
    const uint32_t expected = crc32(object->bytes, object->size);
    if (strtoul(size, NULL, 10) != object->size || strtoul(sum, NULL, 16) != expected)
      fail("%s was uploaded as %s bytes with crc %s, expected %zu with %08x", path, size, sum, object->size, expected);
  }
}

static bool is_used(const struct object *object) { return object->references > 1; }

/* The kernel is told of what sync changes a moment later: within two seconds it must be seen. */
static void await_size(const struct name *name, size_t size) {
  struct stat found;
  for (int tries = 0; tries < 2000; tries++) {
    if (stat(path_of(name), &found) == 0 && (size_t)found.st_size == size) return;
    usleep(1000);
  }
  fail("%s is not seen to be replaced after two seconds", path_of(name));
}

void ask_replace(void) {
  struct name *name = &names[below(NAMES)];
  perhaps_close(name);
  if (name->object != NULL && is_used(name->object) && !options.replace_open) return;
  const uint32_t seed = below(1u << 30);
  const size_t size = random_length(options.file_size);
  if (!is_ok(ask("replace\t%s\t%u\t%zu", path_of(name), seed, size))) return;
  counted.replaced++;
  await_size(name, size);
  if (name->object != NULL) {
    if (name->object->writers > 0) fail("%s was replaced while a program writes it", path_of(name));
    name->object->superseded = true;
    release_object(name->object);
  }
  name->object = new_object();
  name->object->size = size;
  generate(seed, 0, name->object->bytes, size);
}

/* A restart takes as long as thousands of operations. */
void ask_restart(void) {
  if (!chance((uint32_t)(options.operations / OPERATIONS_A_RESTART))) return;
  collect_readers();
  close_handles(NULL);
  const bool killed = chance(2);
  /* The drive cannot be shown anew in a directory that this program is in. */
  must(chdir("/") == 0, "chdir");
  ask(killed ? "kill" : "restart");
  must(chdir(options.directory) == 0, "chdir");
  counted.restarts++;
  do_verify();
}

void ask_network(void) { ask("network\t%s", chance(4) ? "slow" : "online"); }

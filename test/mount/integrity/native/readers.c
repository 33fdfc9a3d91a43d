#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <signal.h>

#include "checker.h"

enum order { OPEN, READ, MAP, CLOSE };

struct request {
  enum order order;
  size_t offset, length;
  char path[2 * PATH_BYTES];
};

struct answer {
  ssize_t result;
  int error;
};

/* A process that reads, and what is known of the read that it does meanwhile. */
struct reader {
  int socket;
  uint8_t *shared;
  struct object *object;
  size_t offset, length;
  size_t smallest, largest;
  uint8_t *expected;
  /** Bytes that were written while they were read: either value is right. */
  bool *either;
};

static struct reader readers[READERS];

static ssize_t map_and_copy(int fd, const struct request *request, uint8_t *target) {
  const size_t start = request->offset - request->offset % PAGE;
  const size_t length = request->offset - start + request->length;
  uint8_t *map = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, (off_t)start);
  if (map == MAP_FAILED) return -1;
  memcpy(target, map + (request->offset - start), request->length);
  munmap(map, length);
  return (ssize_t)request->length;
}

_Noreturn static void serve_requests(int socket, uint8_t *shared) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  /* A drive is shown anew only where no process is. */
  if (chdir("/") != 0) _exit(1);
  int fd = -1;
  struct request request;
  while (recv(socket, &request, sizeof request, 0) == (ssize_t)sizeof request) {
    struct answer answer = {0};
    switch (request.order) {
      case OPEN: answer.result = fd = open(request.path, O_RDONLY); break;
      case READ: answer.result = read_fully(fd, shared, request.length, request.offset); break;
      case MAP: answer.result = map_and_copy(fd, &request, shared); break;
      case CLOSE: answer.result = close(fd); break;
    }
    answer.error = errno;
    if (send(socket, &answer, sizeof answer, 0) != (ssize_t)sizeof answer) break;
  }
  _exit(0);
}

void start_readers(void) {
  for (int each = 0; each < READERS; each++) {
    struct reader *reader = &readers[each];
    int ends[2];
    must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
    reader->shared = mmap(NULL, options.file_size + PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(reader->shared != MAP_FAILED, "mmap");
    reader->expected = malloc(options.file_size + PAGE);
    reader->either = malloc(options.file_size + PAGE);
    must(reader->expected != NULL && reader->either != NULL, "malloc");
    const pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
      close(STDIN_FILENO);
      close(STDOUT_FILENO);
      close(ends[0]);
      serve_requests(ends[1], reader->shared);
    }
    close(ends[1]);
    reader->socket = ends[0];
  }
}

static void send_order(const struct reader *reader, struct request request) {
  must(send(reader->socket, &request, sizeof request, 0) == (ssize_t)sizeof request, "send to a reader");
}

static struct answer await_answer(const struct reader *reader) {
  struct answer answer;
  must(recv(reader->socket, &answer, sizeof answer, 0) == (ssize_t)sizeof answer, "recv from a reader");
  return answer;
}

static void open_elsewhere(struct reader *reader, const struct name *name) {
  struct request request = {.order = OPEN};
  snprintf(request.path, sizeof request.path, "%s/%s", options.directory, path_of(name));
  send_order(reader, request);
  const struct answer answer = await_answer(reader);
  if (answer.result < 0) fail("open %s in another process: %s", request.path, strerror(answer.error));
  reader->object = name->object;
  reader->object->references++;
}

static void close_elsewhere(struct reader *reader) {
  send_order(reader, (struct request){.order = CLOSE});
  if (await_answer(reader).result != 0) fail("close in another process");
  release_object(reader->object);
  reader->object = NULL;
}

static void begin_read(struct reader *reader, enum order order, size_t offset, size_t length) {
  reader->offset = offset;
  reader->length = length;
  reader->smallest = reader->largest = reader->object->size;
  memcpy(reader->expected, reader->object->bytes + offset, length);
  memset(reader->either, 0, length);
  send_order(reader, (struct request){.order = order, .offset = offset, .length = length});
}

static size_t clamped(size_t size, size_t offset, size_t length) {
  return size < offset ? 0 : size - offset > length ? length : size - offset;
}

static void end_read(struct reader *reader) {
  const struct answer answer = await_answer(reader);
  const size_t least = clamped(reader->smallest, reader->offset, reader->length);
  const size_t most = clamped(reader->largest, reader->offset, reader->length);
  const bool lost = answer.result < 0 && answer.error == ESTALE && reader->object->superseded;
  if (lost) note_more(": a version that is gone");
  else if (answer.result < 0) fail("read in another process: %s", strerror(answer.error));
  else if ((size_t)answer.result < least || (size_t)answer.result > most)
    fail("another process read %zd bytes at 0x%zx, not %zu to %zu", answer.result, reader->offset, least, most);
  else {
    for (ssize_t at = 0; at < answer.result; at++)
      if (reader->either[at]) reader->expected[at] = reader->shared[at];
    compare("another process", reader->shared, reader->expected, reader->offset, (size_t)answer.result);
  }
  close_elsewhere(reader);
}

static struct reader *idle_reader(void) {
  for (int each = 0; each < READERS; each++)
    if (readers[each].object == NULL) return &readers[each];
  return NULL;
}

void read_elsewhere(void) {
  const struct name *name = random_name(true);
  struct reader *reader = idle_reader();
  if (name == NULL || reader == NULL) return collect_readers();
  const size_t size = name->object->size;
  const bool mapped = size > 0 && chance(3);
  const size_t offset = random_offset(size > 0 ? size - 1 : 0, size);
  const size_t length = random_length(mapped ? size - offset : options.file_size - offset);
  note("%s %s 0x%zx+0x%zx in another process", mapped ? "map" : "read", path_of(name), offset, length);
  open_elsewhere(reader, name);
  begin_read(reader, mapped ? MAP : READ, offset, length);
  end_read(reader);
}

void read_behind(void) {
  const struct name *name = random_name(true);
  struct reader *reader = idle_reader();
  if (name == NULL || reader == NULL) return collect_readers();
  note("begin to read all of %s in another process", path_of(name));
  open_elsewhere(reader, name);
  begin_read(reader, READ, 0, options.file_size);
}

void collect_readers(void) {
  for (int each = 0; each < READERS; each++) {
    if (readers[each].object == NULL) continue;
    note("end to read in another process");
    end_read(&readers[each]);
  }
}

void readers_wrote(const struct object *object, size_t from, size_t to) {
  for (int each = 0; each < READERS; each++) {
    struct reader *reader = &readers[each];
    if (reader->object != object) continue;
    const size_t first = from > reader->offset ? from - reader->offset : 0;
    const size_t end = clamped(to, reader->offset, reader->length);
    if (first < end) memset(reader->either + first, true, end - first);
  }
}

void readers_resized(const struct object *object, size_t size) {
  for (int each = 0; each < READERS; each++) {
    struct reader *reader = &readers[each];
    if (reader->object != object) continue;
    if (size < reader->smallest) reader->smallest = size;
    if (size > reader->largest) reader->largest = size;
  }
  if (size < object->size) readers_wrote(object, size, object->size);
  else readers_wrote(object, object->size, size);
}

// Whole small files in one task each: a task costs more than the calls in it.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <sys/types.h>

#include "listing.hh"

namespace ferry {

struct NewFile {
  std::string content;
  mode_t mode = 0;
  bool setsTime = false;
  struct timespec time = {};
};

/** Nanoseconds since 1970 as the kernel takes them. */
struct timespec Timespec(int64_t ns);

/** Creates a file that is not there yet and appends its record; returns a negative errno, and then nothing is left. */
int CreateWholeFile(int root, const std::string& path, const NewFile& file, Words* out);

/**
 * Appends the records from before and after reading, a word with the number of bytes read, and the bytes. Of anything
 * but a regular file of at most `maxBytes`, nothing is read and the word is -1. Returns a negative errno.
 */
int ReadWholeFile(int root, const std::string& path, uint64_t maxBytes, Words* out);

}  // namespace ferry

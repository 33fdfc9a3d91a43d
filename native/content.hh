// Whole contents of any size, read in pieces: their hash, their chunks, and copies of ranges of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "blake3.hh"
#include "listing.hh"

namespace ferry {

/** Set from another thread to end a long task with -ECANCELED. */
using Cancel = const std::atomic<uint8_t>*;

/**
 * Appends the file's records from before and after reading, and the four words of its hash. Returns a negative errno:
 * -EISDIR or -EINVAL for what is no regular file.
 */
int HashFile(int root, const std::string& path, Cancel cancel, Words* out);

/**
 * As HashFile; `chunks` gets 16 bytes for each chunk: its length (32 bits, big-endian) and the first 12 bytes of its hash.
 * Hashing goes on in a second thread while the first one reads and cuts.
 */
int ChunkFile(int root, const std::string& path, size_t average, Cancel cancel, Words* out, std::string* chunks);

/**
 * Copies `length` bytes between open files, inside the kernel where it can; with a hasher, which then takes them in, by
 * reading and writing. Returns how many there were, fewer at the end of the source, or a negative errno.
 */
int64_t CopyRange(int source, uint64_t sourceAt, int target, uint64_t targetAt, uint64_t length, Hasher* hasher,
                  Cancel cancel);

}  // namespace ferry

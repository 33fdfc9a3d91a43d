// Entries as packed rows: what is kept in the store and in the log, and how JavaScript is shown an entry. The format is
// described in docs/drive.md and read and written in JavaScript by fs-adapter/cache/drive-row.ts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "node.hh"

namespace ferry::fuse {

/** A row as it lies in memory; texts point into it. */
struct Row {
  uint8_t kind = 0, state = 0;
  uint16_t flags = 0, mode = 0;
  uint32_t rdev = 0, specialType = 0;
  uint64_t id = 0, parent = 0, identity = 0, counter = 0, size = 0, backing = 0;
  int64_t mtimeNs = 0, ctimeNs = 0, atimeNs = 0, stampNs = -1;
  std::string_view name, hash, source, target, map, attributes;
};

constexpr uint8_t kRemoved = 255;

/** Reads the row at the beginning of `bytes` and takes it off; false: these bytes are no row. */
bool TakeRow(std::string_view* bytes, Row* row);

/**
 * Appends the entry's row, with what programs keep as extended attributes where it is given. The log does without the
 * map of blocks: nothing says that their bytes are durable when the log is.
 */
void PutRow(const Node& node, std::string* rows, bool withMap = true, std::string_view attributes = {});

/** Appends a row that says that the entry is gone. */
void PutRemoved(uint64_t id, std::string* rows);

/** Appends what only the running drive knows of an entry: 64 bytes. */
void PutPresence(const Node& node, std::string* bytes);

/** CRC-32 as zlib and PNG have it. */
uint32_t Crc32(std::string_view bytes);

}  // namespace ferry::fuse

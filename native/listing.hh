// Packs what statx says, alone or for whole directories, into words that JavaScript reads without a call for each.
#pragma once

#include <cstdint>
#include <string>
#include <sys/stat.h>
#include <vector>

namespace ferry {

/**
 * One record is eight 64-bit words in host order: device, inode, size, mtime, ctime and birth time in ns, then the
 * 32-bit pairs (mode, links) and (errno, bytes of the name). The name follows, filled up with zeros to whole words.
 */
using Words = std::vector<uint64_t>;

/** Appends the record of one node without a name. */
void PackStat(const struct statx& stat, Words* out);

/**
 * Appends one directory: the 32-bit pair (errno, number of records), then its records in byte order of the names.
 * With an errno there are no records.
 */
void PackDirectory(int root, const std::string& path, Words* out);

}  // namespace ferry

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

constexpr size_t kRecordWords = 8;

/** Appends the record of one node without a name. */
void PackStat(const struct statx& stat, Words* out);

/** Appends a record that says only why there is none: a positive errno. */
void PackFailure(int error, Words* out);

/** What a survey is about. */
struct SurveyOf {
  std::string path;
  bool onlyDirectories = false;
  /** The fingerprint that is known already, as two words; both zero: none is. */
  uint64_t known[2] = {0, 0};
};

/** Names that are left out of fingerprints: one as a whole, and all that begin with a prefix. */
struct PrivateNames {
  std::string folder;
  std::string prefix;
};

/**
 * Appends one directory: the 32-bit pair (errno, number of records), and without an errno the two words of its
 * fingerprint, the pair (1 if it is the known one, 0), then its records in byte order of
 * the names; of a directory whose fingerprint is the known one, or always if
 * that is asked for, only those of directories. A name with the private prefix makes it unknown.
 *
 * The fingerprint is 128 bits over the names and kinds of all items, and whatever tells one state of a file from
 * another: device, inode, size, times, mode, number of links (of directories only device, inode and birth time).
 */
void PackSurvey(int root, const SurveyOf& survey, const PrivateNames& hidden, Words* out);

}  // namespace ferry

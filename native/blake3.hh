// BLAKE3-256 (https://github.com/BLAKE3-team/BLAKE3-specs), hash mode: one content as it comes, or many short ones at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ferry {

using Hash = std::array<uint8_t, 32>;

struct Piece {
  const uint8_t* bytes;
  size_t length;
};

/** Hashes each piece for itself, all of them side by side in the lanes of the processor's vectors. */
void HashEach(const Piece* pieces, size_t count, Hash* out);

/** The hash of a content that comes in parts. Not to be used by two threads at the same time. */
class Hasher {
 public:
  void Update(const uint8_t* bytes, size_t length);
  /** The hash of all that came so far; more may come. */
  Hash Finish() const;

 private:
  void AddSubtree(const uint8_t* bytes, size_t leaves);
  void Push(const Hash& node);
  void MergeFinished();

  /** Roots of finished subtrees, the largest first. Two of the same size are merged only when it is certain that more follows. */
  std::vector<Hash> stack_;
  std::vector<Hash> scratch_;
  uint64_t leaves_ = 0;
  uint8_t tail_[1024];
  size_t tailBytes_ = 0;
};

}  // namespace ferry

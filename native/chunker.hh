// Content-defined chunks by local maxima: each position has a mark, made of the 32 bytes from there on, and a chunk begins
// where a mark is larger than all others within half an average chunk (Bjørner, Blass, Gurevich: Content-Dependent
// Chunking for Differential Compression, the Local Maximum Approach, 2010). So a cut hangs on nothing but the bytes around
// it, and after an edit the old cuts come back at once; docs/decisions.md D-041 has the comparison with FastCDC.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ferry {

/**
 * Finds the cuts of a content that comes in windows. A position is a cut when its mark is larger than those of `reach`
 * positions before it, and not smaller than those of `reach` positions behind it; positions with fewer than 32 bytes
 * behind them have none. A chunk that would be longer than `4 * average` is cut there.
 */
class CutFinder {
 public:
  /** `average` is at least 256; half of it is the reach. */
  explicit CutFinder(size_t average) : reach_(average / 2), longest_(4 * average) {}

  /**
   * Appends the ends of chunks that can be told by now. `bytes` begins at NeededFrom() of the content, of which `known`
   * bytes are there in all; `isEnd`: there are no more.
   */
  void Find(const uint8_t* bytes, uint64_t known, bool isEnd, std::vector<uint64_t>* cuts);

  /** What lies before this byte is not looked at again, and belongs to no chunk that is still open. */
  uint64_t NeededFrom() const { return base_; }

 private:
  void Extend(uint64_t known, bool isEnd);
  bool IsLargest(size_t block) const;
  bool Holds(uint64_t position, uint32_t mark, size_t block) const;
  uint64_t PositionOf(size_t block) const;
  bool HasMark(size_t block, uint64_t from, uint64_t to, uint32_t least) const;
  uint32_t MarkAt(uint64_t position) const;
  void CutLong(uint64_t upTo, std::vector<uint64_t>* cuts);
  void Forget();

  const size_t reach_, longest_;
  const uint8_t* bytes_ = nullptr;
  /** The first byte of the window; maxima_[0] is that of the block there. */
  uint64_t base_ = 0;
  std::vector<uint32_t> maxima_;
  /** Positions with marks so far. */
  uint64_t marked_ = 0;
  /** The next block to decide on, counted from the window's first. */
  size_t next_ = 0;
  uint64_t lastCut_ = 0;
};

}  // namespace ferry

#include "chunker.hh"

#include <algorithm>
#include <cstring>

#include "vector-bits.hh"

namespace ferry {

namespace {

/** Positions whose largest mark is kept. */
constexpr size_t kBlock = 64;
/** 32-bit words (little-endian) that a mark is made of. */
constexpr int kWords = 8;
constexpr size_t kMarkBytes = 4 * kWords;

// Odd and otherwise arbitrary (the first digits of pi); cut-finder.ts has the same. Other numbers are another protocol.
constexpr uint32_t kFactors[kWords] = {0x243F6A89, 0x85A308D3, 0x13198A2F, 0x03707345,
                                       0xA4093823, 0x299F31D1, 0x082EFA99, 0xEC4E6C89};
constexpr int kMixShift = 15;
constexpr uint32_t kMixFactor = 0x2C1B3C6D;

using Wide = uint32_t __attribute__((vector_size(64)));

namespace baseline {
#include "block-maxima.inc"
}
#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx2")
namespace avx2 {
#include "block-maxima.inc"
}
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw")
namespace avx512 {
#include "block-maxima.inc"
}
#pragma GCC pop_options
#endif

using FindMaxima = void (*)(const uint8_t*, size_t, uint32_t*);

FindMaxima ChooseMaxima() {
#if defined(__x86_64__)
  if (AllowsVectorBits(512) && __builtin_cpu_supports("avx512bw")) return avx512::BlockMaxima;
  if (AllowsVectorBits(256) && __builtin_cpu_supports("avx2")) return avx2::BlockMaxima;
#endif
  return baseline::BlockMaxima;
}

const FindMaxima kFindMaxima = ChooseMaxima();

}  // namespace

uint32_t CutFinder::MarkAt(uint64_t position) const {
  uint32_t words[kWords];
  std::memcpy(words, bytes_ + (position - base_), sizeof words);
  uint32_t sum = 0;
  for (int i = 0; i < kWords; i++) sum += words[i] * kFactors[i];
  return (sum ^ (sum >> kMixShift)) * kMixFactor;
}

void CutFinder::Extend(uint64_t known, bool isEnd) {
  const uint64_t positions = known < kMarkBytes ? 0 : known - kMarkBytes + 1;
  const size_t whole = (std::max(positions, base_) - base_) / kBlock;
  const size_t first = maxima_.size();
  if (whole > first) {
    maxima_.resize(whole);
    kFindMaxima(bytes_ + first * kBlock, whole - first, &maxima_[first]);
  }
  marked_ = base_ + maxima_.size() * kBlock;
  if (!isEnd || positions <= marked_) return;
  uint32_t largest = 0;
  for (uint64_t at = marked_; at < positions; at++) largest = std::max(largest, MarkAt(at));
  maxima_.push_back(largest);
  marked_ = positions;
}

/** Tells whether no block that is wholly within reach of all its positions has a larger mark: nearly all end here. */
bool CutFinder::IsLargest(size_t block) const {
  const uint32_t mark = maxima_[block];
  const size_t within = (reach_ - (kBlock - 1)) / kBlock;
  const size_t left = block - std::min(block, within);
  for (size_t other = block; other-- > left;)
    if (maxima_[other] >= mark) return false;
  const size_t right = std::min(block + within, maxima_.size() - 1);
  for (size_t other = block + 1; other <= right; other++)
    if (maxima_[other] > mark) return false;
  return true;
}

uint64_t CutFinder::PositionOf(size_t block) const {
  uint64_t at = base_ + block * kBlock;
  while (MarkAt(at) != maxima_[block]) at++;
  return at;
}

/** Tells whether a position of the block in [from, to) has at least this mark. */
bool CutFinder::HasMark(size_t block, uint64_t from, uint64_t to, uint32_t least) const {
  if (maxima_[block] < least) return false;
  const uint64_t start = base_ + block * kBlock;
  for (uint64_t at = std::max(from, start); at < std::min(to, start + kBlock); at++)
    if (MarkAt(at) >= least) return true;
  return false;
}

/** Looks at the blocks at both ends of the reach, which IsLargest left out. */
bool CutFinder::Holds(uint64_t position, uint32_t mark, size_t block) const {
  const size_t within = (reach_ - (kBlock - 1)) / kBlock;
  const uint64_t from = position - std::min<uint64_t>(position, reach_);
  const uint64_t to = std::min(position + reach_ + 1, marked_);
  const size_t first = static_cast<size_t>((std::max(from, base_) - base_) / kBlock);
  for (size_t other = first; other + within < block; other++)
    if (HasMark(other, from, to, mark)) return false;
  if (mark == ~UINT32_C(0)) return true;
  for (size_t other = block + within + 1; other < maxima_.size() && base_ + other * kBlock < to; other++)
    if (HasMark(other, from, to, mark + 1)) return false;
  return true;
}

void CutFinder::CutLong(uint64_t upTo, std::vector<uint64_t>* cuts) {
  while (upTo - lastCut_ > longest_) {
    lastCut_ += longest_;
    cuts->push_back(lastCut_);
  }
}

void CutFinder::Find(const uint8_t* bytes, uint64_t known, bool isEnd, std::vector<uint64_t>* cuts) {
  bytes_ = bytes;
  Extend(known, isEnd);
  const size_t ahead = (reach_ + kBlock - 1) / kBlock + 1;
  for (; next_ < maxima_.size() && (isEnd || next_ + ahead < maxima_.size()); next_++) {
    CutLong(base_ + next_ * kBlock, cuts);
    if (!IsLargest(next_)) continue;
    const uint64_t position = PositionOf(next_);
    if (position == 0 || !Holds(position, maxima_[next_], next_)) continue;
    CutLong(position, cuts);
    if (position == lastCut_) continue;
    lastCut_ = position;
    cuts->push_back(position);
  }
  if (isEnd) {
    CutLong(known, cuts);
    if (known > lastCut_) cuts->push_back(known);
  } else {
    Forget();
  }
}

void CutFinder::Forget() {
  const uint64_t undecided = base_ + next_ * kBlock, behind = reach_ + kBlock;
  const uint64_t needed = std::min(lastCut_, undecided - std::min<uint64_t>(undecided, behind));
  const size_t blocks = static_cast<size_t>((needed - base_) / kBlock);
  maxima_.erase(maxima_.begin(), maxima_.begin() + static_cast<std::ptrdiff_t>(blocks));
  next_ -= blocks;
  base_ += blocks * kBlock;
}

}  // namespace ferry

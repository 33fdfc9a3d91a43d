// Which blocks of a file are on this device.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ferry::fuse {

constexpr uint64_t kBlockBytes = 64 * 1024;

class BlockMap {
 public:
  /** Takes over the bits of a row: one for each block, least significant bit first. */
  void Load(std::string_view bits) {
    bits_.assign((bits.size() + 7) / 8, 0);
    count_ = 0;
    for (size_t at = 0; at < bits.size(); at++)
      bits_[at / 8] |= static_cast<uint64_t>(static_cast<uint8_t>(bits[at])) << (8 * (at % 8));
    for (const uint64_t word : bits_) count_ += static_cast<uint64_t>(__builtin_popcountll(word));
  }

  std::string Save() const {
    std::string bits;
    if (count_ == 0) return bits;
    for (const uint64_t word : bits_)
      for (int at = 0; at < 64; at += 8) bits.push_back(static_cast<char>(word >> at));
    while (!bits.empty() && bits.back() == 0) bits.pop_back();
    return bits;
  }

  void Clear() {
    bits_.clear();
    bits_.shrink_to_fit();
    count_ = 0;
  }

  bool Has(uint64_t block) const { return block / 64 < bits_.size() && ((bits_[block / 64] >> (block % 64)) & 1) != 0; }

  void Set(uint64_t block) {
    if (block / 64 >= bits_.size()) bits_.resize(block / 64 + 1, 0);
    const uint64_t bit = 1ULL << (block % 64);
    if ((bits_[block / 64] & bit) == 0) count_++;
    bits_[block / 64] |= bit;
  }

  /** All blocks that a part of a file of `size` bytes touches are here. */
  bool Covers(uint64_t offset, uint64_t length, uint64_t size) const {
    if (offset >= size || length == 0) return true;
    const uint64_t end = length > size - offset ? size : offset + length;
    for (uint64_t block = offset / kBlockBytes; block * kBlockBytes < end; block++)
      if (!Has(block)) return false;
    return true;
  }

  /** Notes the blocks that lie completely in a part, the last block of the file counting as far as it goes. */
  void Fill(uint64_t offset, uint64_t length, uint64_t size) {
    const uint64_t end = offset >= size ? offset : (length > size - offset ? size : offset + length);
    for (uint64_t block = (offset + kBlockBytes - 1) / kBlockBytes; block * kBlockBytes < end; block++)
      if ((block + 1) * kBlockBytes <= end || end == size) Set(block);
  }

  uint64_t count() const { return count_; }
  uint64_t bytes() const { return count_ * kBlockBytes; }

 private:
  std::vector<uint64_t> bits_;
  uint64_t count_ = 0;
};

}  // namespace ferry::fuse

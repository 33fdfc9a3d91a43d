// Two texts in one piece of memory, which the allocator's share of small pieces makes worth while.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace ferry::fuse {

class Texts {
 public:
  std::string_view first() const { return {bytes_.get(), firstSize_}; }
  std::string_view second() const { return {bytes_.get() + firstSize_, secondSize_}; }

  /** The texts may be parts of what is held now. */
  void Set(std::string_view first, std::string_view second) {
    auto bytes = std::make_unique<char[]>(first.size() + second.size());
    if (!first.empty()) std::memcpy(bytes.get(), first.data(), first.size());
    if (!second.empty()) std::memcpy(bytes.get() + first.size(), second.data(), second.size());
    bytes_ = std::move(bytes);
    firstSize_ = static_cast<uint32_t>(first.size());
    secondSize_ = static_cast<uint32_t>(second.size());
  }

 private:
  std::unique_ptr<char[]> bytes_;
  uint32_t firstSize_ = 0, secondSize_ = 0;
};

}  // namespace ferry::fuse

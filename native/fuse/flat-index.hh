// A set of pointers with open addressing: eight bytes for a slot, at most two thirds of them in use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ferry::fuse {

/** Spreads a number's bits over all of them (the finaliser of MurmurHash3). */
inline uint64_t Mix(uint64_t key) {
  key ^= key >> 33;
  key *= 0xff51afd7ed558ccdULL;
  key ^= key >> 33;
  key *= 0xc4ceb9fe1a85ec53ULL;
  return key ^ (key >> 33);
}

/** `Traits::HashOf(item)` must not change while the item is in the set. */
template <typename Item, typename Traits>
class FlatIndex {
 public:
  void Reserve(size_t count) {
    size_t wanted = 16;
    while (wanted * 2 < count * 3) wanted *= 2;
    if (wanted > slots_.size()) Rehash(wanted);
  }

  template <typename Matches>
  Item* Find(uint64_t hash, Matches matches) const {
    if (slots_.empty()) return nullptr;
    for (size_t at = hash & Mask();; at = (at + 1) & Mask()) {
      Item* item = slots_[at];
      if (item == nullptr) return nullptr;
      if (matches(*item)) return item;
    }
  }

  void Insert(Item* item) {
    if ((count_ + 1) * 3 > slots_.size() * 2) Rehash(slots_.empty() ? 16 : slots_.size() * 2);
    Place(item);
    count_++;
  }

  void Remove(const Item* item) {
    if (slots_.empty()) return;
    size_t at = Traits::HashOf(*item) & Mask();
    while (slots_[at] != item) {
      if (slots_[at] == nullptr) return;
      at = (at + 1) & Mask();
    }
    count_--;
    // Whoever was pushed on by the removed one moves back, so that no search ends at a hole.
    for (size_t next = (at + 1) & Mask(); slots_[next] != nullptr; next = (next + 1) & Mask()) {
      const size_t home = Traits::HashOf(*slots_[next]) & Mask();
      if (((next - home) & Mask()) < ((next - at) & Mask())) continue;
      slots_[at] = slots_[next];
      at = next;
    }
    slots_[at] = nullptr;
  }

  size_t size() const { return count_; }

  template <typename Visit>
  void Each(Visit visit) const {
    for (Item* item : slots_)
      if (item != nullptr) visit(item);
  }

 private:
  size_t Mask() const { return slots_.size() - 1; }

  void Place(Item* item) {
    size_t at = Traits::HashOf(*item) & Mask();
    while (slots_[at] != nullptr) at = (at + 1) & Mask();
    slots_[at] = item;
  }

  void Rehash(size_t room) {
    std::vector<Item*> old(room, nullptr);
    old.swap(slots_);
    for (Item* item : old)
      if (item != nullptr) Place(item);
  }

  std::vector<Item*> slots_;
  size_t count_ = 0;
};

}  // namespace ferry::fuse

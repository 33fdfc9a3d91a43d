// Pointers by number, for numbers that are given one after another: eight bytes for each, and neighbours together.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace ferry::fuse {

template <typename Item>
class PagedIndex {
 public:
  Item* Find(uint64_t number) const {
    const size_t page = number / kItems;
    return page < pages_.size() && pages_[page] != nullptr ? pages_[page]->items[number % kItems] : nullptr;
  }

  void Insert(uint64_t number, Item* item) {
    const size_t page = number / kItems;
    if (page >= pages_.size()) pages_.resize(page + 1);
    if (pages_[page] == nullptr) pages_[page] = std::make_unique<Page>();
    pages_[page]->items[number % kItems] = item;
    pages_[page]->used++;
  }

  void Remove(uint64_t number) {
    std::unique_ptr<Page>& page = pages_[number / kItems];
    page->items[number % kItems] = nullptr;
    if (--page->used == 0) page.reset();
  }

  template <typename Visit>
  void Each(Visit visit) const {
    for (const auto& page : pages_) {
      if (page == nullptr) continue;
      for (Item* item : page->items)
        if (item != nullptr) visit(item);
    }
  }

 private:
  static constexpr size_t kItems = 512;
  struct Page {
    std::array<Item*, kItems> items{};
    size_t used = 0;
  };
  std::vector<std::unique_ptr<Page>> pages_;
};

}  // namespace ferry::fuse

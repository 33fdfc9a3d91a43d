// Who asks for the attributes of what it lists. Given along with the names they spare a question for each entry, and cost
// the kernel an inode for each: whoever only wants names gets them several times as fast without.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace ferry::fuse {

/**
 * What threads of programs do with listings. Each one is first given a few names without attributes in each directory: as
 * long as nobody asks for those, it is given names alone; as soon as somebody does, everything.
 */
class ListingHabits {
 public:
  /** Returns of how many files the thread is given the names alone, in the part of a listing that it asks for now. */
  size_t NamesAlone(uint32_t thread, bool isFirstPart);
  /** Notes that it was given some of that directory. */
  void Given(uint32_t thread, uint64_t directory);
  /** Notes that somebody asks for an entry of the directory. */
  void Asked(uint64_t directory);

 private:
  struct Habit {
    uint32_t thread = 0;
    bool asks = false;
    /** Names alone were given of the directory before, and nobody has asked. */
    bool isUnasked = false;
    /** Of how many directories nobody has asked. */
    uint32_t unasked = 0;
    uint64_t usedAt = 0;
    /** The last ones of which names alone were given. */
    std::array<uint64_t, 4> directories{};
    size_t next = 0;
  };
  Habit& Of(uint32_t thread);

  std::mutex mutex_;
  std::array<Habit, 32> habits_{};
  uint64_t clock_ = 0;
  /** There is a directory of which names alone were given. */
  std::atomic<bool> isWatching_{false};
};

}  // namespace ferry::fuse

#include "listing-habits.hh"

#include <algorithm>

namespace ferry::fuse {
namespace {

constexpr size_t kFew = 4;
/** Of so many directories nobody has asked for what was left out: that is no accident. */
constexpr uint32_t kEnough = 2;

}  // namespace

ListingHabits::Habit& ListingHabits::Of(uint32_t thread) {
  auto found = std::find_if(habits_.begin(), habits_.end(), [&](const Habit& each) { return each.thread == thread; });
  if (found == habits_.end()) {
    found = std::min_element(habits_.begin(), habits_.end(),
                             [](const Habit& one, const Habit& other) { return one.usedAt < other.usedAt; });
    *found = Habit{};
    found->thread = thread;
  }
  found->usedAt = ++clock_;
  return *found;
}

size_t ListingHabits::NamesAlone(uint32_t thread, bool isFirstPart) {
  const std::lock_guard<std::mutex> guard(mutex_);
  Habit& habit = Of(thread);
  if (habit.asks) return 0;
  if (isFirstPart && habit.isUnasked) {
    habit.isUnasked = false;
    habit.unasked++;
  }
  if (habit.unasked >= kEnough) return SIZE_MAX;
  return isFirstPart ? kFew : 0;
}

void ListingHabits::Given(uint32_t thread, uint64_t directory) {
  const std::lock_guard<std::mutex> guard(mutex_);
  Habit& habit = Of(thread);
  habit.isUnasked = true;
  const bool isKnown = std::find(habit.directories.begin(), habit.directories.end(), directory) != habit.directories.end();
  if (!isKnown) habit.directories[habit.next++ % habit.directories.size()] = directory;
  isWatching_ = true;
}

void ListingHabits::Asked(uint64_t directory) {
  if (!isWatching_.load(std::memory_order_relaxed)) return;
  const std::lock_guard<std::mutex> guard(mutex_);
  bool isWatching = false;
  // Many programs list in one thread and ask in another.
  for (Habit& habit : habits_) {
    const auto& given = habit.directories;
    if (habit.asks || habit.directories[0] == 0) continue;
    if (std::find(given.begin(), given.end(), directory) == given.end()) isWatching = true;
    else habit.asks = true;
  }
  isWatching_ = isWatching;
}

}  // namespace ferry::fuse

#include "spare-files.hh"

#include <unistd.h>

#include <algorithm>
#include <chrono>

namespace ferry::fuse {
namespace {

constexpr size_t kFew = 4, kMost = 64;
/** Without a new file for so long there is no need for spare ones. */
constexpr auto kUnused = std::chrono::seconds(5);

}  // namespace

SpareFiles::Spare SpareFiles::Take() {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (isEnding_) return {0, -1};
  if (!thread_.joinable()) thread_ = std::thread(&SpareFiles::Work, this);
  if (spares_.empty()) {
    target_ = std::clamp(target_ * 2, kFew, kMost);
    wanted_.notify_one();
    return {0, -1};
  }
  const Spare spare = spares_.back();
  spares_.pop_back();
  if (spares_.size() == target_ / 2) wanted_.notify_one();
  return spare;
}

void SpareFiles::Work() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!isEnding_) {
    const size_t missing = spares_.size() <= target_ / 2 ? target_ - spares_.size() : 0;
    if (missing > 0) {
      lock.unlock();
      Make(missing);
      lock.lock();
    } else if (target_ == 0) {
      wanted_.wait(lock);
    } else if (wanted_.wait_for(lock, kUnused) == std::cv_status::timeout) {
      target_ = 0;
      std::vector<Spare> unused;
      unused.swap(spares_);
      lock.unlock();
      Remove(unused);
      lock.lock();
    }
  }
}

void SpareFiles::Make(uint64_t count) {
  const uint64_t first = reserve_(count);
  for (uint64_t number = first; number < first + count; number++) {
    const int fd = backing_.OpenFile(number, true);
    const std::lock_guard<std::mutex> guard(mutex_);
    // Whoever needs one will be told why there is none.
    if (fd < 0) target_ = 0;
    if (fd < 0) return;
    spares_.push_back({number, fd});
  }
}

void SpareFiles::Remove(const std::vector<Spare>& spares) {
  for (const Spare& spare : spares) {
    close(spare.fd);
    backing_.Remove(spare.number);
  }
}

void SpareFiles::Stop() {
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    isEnding_ = true;
  }
  wanted_.notify_one();
  if (thread_.joinable()) thread_.join();
  Remove(spares_);
  spares_.clear();
}

}  // namespace ferry::fuse

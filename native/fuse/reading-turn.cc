#include "reading-turn.hh"

#include <chrono>

#include "node.hh"

namespace ferry::fuse {
namespace {

constexpr int64_t kStuckNs = 2'000'000;
constexpr auto kLook = std::chrono::nanoseconds(kStuckNs);
/** So many looks without a new answer, and the standby sleeps until there are requests again. */
constexpr int kIdleLooks = 50;

}  // namespace

bool ReadingTurn::IsStuck() const {
  const int64_t since = busySinceNs_;
  return since != 0 && SteadyNs() - since > kStuckNs;
}

uint64_t ReadingTurn::Take() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!isEnded_) {
    if (!isTaken_ || (!hasStandby_ && IsStuck())) {
      isTaken_ = true;
      busySinceNs_ = 0;
      // Somebody else is to stand by now.
      freed_.notify_one();
      return ++turn_;
    }
    if (hasStandby_) {
      freed_.wait(lock);
    } else {
      hasStandby_ = true;
      StandBy(lock);
      hasStandby_ = false;
    }
  }
  return 0;
}

/** Returns when the turn is free or its holder is stuck. */
void ReadingTurn::StandBy(std::unique_lock<std::mutex>& lock) {
  uint64_t seen = answered_;
  int idle = 0;
  while (!isEnded_ && isTaken_ && !IsStuck()) {
    if (idle < kIdleLooks) {
      watched_.wait_for(lock, kLook);
    } else {
      isDozing_ = true;
      // A request that came in this very moment has not woken anybody.
      std::atomic_thread_fence(std::memory_order_seq_cst);
      if (busySinceNs_ != 0) isDozing_ = false;
      watched_.wait(lock, [&] { return !isDozing_ || isEnded_ || !isTaken_; });
      isDozing_ = false;
      idle = 0;
    }
    const uint64_t answered = answered_;
    idle = answered == seen && busySinceNs_ == 0 ? idle + 1 : 0;
    seen = answered;
  }
}

void ReadingTurn::Give(uint64_t turn) {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (turn != turn_) return;
  isTaken_ = false;
  busySinceNs_ = 0;
  ++turn_;
  if (hasStandby_) watched_.notify_one();
  else freed_.notify_one();
}

void ReadingTurn::Begin() { busySinceNs_.store(SteadyNs(), std::memory_order_relaxed); }

bool ReadingTurn::Finish(uint64_t turn) {
  answered_.fetch_add(1, std::memory_order_relaxed);
  if (turn != turn_) return false;
  // Where the turn is taken over in this very moment, the new holder is at worst not seen to be stuck in its first request.
  busySinceNs_.store(0, std::memory_order_relaxed);
  return turn == turn_ && !isEnded_;
}

void ReadingTurn::Wake() {
  // Either the one who is about to doze sees that the holder is busy, or the holder sees it doze.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (!isDozing_) return;
  const std::lock_guard<std::mutex> guard(mutex_);
  isDozing_ = false;
  watched_.notify_one();
}

void ReadingTurn::End() {
  const std::lock_guard<std::mutex> guard(mutex_);
  isEnded_ = true;
  freed_.notify_all();
  watched_.notify_all();
}

}  // namespace ferry::fuse

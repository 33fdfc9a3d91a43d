// Which thread reads the kernel's requests: one at a time, and another one as soon as it is stuck.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace ferry::fuse {

/**
 * A reply that wakes no second thread takes half the time, so one thread reads and answers as long as its answers come
 * from memory. It gives the turn away before it does what takes long. In case that something takes long unexpectedly, a
 * second thread stands by while requests come, and takes the turn over.
 */
class ReadingTurn {
 public:
  /** Waits for the turn; 0: no more requests will be read. */
  uint64_t Take();
  /** Lets another thread read from now on. */
  void Give(uint64_t turn);
  /** The holder is about to answer a request. */
  void Begin();
  /** The holder has answered; false: another thread reads by now. */
  bool Finish(uint64_t turn);
  /** The holder has begun to answer a request that came after a while without any. */
  void Wake();
  /** Nobody reads any more. */
  void End();

 private:
  void StandBy(std::unique_lock<std::mutex>& lock);
  bool IsStuck() const;

  std::mutex mutex_;
  std::condition_variable freed_;
  std::condition_variable watched_;
  bool isTaken_ = false;
  bool hasStandby_ = false;
  std::atomic<bool> isEnded_{false};
  std::atomic<uint64_t> turn_{0};
  /** When the holder began to answer; 0: it waits for requests. */
  std::atomic<int64_t> busySinceNs_{0};
  std::atomic<uint64_t> answered_{0};
  std::atomic<bool> isDozing_{false};
};

}  // namespace ferry::fuse

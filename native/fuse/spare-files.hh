// Empty files for content that is about to come: to make one can take longer than all the rest of a new file (D-095).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "backing.hh"

namespace ferry::fuse {

class SpareFiles {
 public:
  struct Spare {
    uint64_t number;
    int fd;
  };

  /** `reserve` returns the first of as many numbers as it is asked for; it is called on another thread. */
  SpareFiles(Backing* backing, std::function<uint64_t(uint64_t)> reserve)
      : backing_(*backing), reserve_(std::move(reserve)) {}
  ~SpareFiles() { Stop(); }

  /** Returns one that was made before, the descriptor being the caller's from now on; fd -1: there is none. */
  Spare Take();
  /** Removes those that were not needed. */
  void Stop();

 private:
  void Work();
  void Make(uint64_t count);
  void Remove(const std::vector<Spare>& spares);

  Backing& backing_;
  std::function<uint64_t(uint64_t)> reserve_;
  std::mutex mutex_;
  std::condition_variable wanted_;
  std::vector<Spare> spares_;
  /** How many to have; grows while they are used up. */
  size_t target_ = 0;
  bool isEnding_ = false;
  std::thread thread_;
};

}  // namespace ferry::fuse

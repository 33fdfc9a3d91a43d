// The write-ahead log: every change is in it before the program that made it goes on. It is carried to the store in
// batches, and each of its files is removed when all that is in it has arrived there.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "../beneath.hh"

namespace ferry::fuse {

/** Appends are made under the tree's lock; syncing is not. */
class ChangeLog {
 public:
  /** Begins a new file behind those that are there. Returns 0 or a negative errno. */
  int Open(const std::string& directory);

  /**
   * Appends rows as one record. Returns 0 or a negative errno; they are then kept and go out with the next record.
   */
  int Append(std::string_view rows);

  /** Begins a new file and returns the number of the one before; 0: nothing was written since the last time. */
  uint64_t Rotate();

  /** Removes all files up to that number. */
  void Remove(uint64_t upTo);

  /** Makes everything appended until now durable. Returns 0 or a negative errno. */
  int Sync();

 private:
  struct Part {
    uint64_t number;
    Descriptor fd;
    bool isUnsynced;
  };
  std::string NameOf(uint64_t number) const;
  int Begin(uint64_t number);

  std::string directory_;
  Descriptor folder_;
  /** Held while the log is made durable: whoever finds that somebody else does so has to wait for the end of it. */
  std::mutex syncing_;
  std::mutex mutex_;  // Guards parts_ and what follows.
  std::vector<Part> parts_;
  uint64_t offset_ = 0;
  std::string unwritten_;
  bool hasNewName_ = false;
};

}  // namespace ferry::fuse

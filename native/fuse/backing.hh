// The files that hold content on this device, one for each entry that has some, named by number.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "../beneath.hh"

namespace ferry::fuse {

class Backing {
 public:
  /** Returns 0 or a negative errno. */
  int Open(const std::string& directory);
  std::string PathOf(uint64_t number) const { return directory_ + "/" + std::to_string(number); }
  /** Opens for reading and writing; makes the file with `create`. Returns a descriptor or a negative errno. */
  int OpenFile(uint64_t number, bool create);
  /** Returns a descriptor or a negative errno. */
  int OpenToRead(uint64_t number) const;
  void Remove(uint64_t number);
  /** Makes the names of new files durable. Returns 0 or a negative errno. */
  int SyncNames();
  /** Makes the content of all files durable. Returns 0 or a negative errno. */
  int SyncAll();
  int folder() const { return folder_.get(); }

 private:
  std::string directory_;
  Descriptor folder_;
  std::atomic<bool> hasNewNames_{false};
  /** Held while names are made durable: whoever finds that somebody else does so has to wait for the end of it. */
  std::mutex syncing_;
};

/** Unit of `st_blocks`. */
constexpr uint32_t kStatBlockBytes = 512;

/**
 * Returns the file's own modification time in ns since 1970, -1 when it cannot be told; and, if asked for, its size and
 * how much room it takes.
 */
int64_t StampOf(int fd, uint64_t* size = nullptr, uint64_t* room = nullptr);

}  // namespace ferry::fuse

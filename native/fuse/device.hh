// The kernel's side of a mount: a descriptor of /dev/fuse to wait on, and one to look at.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ferry::fuse {

/** A request and the descriptor that its answer goes to. */
struct Received {
  ssize_t bytes;
  int fd;
  /** It came after a while without requests. */
  bool isAfterPause;
};

class Device {
 public:
  Device() = default;
  ~Device() { Close(); }
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  void Open(int fd);
  void Close();
  int fd() const { return fd_; }

  /**
   * Waits for a request; bytes negative: errno says why there is none. Where requests follow each other closely it looks
   * for the next one for a moment before it sleeps, as being woken takes longer than most answers. One thread at a time.
   */
  Received Receive(char* buffer, size_t size);

 private:
  int fd_ = -1;
  /** Does not wait; -1: there is none. */
  int looking_ = -1;
  int64_t answeredAtNs_ = 0;
  /** Another thread may take the turn over while this one still answers. */
  std::atomic<bool> isBusy_{false};
};

}  // namespace ferry::fuse

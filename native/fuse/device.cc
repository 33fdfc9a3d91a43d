#include "device.hh"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "kernel.hh"
#include "node.hh"

namespace ferry::fuse {
namespace {

/** As long as it takes to put a thread to sleep and to wake it, on a virtual machine. */
constexpr int64_t kLookNs = 50'000;
constexpr int64_t kCloselyNs = 2 * kLookNs;
constexpr int kPauses = 20;

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  for (int pause = 0; pause < kPauses; pause++) __builtin_ia32_pause();
#elif defined(__aarch64__)
  for (int pause = 0; pause < kPauses; pause++) asm volatile("yield");
#endif
}

}  // namespace

void Device::Open(int fd) {
  fd_ = fd;
  // A single processor is better left to whoever asks.
  if (std::thread::hardware_concurrency() < 2) return;
  looking_ = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  auto master = static_cast<uint32_t>(fd);
  if (looking_ < 0 || ioctl(looking_, FUSE_DEV_IOC_CLONE, &master) == 0) return;
  close(looking_);
  looking_ = -1;
}

void Device::Close() {
  if (looking_ >= 0) close(looking_);
  if (fd_ >= 0) close(fd_);
  looking_ = fd_ = -1;
}

Received Device::Receive(char* buffer, size_t size) {
  const int64_t begunNs = SteadyNs();
  if (isBusy_ && looking_ >= 0) {
    do {
      const ssize_t got = read(looking_, buffer, size);
      if (got >= 0 || errno != EAGAIN) return {got, looking_, false};
      Pause();
    } while (SteadyNs() - begunNs < kLookNs);
  }
  const ssize_t got = read(fd_, buffer, size);
  isBusy_ = SteadyNs() - begunNs < kCloselyNs;
  return {got, fd_, !isBusy_};
}

}  // namespace ferry::fuse

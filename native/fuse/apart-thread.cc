#include "apart-thread.hh"

#include <sys/syscall.h>
#include <unistd.h>

namespace ferry::fuse {
namespace {

constexpr unsigned kAfterStderr = 3;
constexpr unsigned kUnshare = 2;  // CLOSE_RANGE_UNSHARE; Linux 5.9.

}  // namespace

pid_t ApartThread::Start() {
  std::unique_lock<std::mutex> lock(mutex_);
  thread_ = std::thread(&ApartThread::Work, this);
  changed_.wait(lock, [this] { return id_ != 0; });
  return id_;
}

void ApartThread::Work() {
  // An older kernel refuses; whoever kills the process then has to end the mount, too.
  syscall(SYS_close_range, kAfterStderr, ~0U, kUnshare);
  std::unique_lock<std::mutex> lock(mutex_);
  id_ = static_cast<pid_t>(syscall(SYS_gettid));
  changed_.notify_all();
  while (true) {
    changed_.wait(lock, [this] { return work_ != nullptr || isEnding_; });
    if (work_ == nullptr) return;
    lock.unlock();
    const int result = (*work_)();
    lock.lock();
    result_ = result;
    work_ = nullptr;
    changed_.notify_all();
  }
}

int ApartThread::Run(const std::function<int()>& work) {
  std::unique_lock<std::mutex> lock(mutex_);
  work_ = &work;
  changed_.notify_all();
  changed_.wait(lock, [this] { return work_ == nullptr; });
  return result_;
}

void ApartThread::Stop() {
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    isEnding_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace ferry::fuse

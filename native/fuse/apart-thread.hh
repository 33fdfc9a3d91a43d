// A thread for calls on the own mount.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace ferry::fuse {

/**
 * A thread that has none of the process's descriptors. Who calls the mount that its own process answers for waits for ever
 * when the process is killed meanwhile: the kernel ends such calls once the device is closed, and it stays open for as long
 * as any thread has it.
 */
class ApartThread {
 public:
  ApartThread() = default;
  ~ApartThread() { Stop(); }
  ApartThread(const ApartThread&) = delete;
  ApartThread& operator=(const ApartThread&) = delete;

  /** Returns the thread's id, by which the kernel names it in requests. */
  pid_t Start();
  /** Carries out `work` there and returns what it returns. For one caller at a time; it must not use descriptors from outside. */
  int Run(const std::function<int()>& work);
  void Stop();

 private:
  void Work();

  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<int()>* work_ = nullptr;
  int result_ = 0;
  pid_t id_ = 0;
  bool isEnding_ = false;
  std::thread thread_;
};

}  // namespace ferry::fuse

// The drive's news for JavaScript.
#pragma once

#include <napi.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "drive.hh"

namespace ferry::fuse {

/** What the drive tells JavaScript, in the order in which it happened. */
struct Event {
  enum class What : int { kChanged = 0, kPinned = 1, kMissing = 2, kEnded = 3 };
  What what;
  uint64_t id = 0, offset = 0, length = 0;
  int64_t detail = 0;
  bool isForWrite = false;
};

inline void Hand(Napi::Env env, Napi::Function listener, std::nullptr_t*, Event* given) {
  const std::unique_ptr<Event> event(given);
  if (env == nullptr || listener.IsEmpty()) return;
  const auto number = [&](auto value) { return Napi::Number::New(env, static_cast<double>(value)); };
  listener.Call({number(static_cast<int>(event->what)), number(event->id), number(event->offset), number(event->length),
                 number(event->detail), Napi::Boolean::New(env, event->isForWrite)});
}

using Channel = Napi::TypedThreadSafeFunction<std::nullptr_t, Event, Hand>;

/** Tells one function of JavaScript what happens, whichever thread it happens on. */
class Listener : public Outside {
 public:
  Listener(Napi::Env env, Napi::Function function)
      : channel_(Channel::New(env, function, "ferry drive", 0, 1)) {}
  /** Nothing is told any more; must be called on JavaScript's thread. */
  void Close() {
    if (!isClosed_.exchange(true)) channel_.Release();
  }
  /** An open channel keeps the process alive. */
  void LetProcessEnd(Napi::Env env) { channel_.Unref(env); }

  void Changed() override { Send({Event::What::kChanged}); }
  void Pinned(uint64_t id) override { Send({Event::What::kPinned, id}); }
  void Missing(uint64_t id, uint64_t offset, uint64_t length, uint32_t pid, bool isForWrite) override {
    Send({Event::What::kMissing, id, offset, length, pid, isForWrite});
  }
  void Ended(int failure) override { Send({Event::What::kEnded, 0, 0, 0, failure}); }

 private:
  void Send(const Event& event) {
    if (isClosed_) return;
    auto given = std::make_unique<Event>(event);
    if (channel_.NonBlockingCall(given.get()) == napi_ok) (void)given.release();
  }
  Channel channel_;
  std::atomic<bool> isClosed_{false};
};

}  // namespace ferry::fuse

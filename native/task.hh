// What every call of the addon is made of: a job that runs as one task on libuv's pool, and how its outcome is given back.
#pragma once

#include <napi.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "listing.hh"

namespace ferry {

/** Bytes that grow without being cleared or copied piece by piece, and that JavaScript may take over. */
class Bytes {
 public:
  Bytes() = default;
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  Bytes(Bytes&& other) noexcept
      : bytes_(std::exchange(other.bytes_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        room_(std::exchange(other.room_, 0)) {}
  Bytes& operator=(Bytes&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    std::swap(room_, other.room_);
    return *this;
  }
  ~Bytes() { std::free(bytes_); }

  size_t size() const { return size_; }
  /** Makes room for `count` more bytes and returns where they go; null when there is no memory. */
  char* Room(size_t count) {
    if (size_ + count > room_) {
      const size_t wanted = std::max(size_ + count, room_ * 2);
      char* moved = static_cast<char*>(std::realloc(bytes_, wanted));
      if (moved == nullptr) return nullptr;
      bytes_ = moved;
      room_ = wanted;
    }
    return bytes_ + size_;
  }
  /** Takes `count` bytes of the room as filled. */
  void Fill(size_t count) { size_ += count; }
  /** Hands the bytes over; they are given back with free(). */
  char* Release() {
    size_ = room_ = 0;
    return std::exchange(bytes_, nullptr);
  }

 private:
  char* bytes_ = nullptr;
  size_t size_ = 0;
  size_t room_ = 0;
};

struct Outcome {
  int64_t code = 0;
  Words words;
  std::string text;
  /** Given away when they are shown. */
  mutable Bytes bytes;
};

using Job = std::function<Outcome()>;
using Encode = Napi::Value (*)(Napi::Env, const Outcome&);
using Arguments = const Napi::CallbackInfo&;

inline Napi::Value AsNumber(Napi::Env env, const Outcome& outcome) {
  return Napi::Number::New(env, static_cast<double>(outcome.code));
}

inline Napi::Value AsWords(Napi::Env env, const Outcome& outcome) {
  if (outcome.code < 0) return AsNumber(env, outcome);
  const size_t size = outcome.words.size() * sizeof(uint64_t);
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, size);
  if (size > 0) std::memcpy(buffer.Data(), outcome.words.data(), size);
  return buffer;
}

inline Napi::Value AsText(Napi::Env env, const Outcome& outcome) {
  if (outcome.code < 0) return AsNumber(env, outcome);
  return Napi::Buffer<char>::Copy(env, outcome.text.data(), outcome.text.size());
}

/** A pair of the words and the bytes. */
inline Napi::Value AsWordsAndBytes(Napi::Env env, const Outcome& outcome) {
  if (outcome.code < 0) return AsNumber(env, outcome);
  const Napi::Array pair = Napi::Array::New(env, 2);
  pair.Set(0u, AsWords(env, outcome));
  const size_t size = outcome.bytes.size();
  if (size == 0) {
    pair.Set(1u, Napi::Buffer<char>::New(env, 0));
    return pair;
  }
  const auto release = [](Napi::Env, char* bytes) { std::free(bytes); };
  pair.Set(1u, Napi::Buffer<char>::NewOrCopy(env, outcome.bytes.Release(), size, release));
  return pair;
}

class Task : public Napi::AsyncWorker {
 public:
  /** Queues a job; `kept` stays alive until it has ended. */
  static Napi::Promise Start(Napi::Env env, Job job, Encode encode = AsNumber, Napi::Value kept = Napi::Value()) {
    auto* task = new Task(env, std::move(job), encode);
    if (!kept.IsEmpty()) task->kept_ = Napi::Persistent(kept.As<Napi::Object>());
    const Napi::Promise promise = task->deferred_.Promise();
    task->Queue();
    return promise;
  }

 protected:
  void Execute() override { outcome_ = job_(); }
  void OnOK() override { deferred_.Resolve(encode_(Env(), outcome_)); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Task(Napi::Env env, Job job, Encode encode)
      : Napi::AsyncWorker(env, "ferry"), deferred_(env), job_(std::move(job)), encode_(encode) {}
  Napi::Promise::Deferred deferred_;
  Job job_;
  Encode encode_;
  Napi::ObjectReference kept_;
  Outcome outcome_;
};

inline int Int(Arguments info, size_t index) { return info[index].As<Napi::Number>().Int32Value(); }
inline std::string Text(Arguments info, size_t index) { return info[index].As<Napi::String>().Utf8Value(); }
inline int64_t Int64(Arguments info, size_t index) {
  bool lossless = true;
  return info[index].As<Napi::BigInt>().Int64Value(&lossless);
}

inline Outcome Code(int64_t result) {
  Outcome outcome;
  outcome.code = result;
  return outcome;
}

/** What a libc call returned, as a negative errno when it failed. */
inline Outcome Checked(long result) { return Code(result < 0 ? -errno : result); }

}  // namespace ferry

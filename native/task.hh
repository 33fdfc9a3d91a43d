// What every call of the addon is made of: a job that runs as one task on libuv's pool, and how its outcome is given back.
#pragma once

#include <napi.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>

#include "listing.hh"

namespace ferry {

struct Outcome {
  int64_t code = 0;
  Words words;
  std::string text;
};

using Job = std::function<Outcome()>;
using Encode = Napi::Value (*)(Napi::Env, const Outcome&);

inline Napi::Value AsNumber(Napi::Env env, const Outcome& outcome) {
  return Napi::Number::New(env, static_cast<double>(outcome.code));
}

inline Napi::Value AsWords(Napi::Env env, const Outcome& outcome) {
  if (outcome.code < 0) return AsNumber(env, outcome);
  const size_t bytes = outcome.words.size() * sizeof(uint64_t);
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, bytes);
  if (bytes > 0) std::memcpy(buffer.Data(), outcome.words.data(), bytes);
  return buffer;
}

inline Napi::Value AsText(Napi::Env env, const Outcome& outcome) {
  if (outcome.code < 0) return AsNumber(env, outcome);
  return Napi::Buffer<char>::Copy(env, outcome.text.data(), outcome.text.size());
}

class Task : public Napi::AsyncWorker {
 public:
  static Napi::Promise Start(Napi::Env env, Job job, Encode encode = AsNumber) {
    auto* task = new Task(env, std::move(job), encode);
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
  Outcome outcome_;
};

using Arguments = const Napi::CallbackInfo&;

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

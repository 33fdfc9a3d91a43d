// What the addon's functions take and return, as JavaScript has it.
#pragma once

#include <napi.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../task.hh"
#include "drive.hh"

namespace ferry::fuse {

using Info = const Napi::CallbackInfo&;

inline uint64_t Whole(Info info, size_t index) { return static_cast<uint64_t>(info[index].As<Napi::Number>().Int64Value()); }

/** The counter that an entry is expected to have; nothing, where it is below zero: a directory is expected. */
inline std::optional<uint64_t> CounterAt(Info info, size_t index) {
  const int64_t counter = info[index].As<Napi::Number>().Int64Value();
  return counter < 0 ? std::nullopt : std::make_optional(static_cast<uint64_t>(counter));
}

inline std::string BytesOf(const Napi::Value& value) {
  const auto bytes = value.As<Napi::Uint8Array>();
  return {reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()};
}

inline std::vector<uint64_t> NumbersOf(const Napi::Value& value) {
  const auto given = value.As<Napi::Float64Array>();
  std::vector<uint64_t> numbers(given.ElementLength());
  for (size_t at = 0; at < numbers.size(); at++) numbers[at] = static_cast<uint64_t>(given[at]);
  return numbers;
}

inline Napi::Value Shown(Napi::Env env, const std::string& bytes) {
  return Napi::Buffer<char>::Copy(env, bytes.data(), bytes.size());
}

/** Size, source, hash or null, mtime or null, mode or null, backing, stamp; from `first` on. */
inline Incoming IncomingFrom(Info info, size_t first) {
  Incoming incoming;
  incoming.size = Whole(info, first);
  incoming.source = Text(info, first + 1);
  if (!info[first + 2].IsNull()) incoming.hash = BytesOf(info[first + 2]);
  incoming.hasMtime = !info[first + 3].IsNull();
  if (incoming.hasMtime) incoming.mtimeNs = Int64(info, first + 3);
  incoming.hasMode = !info[first + 4].IsNull();
  if (incoming.hasMode) incoming.mode = static_cast<uint16_t>(Int(info, first + 4));
  incoming.backing = Whole(info, first + 5);
  incoming.stampNs = Int64(info, first + 6);
  return incoming;
}

/** What was seeded until now. */
inline Napi::Object SeededObject(Napi::Env env, const StoreCheck& check) {
  const Napi::Object result = Napi::Object::New(env);
  result.Set("count", static_cast<double>(check.count));
  result.Set("digest", static_cast<double>(check.digest));
  result.Set("highest", static_cast<double>(check.nextId - 1));
  return result;
}

inline Napi::Object DrainedObject(Napi::Env env, const Drained& drained) {
  const Napi::Object result = Napi::Object::New(env);
  const auto set = [&](const char* name, uint64_t value) { result.Set(name, static_cast<double>(value)); };
  result.Set("rows", Shown(env, drained.rows));
  set("log", drained.log);
  set("count", drained.check.count);
  set("digest", drained.check.digest);
  set("nextId", drained.check.nextId);
  set("dirty", drained.dirty);
  const Napi::Array paths = Napi::Array::New(env, drained.paths.size());
  for (uint32_t at = 0; at < drained.paths.size(); at++) paths.Set(at, Shown(env, drained.paths[at]));
  result.Set("paths", paths);
  return result;
}

}  // namespace ferry::fuse

#include "content-calls.hh"

#include <fcntl.h>
#include <memory>
#include <utility>
#include <vector>

#include "content.hh"
#include "task.hh"

namespace ferry {

namespace {

/** A flag in a Uint8Array, which JavaScript sets when nobody waits for the task any more. */
Cancel CancelIn(const Napi::Value& value) {
  return reinterpret_cast<Cancel>(value.As<Napi::Uint8Array>().Data());
}

/** A number as JavaScript counts bytes: exact up to 2^53. */
uint64_t ByteCount(Arguments info, size_t index) {
  return static_cast<uint64_t>(info[index].As<Napi::Number>().Int64Value());
}

using SharedHasher = std::shared_ptr<Hasher>;

SharedHasher HasherIn(const Napi::Value& value) {
  return value.IsExternal() ? *value.As<Napi::External<SharedHasher>>().Data() : nullptr;
}

Napi::Value HashFileCall(Arguments info) {
  const int root = Int(info, 0);
  return Task::Start(
      info.Env(),
      [root, path = Text(info, 1), cancel = CancelIn(info[2])]() {
        Outcome outcome;
        outcome.code = HashFile(root, path, cancel, &outcome.words);
        return outcome;
      },
      AsWords, info[2]);
}

Napi::Value ChunkFileCall(Arguments info) {
  const int root = Int(info, 0);
  const size_t average = static_cast<size_t>(ByteCount(info, 2));
  return Task::Start(
      info.Env(),
      [root, path = Text(info, 1), average, cancel = CancelIn(info[3])]() {
        Outcome outcome;
        std::string chunks;
        outcome.code = ChunkFile(root, path, average, cancel, &outcome.words, &chunks);
        char* room = outcome.bytes.Room(chunks.size());
        if (outcome.code < 0 || chunks.empty()) return outcome;
        if (room == nullptr) return Code(-ENOMEM);
        std::memcpy(room, chunks.data(), chunks.size());
        outcome.bytes.Fill(chunks.size());
        return outcome;
      },
      AsWordsAndBytes, info[3]);
}

Napi::Value CopyRangeCall(Arguments info) {
  const int source = Int(info, 0), target = Int(info, 2);
  const uint64_t sourceAt = ByteCount(info, 1), targetAt = ByteCount(info, 3), length = ByteCount(info, 4);
  return Task::Start(info.Env(), [=, hasher = HasherIn(info[5])]() {
    return Code(CopyRange(source, sourceAt, target, targetAt, length, hasher.get(), nullptr));
  });
}

Napi::Value StartWriteback(Arguments info) {
  const int fd = Int(info, 0);
  const off64_t at = static_cast<off64_t>(ByteCount(info, 1)), length = static_cast<off64_t>(ByteCount(info, 2));
  return Task::Start(info.Env(), [=]() { return Checked(sync_file_range(fd, at, length, SYNC_FILE_RANGE_WRITE)); });
}

Napi::Value NewHasher(Arguments info) {
  return Napi::External<SharedHasher>::New(info.Env(), new SharedHasher(std::make_shared<Hasher>()),
                                           [](Napi::Env, SharedHasher* hasher) { delete hasher; });
}

/** The bytes are not copied: JavaScript leaves them alone until the promise settles. */
Napi::Value UpdateHasher(Arguments info) {
  const auto bytes = info[1].As<Napi::Uint8Array>();
  const Piece piece = {bytes.Data(), bytes.ByteLength()};
  return Task::Start(
      info.Env(),
      [piece, hasher = HasherIn(info[0])]() {
        hasher->Update(piece.bytes, piece.length);
        return Code(0);
      },
      AsNumber, info[1]);
}

/** The hashes one after the other. The contents are not copied: JavaScript leaves them alone until the promise settles. */
Napi::Value HashEachCall(Arguments info) {
  const Napi::Array contents = info[0].As<Napi::Array>();
  std::vector<Piece> pieces(contents.Length());
  for (uint32_t index = 0; index < contents.Length(); index++) {
    const auto content = contents.Get(index).As<Napi::Uint8Array>();
    pieces[index] = {content.Data(), content.ByteLength()};
  }
  return Task::Start(
      info.Env(),
      [pieces = std::move(pieces)]() {
        std::vector<Hash> hashes(pieces.size());
        HashEach(pieces.data(), pieces.size(), hashes.data());
        Outcome outcome;
        for (const Hash& hash : hashes) outcome.text.append(reinterpret_cast<const char*>(hash.data()), hash.size());
        return outcome;
      },
      AsText, contents);
}

Napi::Value UpdateHasherNow(Arguments info) {
  const auto bytes = info[1].As<Napi::Uint8Array>();
  HasherIn(info[0])->Update(bytes.Data(), bytes.ByteLength());
  return info.Env().Undefined();
}

Napi::Value FinishHasher(Arguments info) {
  const Hash hash = HasherIn(info[0])->Finish();
  return Napi::Buffer<uint8_t>::Copy(info.Env(), hash.data(), hash.size());
}

}  // namespace

void AddContentCalls(Napi::Env env, Napi::Object exports) {
  const std::pair<const char*, Napi::Value (*)(Arguments)> functions[] = {
      {"hashFile", HashFileCall},
      {"chunkFile", ChunkFileCall},
      {"copyRange", CopyRangeCall},
      {"startWriteback", StartWriteback},
      {"hashEach", HashEachCall},
      {"newHasher", NewHasher},
      {"updateHasher", UpdateHasher},
      {"updateHasherNow", UpdateHasherNow},
      {"finishHasher", FinishHasher},
  };
  for (const auto& [name, function] : functions) exports.Set(name, Napi::Function::New(env, function, name));
}

}  // namespace ferry

// The addon's face: one object for a drive. It throws nothing; fs-adapter/mount/native-tree.ts checks what goes in, and
// turns the numbers that come out (0 or a negative errno) into errors.
#include <napi.h>

#include <unistd.h>

#include <memory>
#include <mutex>
#include <string>

#include "../task.hh"
#include "listener.hh"
#include "session.hh"
#include "values.hh"

namespace ferry::fuse {
namespace {

// Raised with every change of what the functions take or return: an addon of another revision is not used.
constexpr int kRevision = 7;

class DriveObject : public Napi::ObjectWrap<DriveObject> {
 public:
  static Napi::Function Define(Napi::Env env) {
    return DefineClass(
        env, "NativeDrive",
        {
            InstanceMethod<&DriveObject::Open>("open"),
            InstanceMethod<&DriveObject::Reserve>("reserve"),
            InstanceMethod<&DriveObject::Seed>("seed"),
            InstanceMethod<&DriveObject::Link>("link"),
            InstanceMethod<&DriveObject::Settle>("settle"),
            InstanceMethod<&DriveObject::Mount>("mount"),
            InstanceMethod<&DriveObject::Detached>("detached"),
            InstanceMethod<&DriveObject::Leave>("leave"),
            InstanceMethod<&DriveObject::Find>("find"),
            InstanceMethod<&DriveObject::Entry>("entry"),
            InstanceMethod<&DriveObject::Children>("children"),
            InstanceMethod<&DriveObject::PathOf>("pathOf"),
            InstanceMethod<&DriveObject::Stored>("stored"),
            InstanceMethod<&DriveObject::Insert>("insert"),
            InstanceMethod<&DriveObject::Replace>("replace"),
            InstanceMethod<&DriveObject::Remove>("remove"),
            InstanceMethod<&DriveObject::Move>("move"),
            InstanceMethod<&DriveObject::SetMetadata>("setMetadata"),
            InstanceMethod<&DriveObject::NoteCounterpart>("noteCounterpart"),
            InstanceMethod<&DriveObject::NoteHash>("noteHash"),
            InstanceMethod<&DriveObject::Disown>("disown"),
            InstanceMethod<&DriveObject::SetMark>("setMark"),
            InstanceMethod<&DriveObject::SetPinned>("setPinned"),
            InstanceMethod<&DriveObject::Pinned>("pinned"),
            InstanceMethod<&DriveObject::Missing>("missing"),
            InstanceMethod<&DriveObject::Discard>("discard"),
            InstanceMethod<&DriveObject::FillTarget>("fillTarget"),
            InstanceMethod<&DriveObject::Filled>("filled"),
            InstanceMethod<&DriveObject::Failed>("failed"),
            InstanceMethod<&DriveObject::Settled>("settled"),
            InstanceMethod<&DriveObject::Completed>("completed"),
            InstanceMethod<&DriveObject::Dehydrate>("dehydrate"),
            InstanceMethod<&DriveObject::NewBacking>("newBacking"),
            InstanceMethod<&DriveObject::SetRoom>("setRoom"),
            InstanceMethod<&DriveObject::Drain>("drain"),
            InstanceMethod<&DriveObject::Drained>("drained"),
            InstanceMethod<&DriveObject::SyncContent>("syncContent"),
            InstanceMethod<&DriveObject::SyncLog>("syncLog"),
            InstanceMethod<&DriveObject::Sweep>("sweep"),
            InstanceMethod<&DriveObject::Stats>("stats"),
            InstanceMethod<&DriveObject::MakeEvents>("makeEvents"),
            InstanceMethod<&DriveObject::Close>("close"),
        });
  }

  /** State directory, read-only, links allowed, deadline in ms, listener. */
  explicit DriveObject(Info info) : Napi::ObjectWrap<DriveObject>(info) {
    DriveOptions options;
    options.stateDirectory = Text(info, 0);
    options.isReadOnly = info[1].As<Napi::Boolean>().Value();
    options.allowsLinks = info[2].As<Napi::Boolean>().Value();
    options.deadlineNs = Int(info, 3) * int64_t{1'000'000};
    options.uid = geteuid();
    options.gid = getegid();
    listener_ = std::make_unique<Listener>(info.Env(), info[4].As<Napi::Function>());
    listener_->LetProcessEnd(info.Env());
    drive_ = std::make_shared<Drive>(std::move(options), listener_.get());
  }

  ~DriveObject() override { End(); }

 private:
  Napi::Value Code(Info info, int64_t code) { return Napi::Number::New(info.Env(), static_cast<double>(code)); }

  Napi::Value Open(Info info) { return Code(info, drive_->Open()); }

  /** How many entries are to be seeded. */
  Napi::Value Reserve(Info info) {
    const Exclusive lock(drive_->mutex());
    drive_->tree().Reserve(Whole(info, 0));
    return info.Env().Undefined();
  }

  /** Takes packed rows in; returns what was taken until now, or null where the bytes are no rows. */
  Napi::Value Seed(Info info) {
    const auto bytes = info[0].As<Napi::Uint8Array>();
    const Exclusive lock(drive_->mutex());
    const std::string_view rows(reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength());
    if (!drive_->tree().Seed(rows)) return info.Env().Null();
    return SeededObject(info.Env(), drive_->tree().check());
  }

  /** Ends seeding; returns how many entries had lost their directory. */
  Napi::Value Link(Info info) {
    const Exclusive lock(drive_->mutex());
    return Code(info, static_cast<int64_t>(drive_->tree().Connect()));
  }

  /** The lowest id that was never given; returns how many files differed from their content. */
  Napi::Value Settle(Info info) {
    {
      const Exclusive lock(drive_->mutex());
      drive_->tree().RaiseNextId(Whole(info, 0));
    }
    return Code(info, static_cast<int64_t>(drive_->Settle()));
  }

  /** Mount point, source, whether others may use it, whether files are passed through. A promise of 0 or a negative errno. */
  Napi::Value Mount(Info info) {
    MountOptions options = {Text(info, 0), Text(info, 1), info[2].As<Napi::Boolean>().Value(),
                            info[3].As<Napi::Boolean>().Value()};
    session_ = std::make_shared<Session>(drive_.get());
    return Task::Start(info.Env(), [session = session_, drive = drive_, options = std::move(options)]() {
      return ferry::Code(session->Start(options));
    });
  }

  /** Waits until the threads of the mount have ended. */
  Napi::Value Detached(Info info) {
    return Task::Start(info.Env(), [session = session_, drive = drive_]() {
      if (session != nullptr) session->Stop();
      return ferry::Code(0);
    });
  }

  /** Ends a mount for those who still use it, after it was unmounted lazily; `detached` resolves then. */
  Napi::Value Leave(Info info) {
    return Task::Start(info.Env(), [session = session_]() {
      if (session != nullptr) session->Leave();
      return ferry::Code(0);
    });
  }

  Napi::Value ShowNode(Info info, const Node* node) {
    if (node == nullptr) return info.Env().Null();
    std::string shown;
    drive_->Show(node, &shown);
    return Shown(info.Env(), shown);
  }

  Napi::Value Find(Info info) {
    const std::string path = Text(info, 0);
    const Shared lock(drive_->mutex());
    return ShowNode(info, drive_->tree().Find(path));
  }

  Napi::Value Entry(Info info) {
    const Shared lock(drive_->mutex());
    return ShowNode(info, drive_->tree().Get(Whole(info, 0)));
  }

  Napi::Value Children(Info info) {
    std::string shown;
    {
      const Shared lock(drive_->mutex());
      const Node* node = drive_->tree().Get(Whole(info, 0));
      if (node != nullptr && node->isDirectory())
        for (const Directory::Slot& slot : node->directory->slots)
          if (slot.node != nullptr) drive_->Show(slot.node, &shown);
    }
    return Shown(info.Env(), shown);
  }

  Napi::Value PathOf(Info info) {
    const Shared lock(drive_->mutex());
    const Node* node = drive_->tree().Get(Whole(info, 0));
    if (node == nullptr || !node->isInTree()) return info.Env().Null();
    return Shown(info.Env(), drive_->tree().PathOf(node));
  }

  /** The entries for which `matches` holds, one behind another. */
  template <typename Matches>
  Napi::Value ShowAll(Info info, Matches matches) {
    std::string shown;
    {
      const Shared lock(drive_->mutex());
      drive_->tree().Each([&](const Node& node) {
        if (matches(node)) drive_->Show(&node, &shown);
      });
    }
    return Shown(info.Env(), shown);
  }

  Napi::Value Stored(Info info) {
    return ShowAll(info, [](const Node& node) { return node.isFile() && node.isInTree() && node.storedBytes() > 0; });
  }

  Napi::Value Pinned(Info info) {
    return ShowAll(info, [](const Node& node) { return node.isInTree() && node.has(kPinned); });
  }

  Napi::Value Result(Info info, int code, const std::string& shown) {
    return code == 0 ? Shown(info.Env(), shown) : Code(info, code);
  }

  /** Directory, kind, name, target, then the content. */
  Napi::Value Insert(Info info) {
    std::string shown;
    const int code = drive_->Insert(Whole(info, 0), static_cast<Kind>(Int(info, 1)), Text(info, 2),
                                    IncomingFrom(info, 4), Text(info, 3), &shown);
    return Result(info, code, shown);
  }

  Napi::Value Replace(Info info) {
    std::string shown;
    return Result(info, drive_->Replace(Whole(info, 0), Whole(info, 1), IncomingFrom(info, 2), &shown), shown);
  }

  /** Id, counter. */
  Napi::Value Remove(Info info) {
    const std::optional<uint64_t> counter = CounterAt(info, 1);
    return Code(info, drive_->Remove(Whole(info, 0), counter ? &*counter : nullptr));
  }

  Napi::Value Move(Info info) {
    const std::optional<uint64_t> counter = CounterAt(info, 1);
    std::string shown;
    const int code = drive_->Move(Whole(info, 0), counter ? &*counter : nullptr, Whole(info, 2), Text(info, 3), &shown);
    return Result(info, code, shown);
  }

  /** Id, counter, mtime or null, mode or null. */
  Napi::Value SetMetadata(Info info) {
    Incoming incoming;
    incoming.hasMtime = !info[2].IsNull();
    if (incoming.hasMtime) incoming.mtimeNs = Int64(info, 2);
    incoming.hasMode = !info[3].IsNull();
    if (incoming.hasMode) incoming.mode = static_cast<uint16_t>(Int(info, 3));
    std::string shown;
    return Result(info, drive_->SetMetadata(Whole(info, 0), Whole(info, 1), incoming, &shown), shown);
  }

  Napi::Value NoteCounterpart(Info info) {
    drive_->NoteCounterpart(Whole(info, 0), Whole(info, 1), Text(info, 2));
    return info.Env().Undefined();
  }

  Napi::Value NoteHash(Info info) {
    drive_->NoteHash(Whole(info, 0), Whole(info, 1), BytesOf(info[2]));
    return info.Env().Undefined();
  }

  Napi::Value Disown(Info info) {
    return Napi::Boolean::New(info.Env(), drive_->Disown(Whole(info, 0), Whole(info, 1)));
  }

  Napi::Value SetMark(Info info) {
    drive_->SetMark(Whole(info, 0), static_cast<Mark>(Int(info, 1)));
    return info.Env().Undefined();
  }

  Napi::Value Discard(Info info) {
    drive_->Discard(Whole(info, 0), Whole(info, 1));
    return info.Env().Undefined();
  }

  /** Offsets and lengths, one behind the other. */
  Napi::Value Missing(Info info) {
    std::vector<uint64_t> runs;
    drive_->Missing(Whole(info, 0), Whole(info, 1), Whole(info, 2), &runs);
    auto result = Napi::Float64Array::New(info.Env(), runs.size());
    for (size_t at = 0; at < runs.size(); at++) result[at] = static_cast<double>(runs[at]);
    return result;
  }

  Napi::Value SetPinned(Info info) {
    drive_->SetPinned(Whole(info, 0), info[1].As<Napi::Boolean>().Value());
    return info.Env().Undefined();
  }

  Napi::Value FillTarget(Info info) {
    std::string shown;
    return Result(info, drive_->FillTarget(Whole(info, 0), &shown), shown);
  }

  Napi::Value Filled(Info info) {
    return Code(info, drive_->Filled(Whole(info, 0), Whole(info, 1), Whole(info, 2), Whole(info, 3)));
  }

  /** Id, offset, length, negative errno. */
  Napi::Value Failed(Info info) {
    if (session_ != nullptr) session_->Failed(Whole(info, 0), Whole(info, 1), Whole(info, 2), Int(info, 3));
    return info.Env().Undefined();
  }

  /** Id, offset, length. */
  Napi::Value Settled(Info info) {
    if (session_ != nullptr) session_->Settled(Whole(info, 0), Whole(info, 1), Whole(info, 2));
    return info.Env().Undefined();
  }

  Napi::Value Completed(Info info) {
    return Code(info, drive_->Completed(Whole(info, 0), Whole(info, 1), Int64(info, 2)));
  }

  Napi::Value Dehydrate(Info info) { return Code(info, drive_->Dehydrate(Whole(info, 0))); }

  Napi::Value NewBacking(Info info) {
    const Exclusive lock(drive_->mutex());
    return Code(info, static_cast<int64_t>(drive_->tree().NextId()));
  }

  Napi::Value SetRoom(Info info) {
    drive_->SetRoom({Whole(info, 0), Whole(info, 1)}, info[2].As<Napi::Number>().Int64Value());
    return info.Env().Undefined();
  }

  Napi::Value Drain(Info info) {
    return DrainedObject(info.Env(), drive_->Drain());
  }

  /** The rows up to that log are stored. */
  Napi::Value Drained(Info info) {
    drive_->log().Remove(Whole(info, 0));
    return info.Env().Undefined();
  }

  Napi::Value SyncContent(Info info) {
    return Task::Start(info.Env(), [drive = drive_, ids = NumbersOf(info[0])]() {
      return ferry::Code(drive->SyncContent(ids));
    });
  }

  Napi::Value Sweep(Info info) {
    return Task::Start(info.Env(), [drive = drive_]() {
      drive->Sweep();
      return ferry::Code(0);
    });
  }

  Napi::Value SyncLog(Info info) {
    return Task::Start(info.Env(), [drive = drive_]() { return ferry::Code(drive->Sync(nullptr, nullptr)); });
  }

  Napi::Value Stats(Info info) {
    const Napi::Object result = Napi::Object::New(info.Env());
    {
      const Shared lock(drive_->mutex());
      result.Set("entries", Code(info, static_cast<int64_t>(drive_->tree().entries())));
      result.Set("dirty", Code(info, static_cast<int64_t>(drive_->tree().dirty())));
      result.Set("storedBytes", Code(info, static_cast<int64_t>(drive_->tree().stored())));
      result.Set("openHandles", Code(info, static_cast<int64_t>(drive_->openHandles())));
      result.Set("closing", Code(info, static_cast<int64_t>(drive_->closing())));
      result.Set("memoryBytes", Code(info, static_cast<int64_t>(drive_->tree().MemoryBytes())));
    }
    result.Set("operations", Code(info, session_ == nullptr ? 0 : static_cast<int64_t>(session_->operations())));
    result.Set("fetching", Code(info, session_ == nullptr ? 0 : static_cast<int64_t>(session_->fetching())));
    result.Set("passthrough", Code(info, session_ == nullptr ? -1 : session_->passthrough()));
    return result;
  }

  Napi::Value MakeEvents(Info info) {
    if (session_ != nullptr) session_->MakeEvents(info[0].As<Napi::Boolean>().Value());
    return info.Env().Undefined();
  }

  /** After `detached`; the object is of no use any more. */
  Napi::Value Close(Info info) {
    End();
    return info.Env().Undefined();
  }

  void End() {
    session_.reset();
    if (listener_ != nullptr) listener_->Close();
  }

  std::unique_ptr<Listener> listener_;
  std::shared_ptr<Drive> drive_;
  std::shared_ptr<Session> session_;
};

}  // namespace
}  // namespace ferry::fuse

static Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("revision", Napi::Number::New(env, ferry::fuse::kRevision));
  exports.Set("NativeDrive", ferry::fuse::DriveObject::Define(env));
  return exports;
}

NODE_API_MODULE(ferry_fuse, Initialize)

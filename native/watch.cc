#include "watch.hh"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <uv.h>

#include "beneath.hh"
#include "task.hh"

namespace ferry {
namespace {

// Reads and opens are of no interest. IN_EXCL_UNLINK: nor is what happens to a file that has lost its name here.
constexpr uint32_t kMask = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE |
                           IN_DELETE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK;
constexpr int kMaxReadBytes = 8 * 1024 * 1024;

Napi::Value WatchOpen(Arguments info) {
  const int inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  return Napi::Number::New(info.Env(), inotify < 0 ? -errno : inotify);
}

/** Watches one directory; it is found without following a link, and named to inotify by its descriptor. */
int64_t Watch(int inotify, int root, const std::string& path) {
  const Descriptor directory = Descriptor::Owned(OpenBeneath(root, path, O_PATH | O_DIRECTORY, 0));
  if (!directory.ok()) return directory.get();
  const std::string self = "/proc/self/fd/" + std::to_string(directory.get());
  const int watch = inotify_add_watch(inotify, self.c_str(), kMask);
  return watch < 0 ? -errno : watch;
}

Napi::Value WatchAdd(Arguments info) {
  const int inotify = Int(info, 0), root = Int(info, 1);
  const Napi::Array given = info[2].As<Napi::Array>();
  std::vector<std::string> paths(given.Length());
  for (uint32_t index = 0; index < given.Length(); index++) paths[index] = given.Get(index).As<Napi::String>().Utf8Value();
  return Task::Start(
      info.Env(),
      [inotify, root, paths = std::move(paths)]() {
        Outcome outcome;
        for (const std::string& path : paths) outcome.words.push_back(static_cast<uint64_t>(Watch(inotify, root, path)));
        return outcome;
      },
      AsWords);
}

Napi::Value WatchRemove(Arguments info) {
  const int inotify = Int(info, 0);
  const auto watches = info[1].As<Napi::Int32Array>();
  // One that the kernel has dropped by itself, with its directory, is EINVAL.
  for (size_t index = 0; index < watches.ElementLength(); index++) inotify_rm_watch(inotify, watches[index]);
  return info.Env().Undefined();
}

/** Takes what is queued now; what comes while it is read waits for the next call, so that a busy writer cannot hold it up. */
Napi::Value WatchRead(Arguments info) {
  const int inotify = Int(info, 0);
  int queued = 0;
  if (ioctl(inotify, FIONREAD, &queued) != 0) return Napi::Number::New(info.Env(), -errno);
  if (queued == 0) return Napi::Number::New(info.Env(), 0);
  std::vector<char> events(static_cast<size_t>(std::min(queued, kMaxReadBytes)));
  const ssize_t length = read(inotify, events.data(), events.size());
  if (length < 0) return Napi::Number::New(info.Env(), errno == EAGAIN ? 0 : -errno);
  return Napi::Buffer<char>::Copy(info.Env(), events.data(), static_cast<size_t>(length));
}

/** Calls back in the event loop whenever there is something to read. */
class Poll {
 public:
  static Napi::Value Start(Arguments info) {
    const Napi::Env env = info.Env();
    uv_loop_t* loop = nullptr;
    if (napi_get_uv_event_loop(env, &loop) != napi_ok) return Napi::Number::New(env, -ENOSYS);
    auto* poll = new Poll(env, info[1].As<Napi::Function>());
    const int failed = uv_poll_init(loop, &poll->handle_, Int(info, 0));
    if (failed != 0) {
      delete poll;
      return Napi::Number::New(env, failed);
    }
    poll->handle_.data = poll;
    uv_unref(reinterpret_cast<uv_handle_t*>(&poll->handle_));
    uv_poll_start(&poll->handle_, UV_READABLE, OnReadable);
    napi_add_env_cleanup_hook(env, Stop, poll);
    // To be called before the descriptor is closed; a second call does nothing.
    return Napi::Function::New(env, [poll, stopped = false](Arguments) mutable {
      if (!std::exchange(stopped, true)) poll->End();
    });
  }

 private:
  Poll(Napi::Env env, Napi::Function callback)
      : env_(env), callback_(Napi::Persistent(callback)), context_(env, "ferry-watch") {}

  static void OnReadable(uv_poll_t* handle, int, int) {
    auto* poll = static_cast<Poll*>(handle->data);
    const Napi::HandleScope scope(poll->env_);
    poll->callback_.MakeCallback(poll->env_.Global(), std::initializer_list<napi_value>{}, poll->context_);
  }

  static void Stop(void* given) {
    auto* poll = static_cast<Poll*>(given);
    uv_poll_stop(&poll->handle_);
    uv_close(reinterpret_cast<uv_handle_t*>(&poll->handle_), [](uv_handle_t* handle) { delete static_cast<Poll*>(handle->data); });
  }

  void End() {
    napi_remove_env_cleanup_hook(env_, Stop, this);
    callback_.Reset();
    Stop(this);
  }

  Napi::Env env_;
  Napi::FunctionReference callback_;
  Napi::AsyncContext context_;
  uv_poll_t handle_ = {};
};

}  // namespace

void AddWatchFunctions(Napi::Env env, Napi::Object exports) {
  const std::pair<const char*, Napi::Value (*)(Arguments)> functions[] = {
      {"watchOpen", WatchOpen}, {"watchAdd", WatchAdd},     {"watchRemove", WatchRemove},
      {"watchRead", WatchRead}, {"watchPoll", Poll::Start},
  };
  for (const auto& [name, function] : functions) exports.Set(name, Napi::Function::New(env, function, name));
}

}  // namespace ferry

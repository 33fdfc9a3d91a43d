// The addon's face: each call runs as one task on libuv's pool and returns a promise of a number (a negative errno
// on failure), of packed words, or of a text. It throws nothing; native-root.ts checks what goes in and what comes out.
#include <napi.h>

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <utility>

#include "beneath.hh"
#include "content-calls.hh"
#include "group-files.hh"
#include "listing.hh"
#include "task.hh"
#include "watch.hh"

namespace ferry {
namespace {

// Raised with every change of what the functions take or return: an addon of another revision is not used.
constexpr int kRevision = 7;

/** A job that acts on the last name of a path inside its directory. */
template <typename Act>
Job AtPlace(int root, std::string path, Act act) {
  return [root, path = std::move(path), act]() {
    const Place place = ParentOf(root, path);
    if (!place.directory.ok()) return Code(place.directory.get());
    return act(place.directory.get(), place.name.c_str());
  };
}

Napi::Value Open(Arguments info) {
  const int root = Int(info, 0), flags = Int(info, 2), mode = Int(info, 3);
  return Task::Start(info.Env(), [=, path = Text(info, 1)]() {
    return Code(OpenBeneath(root, path, static_cast<uint32_t>(flags) | O_NONBLOCK, static_cast<uint32_t>(mode)));
  });
}

Napi::Value Stat(Arguments info) {
  const int root = Int(info, 0);
  return Task::Start(
      info.Env(),
      [root, path = Text(info, 1)]() {
        struct statx stat = {};
        Outcome outcome = Code(StatBeneath(root, path, &stat));
        if (outcome.code == 0) PackStat(stat, &outcome.words);
        return outcome;
      },
      AsWords);
}

Napi::Value StatDescriptor(Arguments info) {
  const int fd = Int(info, 0);
  return Task::Start(
      info.Env(),
      [fd]() {
        struct statx stat = {};
        Outcome outcome = Code(StatAt(fd, "", &stat));
        if (outcome.code == 0) PackStat(stat, &outcome.words);
        return outcome;
      },
      AsWords);
}

/** Paths, a BigUint64Array with two words for each, the private folder and prefix, whether only directories are wanted. */
Napi::Value Survey(Arguments info) {
  const int root = Int(info, 0);
  const Napi::Array given = info[1].As<Napi::Array>();
  const auto known = info[2].As<Napi::BigUint64Array>();
  std::vector<SurveyOf> surveys(given.Length());
  for (uint32_t index = 0; index < given.Length(); index++) {
    surveys[index].path = given.Get(index).As<Napi::String>().Utf8Value();
    surveys[index].onlyDirectories = info[5].As<Napi::Boolean>().Value();
    surveys[index].known[0] = known[2 * index];
    surveys[index].known[1] = known[2 * index + 1];
  }
  return Task::Start(
      info.Env(),
      [root, surveys = std::move(surveys), hidden = PrivateNames{Text(info, 3), Text(info, 4)}]() {
        Outcome outcome;
        for (const SurveyOf& survey : surveys) PackSurvey(root, survey, hidden, &outcome.words);
        return outcome;
      },
      AsWords);
}

Napi::Value MakeDirectory(Arguments info) {
  const mode_t mode = static_cast<mode_t>(Int(info, 2));
  return Task::Start(info.Env(), AtPlace(Int(info, 0), Text(info, 1), [mode](int directory, const char* name) {
                       return Checked(mkdirat(directory, name, mode));
                     }));
}

Napi::Value Unlink(Arguments info) {
  const int flags = info[2].As<Napi::Boolean>().Value() ? AT_REMOVEDIR : 0;
  return Task::Start(info.Env(), AtPlace(Int(info, 0), Text(info, 1), [flags](int directory, const char* name) {
                       return Checked(unlinkat(directory, name, flags));
                     }));
}

Napi::Value MakeLink(Arguments info) {
  return Task::Start(info.Env(), AtPlace(Int(info, 0), Text(info, 1),
                                         [target = Text(info, 2)](int directory, const char* name) {
                                           return Checked(symlinkat(target.c_str(), directory, name));
                                         }));
}

Napi::Value ReadLink(Arguments info) {
  return Task::Start(info.Env(), AtPlace(Int(info, 0), Text(info, 1),
                                         [](int directory, const char* name) {
                                           std::string buffer(4096, '\0');
                                           const ssize_t length =
                                               readlinkat(directory, name, buffer.data(), buffer.size());
                                           Outcome outcome = Checked(length);
                                           if (length >= 0) outcome.text = buffer.substr(0, length);
                                           return outcome;
                                         }),
                     AsText);
}

/** Runs `act` with the directories and names of two paths. */
template <typename Act>
Napi::Value AtTwoPlaces(Arguments info, Act act) {
  const int root = Int(info, 0);
  return Task::Start(info.Env(), [root, from = Text(info, 1), to = Text(info, 2), act]() {
    const Place source = ParentOf(root, from);
    if (!source.directory.ok()) return Code(source.directory.get());
    const Place target = ParentOf(root, to);
    if (!target.directory.ok()) return Code(target.directory.get());
    return act(source, target);
  });
}

Napi::Value Rename(Arguments info) {
  const int flags = Int(info, 3);
  return AtTwoPlaces(info, [flags](const Place& from, const Place& to) {
    return Checked(syscall(SYS_renameat2, from.directory.get(), from.name.c_str(), to.directory.get(),
                           to.name.c_str(), static_cast<unsigned>(flags)));
  });
}

Napi::Value HardLink(Arguments info) {
  return AtTwoPlaces(info, [](const Place& from, const Place& to) {
    return Checked(linkat(from.directory.get(), from.name.c_str(), to.directory.get(), to.name.c_str(), 0));
  });
}

Napi::Value SetTimes(Arguments info) {
  const struct timespec time = Timespec(Int64(info, 2));
  return Task::Start(info.Env(), AtPlace(Int(info, 0), Text(info, 1), [time](int directory, const char* name) {
                       const struct timespec times[] = {time, time};
                       return Checked(utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW));
                     }));
}

Napi::Value SetTimesOfDescriptor(Arguments info) {
  const int fd = Int(info, 0);
  const struct timespec time = Timespec(Int64(info, 1));
  return Task::Start(info.Env(), [fd, time]() {
    const struct timespec times[] = {time, time};
    return Checked(futimens(fd, times));
  });
}

Napi::Value SetMode(Arguments info) {
  const int root = Int(info, 0), mode = Int(info, 2);
  return Task::Start(info.Env(), [root, mode, path = Text(info, 1)]() {
    // fchmod refuses O_PATH descriptors, and an open for reading needs a permission that the file may lack.
    const Descriptor node = Descriptor::Owned(OpenBeneath(root, path, O_PATH, 0));
    if (!node.ok()) return Code(node.get());
    struct statx stat = {};
    const int failed = StatAt(node.get(), "", &stat);
    if (failed != 0) return Code(failed);
    if (S_ISLNK(stat.stx_mode)) return Code(-ELOOP);
    const std::string self = "/proc/self/fd/" + std::to_string(node.get());
    return Checked(chmod(self.c_str(), static_cast<mode_t>(mode) & 07777));
  });
}

Napi::Value SyncFileSystem(Arguments info) {
  const int root = Int(info, 0);
  return Task::Start(info.Env(), [root]() { return Checked(syncfs(root)); });
}

Napi::Value SyncDirectory(Arguments info) {
  const int root = Int(info, 0);
  return Task::Start(info.Env(), [root, path = Text(info, 1)]() {
    const Descriptor directory = Descriptor::Owned(OpenBeneath(root, path, O_RDONLY | O_DIRECTORY, 0));
    if (!directory.ok()) return Code(directory.get());
    return Checked(fsync(directory.get()));
  });
}

/** Words: free bytes for this user, total bytes, free inodes. */
Napi::Value Space(Arguments info) {
  const int root = Int(info, 0);
  return Task::Start(
      info.Env(),
      [root]() {
        struct statfs space = {};
        Outcome outcome = Checked(fstatfs(root, &space));
        const uint64_t unit = static_cast<uint64_t>(space.f_frsize != 0 ? space.f_frsize : space.f_bsize);
        outcome.words = {space.f_bavail * unit, space.f_blocks * unit, space.f_ffree};
        return outcome;
      },
      AsWords);
}

/** Tells whether this kernel (and what confines the process) allows openat2: 0 or a negative errno. */
Napi::Value Probe(Arguments info) {
  const Descriptor here = Descriptor::Owned(OpenBeneath(AT_FDCWD, "", O_PATH | O_DIRECTORY, 0));
  return Napi::Number::New(info.Env(), here.ok() ? 0 : here.get());
}

Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  const std::pair<const char*, Napi::Value (*)(Arguments)> functions[] = {
      {"probe", Probe},
      {"open", Open},
      {"createFiles", CreateFiles},
      {"readFiles", ReadFiles},
      {"renameFiles", RenameFiles},
      {"makeDirectories", MakeDirectories},
      {"stat", Stat},
      {"statDescriptor", StatDescriptor},
      {"survey", Survey},
      {"makeDirectory", MakeDirectory},
      {"unlink", Unlink},
      {"makeLink", MakeLink},
      {"readLink", ReadLink},
      {"rename", Rename},
      {"hardLink", HardLink},
      {"setTimes", SetTimes},
      {"setTimesOfDescriptor", SetTimesOfDescriptor},
      {"setMode", SetMode},
      {"syncFileSystem", SyncFileSystem},
      {"syncDirectory", SyncDirectory},
      {"space", Space},
  };
  AddWatchFunctions(env, exports);
  exports.Set("revision", Napi::Number::New(env, kRevision));
  for (const auto& [name, function] : functions) exports.Set(name, Napi::Function::New(env, function, name));
  AddContentCalls(env, exports);
  return exports;
}

}  // namespace
}  // namespace ferry

static Napi::Object Initialize(Napi::Env env, Napi::Object exports) { return ferry::Initialize(env, exports); }
NODE_API_MODULE(ferry_native, Initialize)

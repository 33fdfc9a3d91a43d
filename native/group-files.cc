#include "group-files.hh"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <unordered_map>
#include <vector>

#include "beneath.hh"
#include "task.hh"

namespace ferry {

namespace {

/** The directories that a group's paths are in, each opened once, as long as there are not too many. */
class Parents {
 public:
  explicit Parents(int root) : root_(root) {}

  /** Returns a descriptor that is valid until the next call but one, or a negative errno; `name` is the last name. */
  int Of(const std::string& path, std::string* name) {
    const size_t slash = path.rfind('/');
    *name = slash == std::string::npos ? path : path.substr(slash + 1);
    if (slash == std::string::npos) return root_;
    std::string directory = path.substr(0, slash);
    const auto known = current_.find(directory);
    if (known != current_.end()) return known->second.get();
    if (current_.size() >= kOpenAtOnce) {
      // A rename holds one directory while it asks for the other: what was opened last stays open.
      previous_ = std::move(current_);
      current_.clear();
    }
    Descriptor opened = Descriptor::Owned(OpenBeneath(root_, directory, O_PATH | O_DIRECTORY, 0));
    const int fd = opened.get();
    if (opened.ok()) current_.emplace(std::move(directory), std::move(opened));
    return fd;
  }

 private:
  static constexpr size_t kOpenAtOnce = 64;
  int root_;
  std::unordered_map<std::string, Descriptor> current_;
  std::unordered_map<std::string, Descriptor> previous_;
};

std::vector<std::string> SplitPaths(const std::string& joined, size_t count) {
  std::vector<std::string> paths;
  paths.reserve(count);
  for (size_t start = 0; paths.size() < count;) {
    const size_t end = std::min(joined.find('\0', start), joined.size());
    paths.push_back(joined.substr(start, end - start));
    start = std::min(end + 1, joined.size());
  }
  return paths;
}

/** Appends the record of a node, or an empty one with the errno. */
void PackResult(int failed, const struct statx& stat, Words* out) {
  if (failed == 0) PackStat(stat, out);
  else PackFailure(-failed, out);
}

struct NewFile {
  std::string path;
  /** Lies in a buffer of JavaScript's. */
  const char* content = nullptr;
  size_t size = 0;
  mode_t mode = 0;
  int64_t mtimeNs = 0;
};

constexpr int64_t kNoTime = INT64_MIN;

int WriteAll(int fd, const char* content, size_t size) {
  for (size_t at = 0; at < size;) {
    const ssize_t written = write(fd, content + at, size - at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return -errno;
    at += static_cast<size_t>(written);
  }
  return 0;
}

int Finish(int fd, const NewFile& file, struct statx* stat) {
  int failed = WriteAll(fd, file.content, file.size);
  if (failed != 0) return failed;
  const struct timespec time = Timespec(file.mtimeNs);
  const struct timespec times[] = {time, time};
  if (file.mtimeNs != kNoTime && futimens(fd, times) != 0) return -errno;
  failed = StatAt(fd, "", stat);
  // The umask has cut the mode that it was created with, or not.
  if (failed != 0 || (stat->stx_mode & 07777) == file.mode) return failed;
  if (fchmod(fd, file.mode) != 0) return -errno;
  return StatAt(fd, "", stat);
}

int CreateFile(Parents* parents, const NewFile& file, struct statx* stat) {
  std::string name;
  const int directory = parents->Of(file.path, &name);
  if (directory < 0) return directory;
  const Descriptor created =
      Descriptor::Owned(OpenBeneath(directory, name, O_WRONLY | O_CREAT | O_EXCL, file.mode & 0777));
  if (!created.ok()) return created.get();
  const int failed = Finish(created.get(), file, stat);
  if (failed != 0) unlinkat(directory, name.c_str(), 0);
  return failed;
}

/** Reads up to `size` bytes; returns how many there were, or a negative errno. */
int64_t ReadAll(int fd, size_t size, Bytes* out) {
  if (size == 0) return 0;
  char* room = out->Room(size);
  if (room == nullptr) return -ENOMEM;
  size_t length = 0;
  while (length < size) {
    const ssize_t got = pread(fd, room + length, size - length, static_cast<off_t>(length));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -errno;
    if (got == 0) break;
    length += static_cast<size_t>(got);
  }
  out->Fill(length);
  return static_cast<int64_t>(length);
}

int ReadFile(Parents* parents, const std::string& path, uint64_t maxBytes, Outcome* out) {
  std::string name;
  const int directory = parents->Of(path, &name);
  if (directory < 0) return directory;
  const Descriptor file = Descriptor::Owned(OpenBeneath(directory, name, O_RDONLY | O_NONBLOCK, 0));
  if (!file.ok()) return file.get();
  struct statx before = {}, after = {};
  int failed = StatAt(file.get(), "", &before);
  if (failed != 0) return failed;
  const bool isRead = S_ISREG(before.stx_mode) && before.stx_size <= maxBytes;
  const int64_t length = isRead ? ReadAll(file.get(), before.stx_size, &out->bytes) : -1;
  if (isRead && length < 0) return static_cast<int>(length);
  failed = isRead ? StatAt(file.get(), "", &after) : 0;
  if (failed != 0) return failed;
  PackStat(before, &out->words);
  Words now;
  PackStat(isRead ? after : before, &now);
  const bool isSame = std::memcmp(now.data(), &out->words[out->words.size() - kRecordWords],
                                  kRecordWords * sizeof(uint64_t)) == 0;
  out->words.push_back(isSame ? 1 : 0);
  if (!isSame) out->words.insert(out->words.end(), now.begin(), now.end());
  out->words.push_back(static_cast<uint64_t>(length));
  return 0;
}

int RenameFile(Parents* parents, const std::string& from, const std::string& to, struct statx* stat) {
  std::string source, target;
  const int sourceDirectory = parents->Of(from, &source);
  if (sourceDirectory < 0) return sourceDirectory;
  const int targetDirectory = parents->Of(to, &target);
  if (targetDirectory < 0) return targetDirectory;
  constexpr unsigned kNoReplace = 1;  // RENAME_NOREPLACE, which older headers lack
  if (syscall(SYS_renameat2, sourceDirectory, source.c_str(), targetDirectory, target.c_str(), kNoReplace) != 0)
    return -errno;
  return StatAt(targetDirectory, target.c_str(), stat);
}

int MakeDirectory(Parents* parents, const std::string& path, mode_t mode, struct statx* stat) {
  std::string name;
  const int directory = parents->Of(path, &name);
  if (directory < 0) return directory;
  if (mkdirat(directory, name.c_str(), mode) != 0) return -errno;
  return StatAt(directory, name.c_str(), stat);
}

}  // namespace

Napi::Value CreateFiles(Arguments info) {
  const Napi::Array contents = info[2].As<Napi::Array>();
  const auto modes = info[3].As<Napi::Uint32Array>();
  const auto times = info[4].As<Napi::BigInt64Array>();
  const std::vector<std::string> paths = SplitPaths(Text(info, 1), contents.Length());
  std::vector<NewFile> files(contents.Length());
  for (uint32_t index = 0; index < contents.Length(); index++) {
    NewFile& file = files[index];
    const auto content = contents.Get(index).As<Napi::Uint8Array>();
    file.path = paths[index];
    file.content = reinterpret_cast<const char*>(content.Data());
    file.size = content.ByteLength();
    file.mode = static_cast<mode_t>(modes[index]) & 07777;
    file.mtimeNs = times[index];
  }
  return Task::Start(
      info.Env(),
      [root = Int(info, 0), files = std::move(files)]() {
        Outcome outcome;
        Parents parents(root);
        for (const NewFile& file : files) {
          struct statx stat = {};
          PackResult(CreateFile(&parents, file, &stat), stat, &outcome.words);
        }
        return outcome;
      },
      AsWords, contents);
}

Napi::Value ReadFiles(Arguments info) {
  const auto maxBytes = info[2].As<Napi::Float64Array>();
  std::vector<uint64_t> limits(maxBytes.ElementLength());
  for (size_t index = 0; index < limits.size(); index++) limits[index] = static_cast<uint64_t>(maxBytes[index]);
  return Task::Start(
      info.Env(),
      [root = Int(info, 0), paths = SplitPaths(Text(info, 1), limits.size()), limits]() {
        Outcome outcome;
        Parents parents(root);
        for (size_t index = 0; index < paths.size(); index++) {
          const int failed = ReadFile(&parents, paths[index], limits[index], &outcome);
          if (failed != 0) PackFailure(-failed, &outcome.words);
        }
        return outcome;
      },
      AsWordsAndBytes);
}

Napi::Value RenameFiles(Arguments info) {
  return Task::Start(
      info.Env(),
      [root = Int(info, 0), paths = SplitPaths(Text(info, 1), 2 * static_cast<size_t>(Int(info, 2)))]() {
        Outcome outcome;
        Parents parents(root);
        for (size_t index = 0; index < paths.size(); index += 2) {
          struct statx stat = {};
          PackResult(RenameFile(&parents, paths[index], paths[index + 1], &stat), stat, &outcome.words);
        }
        return outcome;
      },
      AsWords);
}

Napi::Value MakeDirectories(Arguments info) {
  const auto given = info[2].As<Napi::Uint32Array>();
  const std::vector<uint32_t> modes(given.Data(), given.Data() + given.ElementLength());
  return Task::Start(
      info.Env(),
      [root = Int(info, 0), paths = SplitPaths(Text(info, 1), modes.size()), modes]() {
        Outcome outcome;
        Parents parents(root);
        for (size_t index = 0; index < paths.size(); index++) {
          struct statx stat = {};
          PackResult(MakeDirectory(&parents, paths[index], modes[index] & 07777, &stat), stat, &outcome.words);
        }
        return outcome;
      },
      AsWords);
}

}  // namespace ferry

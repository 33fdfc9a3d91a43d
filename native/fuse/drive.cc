#include "drive.hh"

#include <dirent.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <unordered_set>

namespace ferry::fuse {
namespace {

constexpr size_t kMaxHints = 4096;

}  // namespace

int Drive::Open() {
  const int failed = backing_.Open(options_.stateDirectory + "/cache");
  return failed != 0 ? failed : log_.Open(options_.stateDirectory + "/log");
}

uint64_t Drive::Settle() {
  const std::unique_lock<std::shared_mutex> lock(mutex_);
  uint64_t differing = 0;
  std::unordered_set<uint64_t> used;
  std::vector<Node*> lost;
  tree_.Each([&](Node& node) {
    if (!node.isFile() || node.backing == 0) return;
    struct stat found = {};
    if (fstatat(backing_.folder(), std::to_string(node.backing).c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0) {
      lost.push_back(&node);
      return;
    }
    used.insert(node.backing);
    const int64_t stamp = static_cast<int64_t>(found.st_mtim.tv_sec) * 1'000'000'000 + found.st_mtim.tv_nsec;
    if (node.state == State::kPlaceholder) return;
    const auto size = static_cast<uint64_t>(found.st_size);
    node.holes = size - std::min(size, static_cast<uint64_t>(found.st_blocks) * kStatBlockBytes);
    // Two writes can have the same time.
    if (stamp == node.stampNs && size == node.size) return;
    if (node.state == State::kDirty && node.stampNs == -1 && size == node.size) return;
    differing++;
    tree_.SetState(&node, State::kDirty);
    node.ForgetHash();
    node.size = size;
    node.mtimeNs = node.stampNs = stamp;
    node.counter++;
    tree_.Changed(&node);
  });
  for (Node* node : lost) {
    differing++;
    node->backing = 0;
    node->stampNs = -1;
    node->counter++;
    node->file.reset();
    if (node->size == 0) continue;
    tree_.SetState(node, State::kPlaceholder);
    tree_.Changed(node);
    if (!node->has(kHasSource)) tree_.Detach(node);
  }
  if (DIR* listing = fdopendir(openat(backing_.folder(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC))) {
    while (const struct dirent* entry = readdir(listing)) {
      char* end = nullptr;
      const uint64_t number = std::strtoull(entry->d_name, &end, 10);
      if (end != entry->d_name && *end == '\0' && used.count(number) == 0) backing_.Remove(number);
    }
    closedir(listing);
  }
  Commit();
  return differing;
}

File& Drive::FileOf(Node* node) {
  if (node->file == nullptr) node->file = std::make_shared<File>();
  if (node->file->generation == 0) node->file->generation = ++lastGeneration_;
  return *node->file;
}

int Drive::DescriptorOf(const Node* node, File& file) {
  const int known = file.fd;
  if (known >= 0) return known;
  if (node->backing == 0) return -ENOENT;
  const int opened = backing_.OpenFile(node->backing, false);
  if (opened < 0) return opened;
  int none = -1;
  if (file.fd.compare_exchange_strong(none, opened)) return opened;
  close(opened);
  return none;
}

int Drive::MakeDescriptor(Node* node, File& file) {
  if (node->backing != 0) return DescriptorOf(node, file);
  auto [number, fd] = spares_.Take();
  if (fd < 0) {
    number = tree_.NextId();
    fd = backing_.OpenFile(number, true);
  }
  if (fd < 0) return fd;
  if (node->size > 0 && ftruncate(fd, static_cast<off_t>(node->size)) != 0) {
    const int failed = -errno;
    close(fd);
    backing_.Remove(number);
    return failed;
  }
  node->backing = number;
  node->stampNs = -1;
  file.fd = fd;
  tree_.Changed(node);
  return fd;
}

void Drive::Begin(Node* node, File& file) {
  if (file.isBegun) return;
  if (file.closed == Closed::kSame) {
    file.closed = Closed::kEarlier;
    file.closedCounter = node->counter;
    file.closedSize = node->size;
    file.closedMtimeNs = node->mtimeNs;
  }
  file.isBegun = true;
  node->counter++;
  node->ForgetHash();
  tree_.SetState(node, State::kDirty);
  file.present.Clear();
  tree_.Changed(node);
  Commit();
}

void Drive::Wrote(Node* node, File& file, uint64_t end) {
  node->size = std::max(node->size, end);
  node->mtimeNs = node->ctimeNs = NowNs();
  file.isUnlogged = true;
  SetClosing(file, false);
}

int Drive::Resize(Node* node, File& file, uint64_t size) {
  if (size > node->size && !TakeRoom(size - node->size)) return -ENOSPC;
  // A file that is cut to nothing needs none of what it held.
  const bool isFresh = size == 0 && node->backing == 0;
  if (size == 0 && node->state == State::kPlaceholder) DropContent(node);
  Begin(node, file);
  if (!isFresh && !(size == 0 && node->backing == 0)) {
    const int fd = MakeDescriptor(node, file);
    if (fd < 0) return fd;
    if (ftruncate(fd, static_cast<off_t>(size)) != 0) return -errno;
  }
  node->size = size;
  Wrote(node, file, 0);
  // Without content there is no file whose size would tell after a crash.
  tree_.Changed(node);
  return 0;
}

void Drive::SetClosing(File& file, bool isClosing) {
  if (file.isClosing == isClosing) return;
  file.isClosing = isClosing;
  closing_ += isClosing ? 1 : static_cast<uint64_t>(-1);
}

void Drive::EndWriting(Node* node, File& file) {
  SetClosing(file, false);
  if (file.closed == Closed::kSame && !file.isBegun && !file.isUnlogged) return;
  const int fd = file.fd;
  if (fd >= 0) {
    uint64_t room = node->size;
    node->stampNs = StampOf(fd, nullptr, &room);
    node->holes = node->size - std::min(node->size, room);
  }
  file.closed = Closed::kSame;
  file.isBegun = false;
  file.isUnlogged = false;
  node->counter++;
  tree_.Changed(node);
  Hint(node);
}

void Drive::LetGo(Node* node, bool wasWriter) {
  if (node->file == nullptr || node->file->handles == 0) return;
  const std::shared_ptr<File> file = node->file;
  file->handles--;
  CountHandle(-1);
  if (wasWriter && file->writers > 0) {
    if (file->isPassthrough) TakePassthroughWrites(node, *file);
    if (--file->writers == 0) EndWriting(node, *file);
  }
  if (file->handles > 0) return;
  file->isPassthrough = false;
  if (file->mayBeMapped) mapped_.push_back(node->id);
  if (!node->isInTree()) {
    DropContent(node);
    node->file.reset();
    tree_.FreeIfUnused(node);
  } else if (file->present.count() == 0 && !file->mayBeMapped) {
    node->file.reset();
  } else {
    // The blocks that are here are remembered; whoever still reads has the File.
    auto kept = std::make_shared<File>();
    kept->mayBeMapped = file->mayBeMapped;
    kept->present = file->present;
    kept->generation = file->generation;
    kept->usedAtNs = file->usedAtNs;
    kept->progressAtNs = file->progressAtNs;
    node->file = std::move(kept);
    tree_.Changed(node);
  }
}

void Drive::Drop(Node* node) {
  const std::string path = tree_.PathOf(node);
  tree_.Detach(node);
  // Who has found the name before may open the file after: it goes when the kernel has forgotten it.
  if (node->isFile() && node->lookups == 0 && (node->file == nullptr || node->file->handles == 0)) {
    DropContent(node);
    node->file.reset();
  }
  HintAt(path);
}

void Drive::Forgotten(Node* node) {
  if (node->isInTree() || node->lookups != 0 || (node->file != nullptr && node->file->handles > 0)) return;
  if (node->isFile()) DropContent(node);
  node->file.reset();
  tree_.FreeIfUnused(node);
}

void Drive::LoseKernel() {
  std::vector<Node*> held;
  tree_.Each([&](Node& node) {
    node.lookups = 0;
    if (!node.isInTree() || (node.file != nullptr && node.file->handles > 0)) held.push_back(&node);
  });
  for (Node* node : held) {
    // The last one may free the entry.
    uint32_t handles = node->file == nullptr ? 0 : node->file->handles;
    if (handles == 0) Forgotten(node);
    for (; handles > 0; handles--) LetGo(node, node->file->writers > 0);
  }
  Commit();
}

void Drive::DropContent(Node* node) {
  // What could be given up anyway counted as room before; without a limit there is nothing to count.
  if (node->state == State::kDirty && writable_ < INT64_MAX / 2) writable_ += static_cast<int64_t>(node->storedBytes());
  if (node->backing != 0) {
    givenUp_.push_back(node->backing);
    Signal();
  }
  node->backing = 0;
  node->stampNs = -1;
  node->holes = 0;
  node->isReadPast = false;
  if (node->file == nullptr) return;
  node->file->present.Clear();
  node->file->generation = ++lastGeneration_;
  const int fd = node->file->fd.exchange(-1);
  if (fd >= 0) node->file->retired.push_back(fd);
}

int Drive::SyncContent(const std::vector<uint64_t>& ids) {
  // From so many files on, one flush of everything is less work for the disk.
  constexpr size_t kMaxSingly = 16;
  std::vector<uint64_t> numbers;
  {
    const std::shared_lock<std::shared_mutex> lock(mutex_);
    for (const uint64_t id : ids) {
      const Node* node = tree_.Get(id);
      if (node == nullptr || node->backing == 0 || (node->file != nullptr && node->file->writers > 0)) continue;
      numbers.push_back(node->backing);
    }
  }
  if (numbers.size() > kMaxSingly) return backing_.SyncAll();
  for (const uint64_t number : numbers) {
    const Descriptor file = Descriptor::Owned(backing_.OpenFile(number, false));
    // It may have been given up meanwhile.
    if (file.ok() && fdatasync(file.get()) != 0) return -errno;
  }
  return backing_.SyncNames();
}

void Drive::Sweep() {
  std::vector<uint64_t> numbers;
  {
    const std::unique_lock<std::shared_mutex> lock(mutex_);
    numbers.swap(givenUp_);
  }
  for (const uint64_t number : numbers) backing_.Remove(number);
}

void Drive::Hint(const Node* node) {
  if (node->isInTree()) HintAt(tree_.PathOf(node));
}

void Drive::HintAt(std::string path) {
  if (hints_.size() > kMaxHints) return;
  if (hints_.size() == kMaxHints) path.clear();
  if (hints_.empty() || hints_.back() != path) hints_.push_back(std::move(path));
}

void Drive::Metadata(Node* node) {
  node->ctimeNs = NowNs();
  const bool isWritten = node->file != nullptr && node->file->closed != Closed::kSame;
  node->counter++;
  tree_.Changed(node);
  if (!isWritten) Hint(node);
}

int Drive::Commit() {
  std::string rows;
  tree_.TakeUnlogged(&rows);
  const int failed = log_.Append(rows);
  Signal();
  return failed;
}

void Drive::Signal() {
  if (!isSignalled_.exchange(true)) outside_->Changed();
}

bool Drive::TakeRoom(uint64_t bytes) {
  if (bytes == 0) return true;
  const int64_t before = writable_.fetch_sub(static_cast<int64_t>(bytes));
  if (before >= static_cast<int64_t>(bytes)) return true;
  writable_ += static_cast<int64_t>(bytes);
  return false;
}

int Drive::Sync(Node* node, std::shared_ptr<File> file) {
  int fd = -1;
  if (file != nullptr) {
    const std::unique_lock<std::shared_mutex> lock(mutex_);
    if (file->isPassthrough && file->writers > 0) TakePassthroughWrites(node, *file);
    // What was written through handles that are closed already is meant, too.
    if (node->backing != 0) fd = DescriptorOf(node, *file);
  }
  if (fd >= 0 && fdatasync(fd) != 0) return -errno;
  const int named = backing_.SyncNames();
  if (named != 0) return named;
  {
    const std::unique_lock<std::shared_mutex> lock(mutex_);
    if (file != nullptr && file->isUnlogged) {
      file->isUnlogged = false;
      if (fd >= 0) node->stampNs = StampOf(fd);
      tree_.Changed(node);
    }
    const int failed = Commit();
    if (failed != 0) return failed;
  }
  return log_.Sync();
}

Drained Drive::Drain() {
  const std::unique_lock<std::shared_mutex> lock(mutex_);
  isSignalled_ = true;
  Commit();
  isSignalled_ = false;
  Drained drained;
  tree_.TakeUnstored(&drained.rows);
  drained.log = log_.Rotate();
  drained.check = tree_.check();
  drained.paths.swap(hints_);
  drained.dirty = tree_.dirty();
  return drained;
}

Room Drive::room() {
  const std::shared_lock<std::shared_mutex> lock(mutex_);
  if (room_.totalBytes > 0) return room_;
  struct statvfs space = {};
  if (fstatvfs(backing_.folder(), &space) != 0) return room_;
  return {space.f_blocks * space.f_frsize, space.f_bavail * space.f_frsize};
}

void Drive::SetRoom(const Room& room, int64_t writable) {
  const std::unique_lock<std::shared_mutex> lock(mutex_);
  room_ = room;
  writable_ = writable;
}

uint64_t Drive::StoredBytes() {
  const std::shared_lock<std::shared_mutex> lock(mutex_);
  return tree_.stored();
}

}  // namespace ferry::fuse

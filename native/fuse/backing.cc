#include "backing.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace ferry::fuse {

int Backing::Open(const std::string& directory) {
  directory_ = directory;
  folder_ = Descriptor::Owned(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return folder_.ok() ? 0 : -errno;
}

int Backing::OpenFile(uint64_t number, bool create) {
  if (create) hasNewNames_ = true;
  const int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0);
  const int fd = openat(folder_.get(), std::to_string(number).c_str(), flags, 0600);
  return fd < 0 ? -errno : fd;
}

int Backing::OpenToRead(uint64_t number) const {
  const int fd = openat(folder_.get(), std::to_string(number).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  return fd < 0 ? -errno : fd;
}

void Backing::Remove(uint64_t number) { unlinkat(folder_.get(), std::to_string(number).c_str(), 0); }

int Backing::SyncNames() {
  const std::lock_guard<std::mutex> guard(syncing_);
  if (!hasNewNames_.exchange(false)) return 0;
  if (fsync(folder_.get()) == 0) return 0;
  hasNewNames_ = true;
  return -errno;
}

int Backing::SyncAll() { return syncfs(folder_.get()) == 0 ? 0 : -errno; }

int64_t StampOf(int fd, uint64_t* size, uint64_t* room) {
  struct stat found = {};
  if (fstat(fd, &found) != 0) return -1;
  if (size != nullptr) *size = static_cast<uint64_t>(found.st_size);
  if (room != nullptr) *room = static_cast<uint64_t>(found.st_blocks) * kStatBlockBytes;
  return static_cast<int64_t>(found.st_mtim.tv_sec) * 1'000'000'000 + found.st_mtim.tv_nsec;
}

}  // namespace ferry::fuse

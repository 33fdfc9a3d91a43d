#include "change-log.hh"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "row.hh"

namespace ferry::fuse {

std::string ChangeLog::NameOf(uint64_t number) const {
  char name[32];
  std::snprintf(name, sizeof name, "%016llu", static_cast<unsigned long long>(number));
  return directory_ + "/" + name;
}

int ChangeLog::Open(const std::string& directory) {
  const std::lock_guard<std::mutex> guard(mutex_);
  directory_ = directory;
  folder_ = Descriptor::Owned(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder_.ok()) return -errno;
  uint64_t last = 0;
  DIR* listing = opendir(directory.c_str());
  if (listing == nullptr) return -errno;
  while (const struct dirent* entry = readdir(listing))
    last = std::max<uint64_t>(last, std::strtoull(entry->d_name, nullptr, 10));
  closedir(listing);
  return Begin(last + 1);
}

int ChangeLog::Begin(uint64_t number) {
  const int fd = open(NameOf(number).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_APPEND, 0600);
  if (fd < 0) return -errno;
  parts_.push_back({number, Descriptor::Owned(fd), false});
  offset_ = 0;
  hasNewName_ = true;
  return 0;
}

int ChangeLog::Append(std::string_view rows) {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (parts_.empty()) return -EBADF;
  unwritten_.append(rows);
  if (unwritten_.empty()) return 0;
  std::string record(8, '\0');
  const uint32_t head[] = {static_cast<uint32_t>(unwritten_.size()), Crc32(unwritten_)};
  std::memcpy(record.data(), head, sizeof head);
  record.append(unwritten_);
  Part& part = parts_.back();
  const ssize_t written = write(part.fd.get(), record.data(), record.size());
  if (written != static_cast<ssize_t>(record.size())) {
    const int failed = written < 0 ? errno : ENOSPC;
    // A record that was cut short would hide those behind it.
    if (written > 0 && ftruncate(part.fd.get(), static_cast<off_t>(offset_)) != 0) return -EIO;
    return -failed;
  }
  offset_ += record.size();
  part.isUnsynced = true;
  unwritten_.clear();
  return 0;
}

uint64_t ChangeLog::Rotate() {
  const std::lock_guard<std::mutex> guard(mutex_);
  if (parts_.empty() || offset_ == 0) return 0;
  const uint64_t number = parts_.back().number;
  return Begin(number + 1) == 0 ? number : 0;
}

void ChangeLog::Remove(uint64_t upTo) {
  const std::lock_guard<std::mutex> guard(mutex_);
  for (size_t at = 0; at + 1 < parts_.size();) {
    if (parts_[at].number > upTo) {
      at++;
      continue;
    }
    unlink(NameOf(parts_[at].number).c_str());
    parts_.erase(parts_.begin() + static_cast<ptrdiff_t>(at));
  }
}

int ChangeLog::Sync() {
  const std::lock_guard<std::mutex> turn(syncing_);
  // Whoever waits here must not keep others from appending, nor lose the descriptor while it is synced.
  std::vector<Descriptor> copies;
  bool hasNewName = false;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    for (Part& part : parts_) {
      if (!part.isUnsynced) continue;
      const int copy = fcntl(part.fd.get(), F_DUPFD_CLOEXEC, 0);
      if (copy < 0) return -errno;
      copies.push_back(Descriptor::Owned(copy));
      part.isUnsynced = false;
    }
    std::swap(hasNewName, hasNewName_);
  }
  int failed = 0;
  for (const Descriptor& copy : copies)
    if (fdatasync(copy.get()) != 0) failed = -errno;
  if (hasNewName && fsync(folder_.get()) != 0) failed = -errno;
  if (failed != 0) {
    const std::lock_guard<std::mutex> guard(mutex_);
    for (Part& part : parts_) part.isUnsynced = true;
    hasNewName_ = true;
  }
  return failed;
}

}  // namespace ferry::fuse

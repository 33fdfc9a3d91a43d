#include "listing.hh"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "beneath.hh"

namespace ferry {

namespace {

constexpr size_t kReadBytes = 64 * 1024;

/** Layout of what getdents64 fills in (getdents(2)); glibc declares it only behind its own readdir. */
struct KernelDirent {
  uint64_t inode;
  int64_t offset;
  uint16_t length;
  uint8_t type;
  char name[];
};

uint64_t Pair(uint32_t low, uint32_t high) {
  uint32_t halves[2] = {low, high};
  uint64_t word;
  std::memcpy(&word, halves, sizeof word);
  return word;
}

uint64_t Nanoseconds(const struct statx_timestamp& time) {
  return static_cast<uint64_t>(time.tv_sec * INT64_C(1000000000) + time.tv_nsec);
}

uint64_t DeviceOf(const struct statx& stat) {
  const uint64_t major = stat.stx_dev_major;
  const uint64_t minor = stat.stx_dev_minor;
  // As makedev(3), so that the number is the one that stat(2) and node:fs report.
  return ((major & 0xfffff000u) << 32) | ((major & 0xfffu) << 8) | ((minor & 0xffffff00u) << 12) | (minor & 0xffu);
}

void PackRecord(const struct statx& stat, int error, const std::string& name, Words* out) {
  const bool hasBirth = (stat.stx_mask & STATX_BTIME) != 0;
  const uint64_t record[] = {
      DeviceOf(stat),
      stat.stx_ino,
      stat.stx_size,
      Nanoseconds(stat.stx_mtime),
      Nanoseconds(stat.stx_ctime),
      hasBirth ? Nanoseconds(stat.stx_btime) : 0,
      Pair(stat.stx_mode, stat.stx_nlink),
      Pair(static_cast<uint32_t>(error), static_cast<uint32_t>(name.size())),
  };
  out->insert(out->end(), std::begin(record), std::end(record));
  const size_t start = out->size();
  out->resize(start + (name.size() + 7) / 8, 0);
  if (!name.empty()) std::memcpy(out->data() + start, name.data(), name.size());
}

/** Reads all names but `.` and `..`; returns 0 or a negative errno, and then the names are not complete. */
int ReadNames(int directory, std::vector<std::string>* names) {
  std::vector<char> buffer(kReadBytes);
  for (;;) {
    const long bytes = syscall(SYS_getdents64, directory, buffer.data(), buffer.size());
    if (bytes < 0) return -errno;
    if (bytes == 0) return 0;
    for (long at = 0; at < bytes;) {
      const auto* entry = reinterpret_cast<const KernelDirent*>(buffer.data() + at);
      at += entry->length;
      if (std::strcmp(entry->name, ".") != 0 && std::strcmp(entry->name, "..") != 0) names->emplace_back(entry->name);
    }
  }
}

}  // namespace

void PackStat(const struct statx& stat, Words* out) { PackRecord(stat, 0, "", out); }

void PackDirectory(int root, const std::string& path, Words* out) {
  const Descriptor directory = Descriptor::Owned(OpenBeneath(root, path, O_RDONLY | O_DIRECTORY, 0));
  std::vector<std::string> names;
  const int failed = directory.ok() ? ReadNames(directory.get(), &names) : directory.get();
  if (failed != 0) {
    out->push_back(Pair(static_cast<uint32_t>(-failed), 0));
    return;
  }
  std::sort(names.begin(), names.end());
  out->push_back(Pair(0, static_cast<uint32_t>(names.size())));
  for (const std::string& name : names) {
    struct statx stat = {};
    const int result = StatAt(directory.get(), name.c_str(), &stat);
    PackRecord(stat, -result, name, out);
  }
}

}  // namespace ferry

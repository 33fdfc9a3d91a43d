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

struct Seen {
  std::string name;
  struct statx stat = {};
  int error = 0;
};

uint64_t Rotated(uint64_t word, int bits) { return (word << bits) | (word >> (64 - bits)); }

uint64_t Avalanched(uint64_t word) {
  word ^= word >> 33;
  word *= UINT64_C(0xff51afd7ed558ccd);
  word ^= word >> 33;
  word *= UINT64_C(0xc4ceb9fe1a85ec53);
  return word ^ (word >> 33);
}

/**
 * Adds up a 128-bit hash of each item (the mixing steps of MurmurHash3_x64_128), so that the order does not matter. It
 * tells states apart that came about by themselves; nobody gains by making two alike, who could as well leave the file.
 */
class Fingerprint {
 public:
  void Add(const Seen& item) {
    uint64_t a = UINT64_C(0x243f6a8885a308d3), b = UINT64_C(0x13198a2e03707344);
    const struct statx& stat = item.stat;
    const bool hasBirth = (stat.stx_mask & STATX_BTIME) != 0;
    const uint64_t birth = hasBirth ? Nanoseconds(stat.stx_btime) : 0;
    Mix(&a, &b, Pair(static_cast<uint32_t>(item.error), static_cast<uint32_t>(item.name.size())), stat.stx_mode & S_IFMT);
    Mix(&a, &b, DeviceOf(stat), stat.stx_ino);
    Mix(&a, &b, birth, 0);
    if (!S_ISDIR(stat.stx_mode)) {
      Mix(&a, &b, stat.stx_size, Pair(stat.stx_mode, stat.stx_nlink));
      Mix(&a, &b, Nanoseconds(stat.stx_mtime), Nanoseconds(stat.stx_ctime));
    }
    for (size_t at = 0; at < item.name.size(); at += 16) {
      uint64_t words[2] = {0, 0};
      std::memcpy(words, item.name.data() + at, std::min<size_t>(16, item.name.size() - at));
      Mix(&a, &b, words[0], words[1]);
    }
    a += b;
    b += a;
    low_ += Avalanched(a) + Avalanched(b);
    high_ += Avalanched(b) ^ Rotated(Avalanched(a), 32);
    count_++;
  }

  // An empty directory has a fingerprint, too: never both zero, which stands for none.
  uint64_t low() const { return low_ + count_ + 1; }
  uint64_t high() const { return high_; }

 private:
  static void Mix(uint64_t* a, uint64_t* b, uint64_t first, uint64_t second) {
    *a ^= Rotated(first * UINT64_C(0x87c37b91114253d5), 31) * UINT64_C(0x4cf5ad432745937f);
    *a = (Rotated(*a, 27) + *b) * 5 + 0x52dce729;
    *b ^= Rotated(second * UINT64_C(0x4cf5ad432745937f), 33) * UINT64_C(0x87c37b91114253d5);
    *b = (Rotated(*b, 31) + *a) * 5 + 0x38495ab5;
  }
  uint64_t low_ = 0;
  uint64_t high_ = 0;
  uint64_t count_ = 0;
};

}  // namespace

void PackFailure(int error, Words* out) { PackRecord({}, error, "", out); }

void PackStat(const struct statx& stat, Words* out) { PackRecord(stat, 0, "", out); }

void PackSurvey(int root, const SurveyOf& survey, const PrivateNames& hidden, Words* out) {
  const Descriptor directory = Descriptor::Owned(OpenBeneath(root, survey.path, O_RDONLY | O_DIRECTORY, 0));
  std::vector<std::string> names;
  const int failed = directory.ok() ? ReadNames(directory.get(), &names) : directory.get();
  if (failed != 0) {
    out->push_back(Pair(static_cast<uint32_t>(-failed), 0));
    return;
  }
  std::vector<Seen> items(names.size());
  Fingerprint fingerprint;
  bool hasPrivate = false;
  for (size_t index = 0; index < names.size(); index++) {
    Seen& item = items[index];
    item.name = std::move(names[index]);
    item.error = -StatAt(directory.get(), item.name.c_str(), &item.stat);
    if (item.error == ENOENT) continue;  // gone since its name was read
    if (item.name.compare(0, hidden.prefix.size(), hidden.prefix) == 0) hasPrivate = true;
    else if (item.name != hidden.folder) fingerprint.Add(item);
  }
  const bool isKnown = !hasPrivate && fingerprint.low() == survey.known[0] && fingerprint.high() == survey.known[1];
  if (isKnown || survey.onlyDirectories)
    items.erase(std::remove_if(items.begin(), items.end(),
                               [](const Seen& item) { return item.error != 0 || !S_ISDIR(item.stat.stx_mode); }),
                items.end());
  std::sort(items.begin(), items.end(), [](const Seen& a, const Seen& b) { return a.name < b.name; });
  out->push_back(Pair(0, static_cast<uint32_t>(items.size())));
  out->push_back(fingerprint.low());
  out->push_back(fingerprint.high());
  out->push_back(Pair(isKnown ? 1 : 0, 0));
  for (const Seen& item : items) PackRecord(item.stat, item.error, item.name, out);
}

}  // namespace ferry

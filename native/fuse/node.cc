#include "node.hh"

#include <chrono>
#include <ctime>
#include <unistd.h>

#include <algorithm>

namespace ferry::fuse {

File::~File() {
  const int open = fd.load();
  if (open >= 0) close(open);
  for (const int each : retired) close(each);
}

uint32_t Node::fileMode() const {
  switch (kind) {
    case Kind::kDirectory: return S_IFDIR | mode;
    case Kind::kFile: return S_IFREG | mode;
    case Kind::kLink: return S_IFLNK | 0777;
    case Kind::kSpecial: return (static_cast<uint32_t>(specialType) << 12) | mode;
  }
  return mode;
}

uint64_t Node::storedBytes() const {
  if (kind != Kind::kFile) return 0;
  if (state != State::kPlaceholder) return size;
  return file == nullptr ? 0 : std::min(file->present.bytes(), size);
}

int64_t NowNs() {
  struct timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

int64_t SteadyNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace ferry::fuse

#include "beneath.hh"

#include <cerrno>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace ferry {

namespace {

// The kernel answers EAGAIN when a rename anywhere in the system made it unable to prove that the path stayed inside.
constexpr int kMaxTries = 100;

}  // namespace

Descriptor::~Descriptor() {
  if (owned_ && fd_ >= 0) close(fd_);
}

int OpenBeneath(int root, const std::string& path, uint64_t flags, uint64_t mode) {
  struct open_how how = {};
  how.flags = flags | O_CLOEXEC | O_NOFOLLOW;
  how.mode = (flags & O_CREAT) != 0 ? mode & 07777 : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const char* name = path.empty() ? "." : path.c_str();
  for (int tries = 0; tries < kMaxTries; tries++) {
    const long fd = syscall(SYS_openat2, root, name, &how, sizeof how);
    if (fd >= 0) return static_cast<int>(fd);
    if (errno != EAGAIN && errno != EINTR) break;
  }
  return -errno;
}

Place ParentOf(int root, const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {Descriptor::Borrowed(root), path};
  return {Descriptor::Owned(OpenBeneath(root, path.substr(0, slash), O_PATH | O_DIRECTORY, 0)),
          path.substr(slash + 1)};
}

struct timespec Timespec(int64_t ns) {
  int64_t seconds = ns / INT64_C(1000000000);
  int64_t rest = ns % INT64_C(1000000000);
  if (rest < 0) {
    rest += INT64_C(1000000000);
    seconds--;
  }
  struct timespec time = {};
  time.tv_sec = seconds;
  time.tv_nsec = rest;
  return time;
}

int StatAt(int directory, const char* name, struct statx* out) {
  const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name == '\0' ? AT_EMPTY_PATH : 0);
  return statx(directory, name, flags, STATX_BASIC_STATS | STATX_BTIME, out) == 0 ? 0 : -errno;
}

int StatBeneath(int root, const std::string& path, struct statx* out) {
  const Place place = ParentOf(root, path);
  if (!place.directory.ok()) return place.directory.get();
  return StatAt(place.directory.get(), place.name.c_str(), out);
}

}  // namespace ferry

// Descriptor-relative file system calls that cannot leave a root directory. All return a negative errno on failure.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <sys/stat.h>
#include <utility>

namespace ferry {

/** A descriptor that is closed at the end of its scope unless it is only borrowed. */
class Descriptor {
 public:
  static Descriptor Owned(int fd) { return Descriptor(fd, true); }
  static Descriptor Borrowed(int fd) { return Descriptor(fd, false); }
  /** None. */
  Descriptor() : Descriptor(-1, false) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_), owned_(other.owned_) { other.owned_ = false; }
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(owned_, other.owned_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();

  /** The descriptor, or a negative errno. */
  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  /** Hands the descriptor over to the caller. */
  int Release() {
    owned_ = false;
    return fd_;
  }

 private:
  Descriptor(int fd, bool owned) : fd_(fd), owned_(owned) {}
  int fd_;
  bool owned_;
};

/** Where an operation takes place: the directory that holds the last name of a path, and that name. */
struct Place {
  Descriptor directory;
  std::string name;
};

/** openat2 below `root` that follows no link of any kind; `path` is relative, "" is the root itself. */
int OpenBeneath(int root, const std::string& path, uint64_t flags, uint64_t mode);

/** Opens the directory that holds `path`. */
Place ParentOf(int root, const std::string& path);

/** Nanoseconds since 1970 as the kernel takes them. */
struct timespec Timespec(int64_t ns);

/** statx of `name` in `directory` without following it; "" is the directory itself. */
int StatAt(int directory, const char* name, struct statx* out);

/** As StatAt, for a path below `root`. */
int StatBeneath(int root, const std::string& path, struct statx* out);

}  // namespace ferry

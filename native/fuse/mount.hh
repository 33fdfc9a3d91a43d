// Putting a file system onto a directory, with privilege or without.
#pragma once

#include <cstdint>
#include <string>

namespace ferry::fuse {

struct MountOptions {
  /** Absolute; a directory. */
  std::string mountPoint;
  /** Shown as the device; letters, digits and `.:_-` only. */
  std::string source;
  /** Other users may use it too. */
  bool allowsOthers = false;
  /** The kernel may read files by itself whose content is here, where it lets this process allow it. */
  bool passesThrough = true;
};

/** Mounts, and returns the descriptor that the kernel's requests are read from, or a negative errno. */
int Mount(const MountOptions& options);

}  // namespace ferry::fuse

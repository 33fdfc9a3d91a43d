// The kernel's FUSE protocol, with what is newer than the headers of the oldest system this is built on. All of it is
// negotiated at INIT before it is used.
#pragma once

#include <linux/fuse.h>
#include <sys/ioctl.h>

#include <cstdint>

namespace ferry::fuse {

constexpr uint64_t kInitExtended = 1ULL << 30;
constexpr uint64_t kInitPassthrough = 1ULL << 37;
constexpr uint32_t kOpenPassthrough = 1U << 7;

/** `struct fuse_init_out` as of protocol 7.40. */
struct InitReply {
  uint32_t major, minor, maxReadahead, flags;
  uint16_t maxBackground, congestionThreshold;
  uint32_t maxWrite, timeGranularityNs;
  uint16_t maxPages, mapAlignment;
  uint32_t flags2, maxStackDepth;
  uint16_t requestTimeoutS, unused16[11];
};
static_assert(sizeof(InitReply) == 64, "the kernel expects 64 bytes");

struct BackingMap {
  int32_t fd;
  uint32_t flags;
  uint64_t padding;
};

/** `struct fuse_notify_inval_entry_out` as of protocol 7.38; older kernels do not look at the flags. */
struct InvalidEntry {
  uint64_t parent;
  uint32_t nameBytes, flags;
};
/** The kernel keeps what it knows by the name if it is still so. */
constexpr uint32_t kOnlyExpired = 1;

constexpr unsigned long kBackingOpen = _IOW(229, 1, BackingMap);
constexpr unsigned long kBackingClose = _IOW(229, 2, uint32_t);

}  // namespace ferry::fuse

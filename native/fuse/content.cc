// Requests about content: opening, reading, writing, making durable.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "session.hh"

namespace ferry::fuse {
namespace {

/** To copy as much takes as long as to wake a thread. */
constexpr size_t kLargeBytes = 256 * 1024;
constexpr int64_t kDayNs = 86'400'000'000'000;
constexpr uint32_t kKillSuid = 1U << 2;  // FUSE_WRITE_KILL_SUIDGID.
constexpr uint32_t kNoFlush = 1U << 5;   // FOPEN_NOFLUSH.

bool IsWriting(uint32_t flags) { return (flags & O_ACCMODE) != O_RDONLY; }

/** Access times are kept as most systems mount their disks: once after each change, and once a day. */
bool IsAccessNews(const Node& node, int64_t nowNs) {
  return node.atimeNs <= node.mtimeNs || node.atimeNs <= node.ctimeNs || nowNs - node.atimeNs > kDayNs;
}

}  // namespace

void Session::TryPassthrough(Node* node, File& file) {
  if (!mayPassThrough_ || passthrough_ > 0 || node->backing == 0 || !node->isWhole()) return;
  const int fd = drive_.DescriptorOf(node, file);
  if (fd < 0) return;
  BackingMap map = {fd, 0, 0};
  const int id = ioctl(device_.fd(), kBackingOpen, &map);
  if (id <= 0) {
    // Without the privilege it never works; anything else is about this one file.
    if (errno == EPERM) passthrough_ = EPERM;
    return;
  }
  passthrough_ = 0;
  file.isPassthrough = node->isReadPast = true;
  file.passthroughId = static_cast<uint32_t>(id);
}

int Session::Attach(Node* node, uint32_t flags, bool isWriteOnly, fuse_open_out* reply) {
  if (node->isDirectory()) return -EISDIR;
  if (!node->isFile()) return -ENXIO;
  const bool isWriter = IsWriting(flags);
  if (drive_.options().isReadOnly && (isWriter || (flags & O_TRUNC) != 0)) return -EROFS;
  // On this answer the kernel looks the name up again, and opens what it finds then. Here the content went between finding
  // and opening it.
  if (!node->isInTree() && node->size > 0 && node->backing == 0) return -ESTALE;
  // What would be written into the one that sync has replaced or removed would be nowhere.
  if (node->isTakenBySync && (isWriter || (flags & O_TRUNC) != 0)) return -ESTALE;
  if (node->hasStaleSize) {
    // Who appends would do so in the middle, and who reads would not get to the end.
    node->hasStaleSize = false;
    return -ESTALE;
  }
  File& file = drive_.FileOf(node);
  // A mapping that is left from before is of the backing file: who opens it again has to see the same pages.
  const bool wantsPassthrough = file.handles == 0 && (!isWriter || file.mayBeMapped || drive_.IsContentOpen(node));
  if ((flags & O_TRUNC) != 0) {
    if (const int failed = drive_.Resize(node, file, 0)) return failed;
    if (!isWriter && file.writers == 0) drive_.EndWriting(node, file);
  }
  if (wantsPassthrough) TryPassthrough(node, file);
  file.handles++;
  drive_.CountHandle(1);
  if (isWriter) file.writers++;
  file.usedAtNs = NowNs();
  node->usedAtS = static_cast<uint32_t>(file.usedAtNs / 1'000'000'000);
  reply->open_flags = isWriter ? 0 : kNoFlush;
  if (file.isPassthrough) {
    if (isWriter) file.mayBeMapped = true;
    // Any other flag makes the kernel refuse.
    reply->open_flags |= kOpenPassthrough;
    reply->padding = file.passthroughId;
  } else if (node->hasStalePages) {
    // The kernel is told of new content a moment later: who opens the file before must not get the old one.
    node->hasStalePages = false;
  } else {
    reply->open_flags |= FOPEN_KEEP_CACHE;
  }
  // Who only writes can neither read nor map the pages that the kernel would keep: without them a copy is saved.
  if (writesDirectly_ && !file.isPassthrough && isWriteOnly) reply->open_flags |= FOPEN_DIRECT_IO;
  return 0;
}

void Session::Open(const Request& request) {
  const auto& in = request.As<fuse_open_in>();
  const Exclusive lock(drive_.mutex());
  Node* node = drive_.tree().Get(request.head->nodeid);
  if (node == nullptr) return ReplyError(request, -ESTALE);
  fuse_open_out reply = {};
  if (IsOwn(request)) {
    reply.fh = kOwnHandle;
    // It is closed at once, and neither reads nor writes: whether the file's pages are kept is for the handles of programs
    // to say, which may be opened meanwhile.
    reply.open_flags = kNoFlush | FOPEN_DIRECT_IO | FOPEN_KEEP_CACHE;
    return Reply(request, &reply, sizeof reply);
  }
  if (const int failed = Attach(node, in.flags, IsWriteOnly(in.flags), &reply)) return ReplyError(request, failed);
  drive_.Commit();
  Reply(request, &reply, sizeof reply);
}

void Session::Read(const Request& request) {
  const auto& in = request.As<fuse_read_in>();
  std::shared_ptr<File> file;
  int fd;
  bool isAccessed = false;
  uint64_t size;
  {
    const Shared lock(drive_.mutex());
    Node* node = drive_.tree().Get(request.head->nodeid);
    if (node == nullptr || !node->isFile() || node->file == nullptr) return ReplyError(request, -EBADF);
    size = node->size;
    if (in.offset >= size || in.size == 0) return Reply(request, nullptr, 0);
    file = node->file;
    if (!node->isWhole() && !file->present.Covers(in.offset, in.size, size))
      return Park(request, node, in.offset, in.size, false);
    fd = drive_.DescriptorOf(node, *file);
    isAccessed = (in.flags & O_NOATIME) == 0 && IsAccessNews(*node, NowNs());
  }
  if (fd < 0) return ReplyError(request, fd == -ENOENT ? -EIO : fd);
  const size_t wanted = std::min<uint64_t>(std::min(in.size, kMaxIo), size - in.offset);
  char* const target = request.reply + sizeof(fuse_out_header);
  if (wanted >= kLargeBytes) TakesLong(request);
  size_t done = 0;
  // What is not in memory is waited for, but not by the thread that others wait for.
  int how = wanted >= kLargeBytes ? 0 : RWF_NOWAIT;
  while (done < wanted) {
    const struct iovec part = {target + done, wanted - done};
    const ssize_t got = preadv2(fd, &part, 1, static_cast<off_t>(in.offset + done), how);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && how != 0) {
      TakesLong(request);
      how = 0;
      continue;
    }
    if (got < 0) return ReplyError(request, -errno);
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  ReplyInPlace(request, done);
  if (!isAccessed) return;
  const Exclusive lock(drive_.mutex());
  if (Node* node = drive_.tree().Get(request.head->nodeid)) node->atimeNs = NowNs();
}

void Session::Write(const Request& request) {
  const auto& in = request.As<fuse_write_in>();
  const char* const source = request.body.data() + sizeof in;
  std::shared_ptr<File> file;
  int fd;
  {
    const Exclusive lock(drive_.mutex());
    Node* node = drive_.tree().Get(request.head->nodeid);
    if (node == nullptr || !node->isFile()) return ReplyError(request, -EBADF);
    if (!node->isWhole()) return Park(request, node, 0, node->size, true);
    drive_.FileOf(node);
    file = node->file;
    const uint64_t end = in.offset + in.size;
    if (end > node->size && !drive_.TakeRoom(end - std::max(node->size, in.offset))) return ReplyError(request, -ENOSPC);
    drive_.Begin(node, *file);
    fd = drive_.MakeDescriptor(node, *file);
    if ((in.write_flags & kKillSuid) != 0) {
      node->mode &= static_cast<uint16_t>(~S_ISUID);
      if ((node->mode & S_IXGRP) != 0) node->mode &= static_cast<uint16_t>(~S_ISGID);
    }
  }
  if (fd < 0) return ReplyError(request, fd);
  if (in.size >= kLargeBytes) TakesLong(request);
  size_t done = 0;
  int failed = 0;
  while (done < in.size && failed == 0) {
    const ssize_t put = pwrite(fd, source + done, in.size - done, static_cast<off_t>(in.offset + done));
    if (put >= 0) done += static_cast<size_t>(put);
    else if (errno != EINTR) failed = -errno;
  }
  {
    const Exclusive lock(drive_.mutex());
    Node* node = drive_.tree().Get(request.head->nodeid);
    if (node != nullptr && done > 0) {
      drive_.Wrote(node, *file, in.offset + done);
      // Pages of a mapped file may come after the last handle was let go.
      if (file->writers == 0) {
        drive_.EndWriting(node, *file);
        drive_.Commit();
      }
    }
  }
  if (done == 0 && failed != 0) return ReplyError(request, failed);
  fuse_write_out reply = {};
  reply.size = static_cast<uint32_t>(done);
  Reply(request, &reply, sizeof reply);
}

void Session::Release(const Request& request) {
  const auto& in = request.As<fuse_release_in>();
  bool mayBeMapped = false;
  {
    const Exclusive lock(drive_.mutex());
    Node* node = drive_.tree().Get(request.head->nodeid);
    if (node != nullptr && node->file != nullptr && in.fh != kOwnHandle) {
      const File& file = *node->file;
      const bool isLast = file.handles == 1 && file.isPassthrough;
      const uint32_t id = file.passthroughId;
      mayBeMapped = isLast && file.mayBeMapped;
      drive_.LetGo(node, IsWriting(in.flags));
      drive_.Commit();
      if (isLast) ioctl(device_.fd(), kBackingClose, &id);
    }
  }
  if (mayBeMapped) {
    TakesLong(request);
    drive_.LookAtMapped();
  }
  ReplyError(request, 0);
}

void Session::Flush(const Request& request) {
  int failed = 0;
  if (request.As<fuse_flush_in>().fh != kOwnHandle) {
    const Exclusive lock(drive_.mutex());
    Node* node = drive_.tree().Get(request.head->nodeid);
    if (node != nullptr && node->file != nullptr) {
      File& file = *node->file;
      if (file.isPassthrough && file.writers > 0) drive_.TakePassthroughWrites(node, file);
      if (file.isUnlogged) {
        file.isUnlogged = false;
        if (file.fd >= 0) node->stampNs = StampOf(file.fd);
        drive_.tree().Changed(node);
        failed = drive_.Commit();
        drive_.SetClosing(file, file.writers > 0);
      }
    }
  }
  ReplyError(request, failed);
}

void Session::Fsync(const Request& request) {
  Node* node;
  std::shared_ptr<File> file;
  {
    const Shared lock(drive_.mutex());
    node = drive_.tree().Get(request.head->nodeid);
    if (node == nullptr) return ReplyError(request, -EBADF);
    file = node->file;
  }
  TakesLong(request);
  // An open file is not freed before its answer.
  ReplyError(request, drive_.Sync(node, std::move(file)));
}

void Session::Seek(const Request& request) {
  const auto& in = request.As<fuse_lseek_in>();
  fuse_lseek_out reply = {};
  std::shared_ptr<File> file;
  int fd;
  uint64_t size;
  {
    const Shared lock(drive_.mutex());
    const Node* node = drive_.tree().Get(request.head->nodeid);
    if (node == nullptr || node->file == nullptr) return ReplyError(request, -EBADF);
    size = node->size;
    file = node->file;
    // What is not here is as good as there.
    fd = node->isWhole() ? drive_.DescriptorOf(node, *file) : -ENOENT;
  }
  // What the kernel writes past this process is known by the backing file alone.
  struct stat stat;
  if (fd >= 0 && file->isPassthrough && fstat(fd, &stat) == 0) size = static_cast<uint64_t>(stat.st_size);
  if (in.offset >= size) return ReplyError(request, -ENXIO);
  if (fd >= 0) {
    const off_t found = lseek(fd, static_cast<off_t>(in.offset), static_cast<int>(in.whence));
    if (found < 0) return ReplyError(request, -errno);
    reply.offset = static_cast<uint64_t>(found);
  } else {
    reply.offset = in.whence == SEEK_DATA ? in.offset : size;
  }
  Reply(request, &reply, sizeof reply);
}

void Session::Allocate(const Request& request) {
  TakesLong(request);
  const auto& in = request.As<fuse_fallocate_in>();
  constexpr uint32_t kKnown = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
  if ((in.mode & ~kKnown) != 0) return ReplyError(request, -EOPNOTSUPP);
  const Exclusive lock(drive_.mutex());
  Node* node = drive_.tree().Get(request.head->nodeid);
  if (node == nullptr || !node->isFile() || node->file == nullptr) return ReplyError(request, -EBADF);
  if (drive_.options().isReadOnly) return ReplyError(request, -EROFS);
  if (!node->isWhole()) return Park(request, node, 0, node->size, true);
  const std::shared_ptr<File> file = node->file;
  const uint64_t end = in.offset + in.length;
  const bool takesRoom = (in.mode & FALLOC_FL_PUNCH_HOLE) == 0 && end > node->size;
  if (takesRoom && !drive_.TakeRoom(end - std::max(node->size, in.offset))) return ReplyError(request, -ENOSPC);
  drive_.Begin(node, *file);
  const int fd = drive_.MakeDescriptor(node, *file);
  if (fd < 0) return ReplyError(request, fd);
  if (fallocate(fd, static_cast<int>(in.mode), static_cast<off_t>(in.offset), static_cast<off_t>(in.length)) != 0)
    return ReplyError(request, -errno);
  drive_.Wrote(node, *file, (in.mode & FALLOC_FL_KEEP_SIZE) != 0 ? 0 : end);
  ReplyError(request, 0);
}

}  // namespace ferry::fuse

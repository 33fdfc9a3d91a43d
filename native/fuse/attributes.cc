// Requests about attributes: times, modes, sizes, space.
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "session.hh"

namespace ferry::fuse {
namespace {

constexpr uint32_t kBlockSize = 4096;

/** The years 1677 to 2262; what is beyond them is shown as their first or last second, as disks do with theirs. */
int64_t Ns(uint64_t seconds, uint32_t ns) {
  constexpr int64_t kLast = INT64_MAX / 1'000'000'000 - 1;
  return std::clamp(static_cast<int64_t>(seconds), -kLast, kLast) * 1'000'000'000 + ns;
}

void PutTime(int64_t ns, uint64_t* seconds, uint32_t* rest) {
  int64_t whole = ns / 1'000'000'000, part = ns % 1'000'000'000;
  if (part < 0) {
    part += 1'000'000'000;
    whole--;
  }
  *seconds = static_cast<uint64_t>(whole);
  *rest = static_cast<uint32_t>(part);
}

/** Returns how much room the content takes here, in bytes; less than it is long where it has holes. */
uint64_t RoomOf(const Node& node, uint64_t size) {
  if (node.state == State::kPlaceholder) return node.storedBytes();
  const int fd = node.file == nullptr ? -1 : node.file->fd.load();
  uint64_t room = 0;
  if (fd < 0 || StampOf(fd, nullptr, &room) < 0) return size - std::min(size, node.holes);
  return std::min(size, room);
}

}  // namespace

void Session::FillAttributes(Node* node, fuse_attr* attributes, bool* isFixed) {
  uint64_t size = node->isFile() ? node->size : node->kind == Kind::kLink ? node->source().size() : 0;
  int64_t mtime = node->mtimeNs;
  *isFixed = true;
  if (node->file != nullptr && node->file->isPassthrough && node->file->writers > 0) {
    // The kernel writes by itself; only the backing file knows.
    const int64_t stamp = StampOf(node->file->fd, &size);
    if (stamp != node->stampNs) mtime = stamp;
    *isFixed = false;
  }
  std::memset(attributes, 0, sizeof *attributes);
  attributes->ino = node->id;
  attributes->size = size;
  if (node->isFile()) attributes->blocks = (RoomOf(*node, size) + kBlockSize - 1) / kBlockSize * (kBlockSize / kStatBlockBytes);
  PutTime(node->atimeNs, &attributes->atime, &attributes->atimensec);
  PutTime(mtime, &attributes->mtime, &attributes->mtimensec);
  PutTime(std::max(node->ctimeNs, node->isFile() && !*isFixed ? mtime : node->ctimeNs), &attributes->ctime,
          &attributes->ctimensec);
  attributes->mode = node->fileMode();
  attributes->nlink = !node->isInTree() ? 0 : node->isDirectory() ? 2 + node->directory->subdirectories : 1;
  attributes->uid = drive_.options().uid;
  attributes->gid = drive_.options().gid;
  attributes->rdev = node->rdev;
  attributes->blksize = kBlockSize;
}

void Session::GetAttributes(const Request& request) {
  const Shared lock(drive_.mutex());
  Node* node = drive_.tree().Get(request.head->nodeid);
  if (node == nullptr) return ReplyError(request, -ESTALE);
  fuse_attr_out reply = {};
  bool isFixed = true;
  FillAttributes(node, &reply.attr, &isFixed);
  reply.attr_valid = isFixed ? kValidS : 0;
  Reply(request, &reply, sizeof reply);
}

void Session::SetAttributes(const Request& request) {
  const auto& in = request.As<fuse_setattr_in>();
  const Exclusive lock(drive_.mutex());
  Node* node = drive_.tree().Get(request.head->nodeid);
  if (node == nullptr) return ReplyError(request, -ESTALE);
  const DriveOptions& options = drive_.options();
  const bool isOwn = IsOwn(request);
  if (!isOwn) {
    if (options.isReadOnly) return ReplyError(request, -EROFS);
    const bool isForeign = ((in.valid & FATTR_UID) != 0 && in.uid != options.uid) ||
                           ((in.valid & FATTR_GID) != 0 && in.gid != options.gid);
    if (isForeign) return ReplyError(request, -EPERM);
    if ((in.valid & FATTR_SIZE) != 0) {
      if (!node->isFile()) return ReplyError(request, node->isDirectory() ? -EISDIR : -EINVAL);
      // By its name, which is another one's since sync has taken this one away: the kernel looks it up again.
      if (node->isTakenBySync && (in.valid & FATTR_FH) == 0) return ReplyError(request, -ESTALE);
      if (in.size > 0 && !node->isWhole()) return Park(request, node, 0, node->size, true);
      File& file = drive_.FileOf(node);
      if (in.size != node->size || file.isPassthrough || in.size == 0) {
        const bool isAlone = file.writers == 0;
        if (const int failed = drive_.Resize(node, file, in.size)) return ReplyError(request, failed);
        if (isAlone) {
          drive_.EndWriting(node, file);
          if (file.handles == 0 && !file.mayBeMapped) node->file.reset();
        }
      } else {
        node->mtimeNs = NowNs();
        drive_.Metadata(node);
      }
    }
    bool isTouched = false;
    if ((in.valid & FATTR_MODE) != 0) {
      node->mode = in.mode & 07777;
      isTouched = true;
    }
    if ((in.valid & FATTR_KILL_SUIDGID) != 0) {
      node->mode &= static_cast<uint16_t>(~S_ISUID);
      if ((node->mode & S_IXGRP) != 0) node->mode &= static_cast<uint16_t>(~S_ISGID);
      isTouched = true;
    }
    if ((in.valid & FATTR_ATIME) != 0)
      node->atimeNs = (in.valid & FATTR_ATIME_NOW) != 0 ? NowNs() : Ns(in.atime, in.atimensec);
    if ((in.valid & FATTR_MTIME) != 0) {
      drive_.SetTime(node, (in.valid & FATTR_MTIME_NOW) != 0 ? NowNs() : Ns(in.mtime, in.mtimensec));
      isTouched = true;
    }
    if ((in.valid & (FATTR_UID | FATTR_GID | FATTR_ATIME | FATTR_CTIME)) != 0 && !isTouched) {
      node->ctimeNs = NowNs();
      drive_.tree().Changed(node);
    }
    if (isTouched) drive_.Metadata(node);
    drive_.Commit();
  }
  fuse_attr_out reply = {};
  bool isFixed = true;
  FillAttributes(node, &reply.attr, &isFixed);
  reply.attr_valid = isFixed ? kValidS : 0;
  Reply(request, &reply, sizeof reply);
}

void Session::ReadLink(const Request& request) {
  const Shared lock(drive_.mutex());
  const Node* node = drive_.tree().Get(request.head->nodeid);
  if (node == nullptr) return ReplyError(request, -ESTALE);
  if (node->kind != Kind::kLink) return ReplyError(request, -EINVAL);
  Reply(request, node->source().data(), node->source().size());
}

void Session::StatFs(const Request& request) {
  const Room room = drive_.room();
  fuse_statfs_out reply = {};
  reply.st.bsize = reply.st.frsize = kBlockSize;
  reply.st.blocks = room.totalBytes / kBlockSize;
  reply.st.bfree = reply.st.bavail = std::min(room.freeBytes, room.totalBytes) / kBlockSize;
  reply.st.namelen = 255;
  {
    const Shared lock(drive_.mutex());
    reply.st.files = drive_.tree().entries() + UINT32_MAX;
    reply.st.ffree = UINT32_MAX;
  }
  Reply(request, &reply, sizeof reply);
}

}  // namespace ferry::fuse

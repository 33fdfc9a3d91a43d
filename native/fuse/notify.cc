// Changes by sync, told to the kernel and shown to programs that watch. The kernel forgets what it kept when it is asked
// to, but tells no watcher of it; so the change is made once more through the mount, where it is answered from the tree.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "session.hh"

namespace ferry::fuse {
namespace {

/** A flood of changes is not worth an event each: whoever watches lists the directory anew. */
constexpr size_t kMaxEvents = 1000;

}  // namespace

void Session::Tell(Notice notice) {
  {
    const std::lock_guard<std::mutex> guard(noticesMutex_);
    notices_.push_back(std::move(notice));
  }
  noticesChanged_.notify_one();
}

bool Session::NotifyKernel(int code, const void* head, size_t headSize, std::string_view name) {
  fuse_out_header out = {};
  out.len = static_cast<uint32_t>(sizeof out + headSize + (name.empty() ? 0 : name.size() + 1));
  out.error = code;
  char end = '\0';
  struct iovec parts[] = {{&out, sizeof out},
                          {const_cast<void*>(head), headSize},
                          {const_cast<char*>(name.data()), name.size()},
                          {&end, 1}};
  return writev(device_.fd(), parts, name.empty() ? 2 : 4) >= 0;
}

/** Makes the kernel ask anew. No lock is held: the kernel may have to wait for an answer first. */
void Session::Forgetful(const Notice& notice) {
  const auto forgetInode = [&](uint64_t id, int64_t offset) {
    fuse_notify_inval_inode_out out = {};
    out.ino = id;
    out.off = offset;
    NotifyKernel(FUSE_NOTIFY_INVAL_INODE, &out, sizeof out, {});
  };
  const auto forgetName = [&](uint64_t parent, const std::string& name) {
    fuse_notify_inval_entry_out out = {};
    out.parent = parent;
    out.namelen = static_cast<uint32_t>(name.size());
    NotifyKernel(FUSE_NOTIFY_INVAL_ENTRY, &out, sizeof out, name);
  };
  constexpr int64_t kAll = 0, kOnlyAttributes = -1;
  switch (notice.what) {
    case Notice::What::kAppeared:
      forgetInode(notice.parent, kAll);
      break;
    case Notice::What::kChanged:
      forgetInode(notice.id, notice.isContentNew ? kAll : kOnlyAttributes);
      if (notice.isContentNew) forgetName(notice.parent, notice.name);
      break;
    case Notice::What::kArrived:
      forgetInode(notice.id, kOnlyAttributes);
      break;
    case Notice::What::kRemoved: {
      fuse_notify_delete_out out = {};
      out.parent = notice.parent;
      out.child = notice.id;
      out.namelen = static_cast<uint32_t>(notice.name.size());
      if (!NotifyKernel(FUSE_NOTIFY_DELETE, &out, sizeof out, notice.name)) forgetName(notice.parent, notice.name);
      forgetInode(notice.parent, kAll);
      break;
    }
    case Notice::What::kMoved:
      forgetInode(notice.oldParent, kAll);
      forgetInode(notice.parent, kAll);
      break;
  }
}

int Session::MakeEvent(const Notice& notice) {
  std::string target;
  Kind kind = Kind::kFile;
  {
    const Exclusive lock(drive_.mutex());
    const Node* node = drive_.tree().Get(notice.id);
    const Node* parent = drive_.tree().Get(notice.parent);
    // Nobody can watch a directory that the kernel does not know.
    if (parent == nullptr) return 0;
    if (notice.what == Notice::What::kRemoved) {
      // Whoever made the name anew has told of it.
      if (drive_.tree().Child(parent, notice.name) != nullptr) return 0;
    } else {
      if (node == nullptr || !node->isInTree()) return 0;
      kind = node->kind;
      if (kind == Kind::kLink) target = node->source();
    }
    if (parent->lookups == 0 && parent->id != kRootId && notice.what != Notice::What::kMoved) return 0;
    making_ = &notice;
  }
  const std::string path = mountPoint_ + "/" + notice.path;
  int failed = 0;
  switch (notice.what) {
    case Notice::What::kAppeared:
      if (kind == Kind::kDirectory) failed = mkdir(path.c_str(), 0777);
      else if (kind == Kind::kLink) failed = symlink(target.c_str(), path.c_str());
      else failed = mknod(path.c_str(), S_IFREG | 0666, 0);
      break;
    case Notice::What::kChanged: {
      if (kind != Kind::kFile) break;
      const struct timespec times[] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
      utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW);
      if (!notice.isContentNew) break;
      const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
      if (fd >= 0) close(fd);
      break;
    }
    case Notice::What::kMoved:
      failed = rename((mountPoint_ + "/" + notice.oldPath).c_str(), path.c_str());
      break;
    case Notice::What::kArrived: break;
    case Notice::What::kRemoved:
      if (notice.isDirectory) rmdir(path.c_str());
      else unlink(path.c_str());
      break;
  }
  const int refused = failed == 0 ? 0 : errno;
  const Exclusive lock(drive_.mutex());
  making_ = nullptr;
  return refused;
}

/** The change was not made for all to see (an errno of making it): the kernel must not go on with what it knew. */
void Session::ForgetNames(const Notice& notice, int refused) {
  fuse_notify_inval_entry_out out = {};
  const auto forget = [&](uint64_t parent, const std::string& name) {
    out.parent = parent;
    out.namelen = static_cast<uint32_t>(name.size());
    NotifyKernel(FUSE_NOTIFY_INVAL_ENTRY, &out, sizeof out, name);
  };
  if (refused != EEXIST) forget(notice.parent, notice.name);
  if (notice.what == Notice::What::kMoved) forget(notice.oldParent, notice.oldName);
}

void Session::Notify() {
  std::unique_lock<std::mutex> guard(noticesMutex_);
  while (!isEnding_) {
    if (notices_.empty()) {
      noticesChanged_.wait(guard);
      continue;
    }
    const bool isFlood = notices_.size() > kMaxEvents;
    const Notice next = std::move(notices_.front());
    notices_.pop_front();
    guard.unlock();
    if (next.what == Notice::What::kArrived) {
      Forgetful(next);
      guard.lock();
      continue;
    }
    const bool makesEvent = makesEvents_ && !isFlood;
    const auto make = [&] {
      if (const int refused = maker_.Run([&] { return MakeEvent(next); })) ForgetNames(next, refused);
    };
    // A name that the kernel has forgotten could not be removed before anybody's eyes any more.
    if (makesEvent && next.what == Notice::What::kRemoved) make();
    Forgetful(next);
    if (makesEvent && next.what != Notice::What::kRemoved) make();
    const bool isOfNames = next.what == Notice::What::kAppeared || next.what == Notice::What::kMoved;
    if (!makesEvent && isOfNames) ForgetNames(next, 0);
    guard.lock();
  }
}

}  // namespace ferry::fuse

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
    noticesLeft_++;
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

void Session::ForgetInode(uint64_t id, int64_t offset) {
  fuse_notify_inval_inode_out out = {};
  out.ino = id;
  out.off = offset;
  NotifyKernel(FUSE_NOTIFY_INVAL_INODE, &out, sizeof out, {});
}

void Session::ForgetName(uint64_t parent, const std::string& name, uint32_t flags) {
  InvalidEntry out = {};
  out.parent = parent;
  out.nameBytes = static_cast<uint32_t>(name.size());
  out.flags = flags;
  NotifyKernel(FUSE_NOTIFY_INVAL_ENTRY, &out, sizeof out, name);
}

/**
 * The kernel has moved what it took the name for, which may be what sync has replaced since: it asks what the new name
 * stands for, once it has been told of what was before.
 */
void Session::TellOfRename(uint64_t parent, std::string_view name) {
  if (noticesLeft_ == 0) return;
  Notice notice = {};
  notice.what = Notice::What::kRenamed;
  notice.parent = parent;
  notice.name = name;
  Tell(std::move(notice));
}

/** Makes the kernel ask anew. No lock is held: the kernel may have to wait for an answer first. */
void Session::Forgetful(const Notice& notice) {
  constexpr int64_t kAll = 0, kOnlyAttributes = -1;
  switch (notice.what) {
    case Notice::What::kAppeared:
      ForgetInode(notice.parent, kAll);
      break;
    case Notice::What::kChanged:
      ForgetInode(notice.id, notice.isContentNew ? kAll : kOnlyAttributes);
      if (notice.isContentNew) ForgetName(notice.parent, notice.name);
      break;
    case Notice::What::kArrived:
      ForgetInode(notice.id, notice.isContentNew ? kAll : kOnlyAttributes);
      break;
    case Notice::What::kRemoved: {
      fuse_notify_delete_out out = {};
      out.parent = notice.parent;
      out.child = notice.id;
      out.namelen = static_cast<uint32_t>(notice.name.size());
      if (!NotifyKernel(FUSE_NOTIFY_DELETE, &out, sizeof out, notice.name)) ForgetName(notice.parent, notice.name);
      ForgetInode(notice.parent, kAll);
      break;
    }
    case Notice::What::kMoved:
      ForgetInode(notice.oldParent, kAll);
      ForgetInode(notice.parent, kAll);
      break;
    case Notice::What::kRenamed:
      ForgetName(notice.parent, notice.name, kOnlyExpired);
      break;
  }
}

/** Returns where a change is to be made: the directory that sync has changed and no other, whatever its path leads to by now. */
Place Session::PlaceOf(const std::string& path, uint64_t parent) {
  Descriptor root = Descriptor::Owned(open(mountPoint_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  Place place = ParentOf(root.get(), path);
  // What is in the top directory is made through `root` itself, which is closed here otherwise.
  if (path.find('/') == std::string::npos) place.directory = std::move(root);
  struct stat found = {};
  const bool isIt = place.directory.ok() && fstat(place.directory.get(), &found) == 0 && deviceNumber_ != 0 &&
                    found.st_dev == deviceNumber_ && found.st_ino == parent;
  if (!isIt) place.directory = Descriptor();
  return place;
}

/** Notes what the notifier is about to make; false: it is not so any more, or nobody can notice. */
bool Session::BeginMaking(const Notice& notice, Made* made) {
  const Exclusive lock(drive_.mutex());
  const Node* node = drive_.tree().Get(notice.id);
  const Node* parent = drive_.tree().Get(notice.parent);
  // Nobody can watch a directory that the kernel does not know.
  if (parent == nullptr) return false;
  if (notice.what == Notice::What::kRemoved) {
    // Whoever made the name anew has told of it.
    if (drive_.tree().Child(parent, notice.name) != nullptr) return false;
  } else {
    if (node == nullptr || !node->isInTree()) return false;
    made->kind = node->kind;
    if (made->kind == Kind::kLink) made->target = node->source();
  }
  if (parent->lookups == 0 && parent->id != kRootId && notice.what != Notice::What::kMoved) return false;
  making_ = &notice;
  return true;
}

/** Makes a change through the mount. Returns 0, or the errno of what the kernel must forget then. */
int Session::Make(const Notice& notice, const Made& made) {
  const Place place = PlaceOf(notice.path, notice.parent);
  if (!place.directory.ok()) return ENOENT;
  const int directory = place.directory.get();
  const char* const name = place.name.c_str();
  int failed = 0;
  switch (notice.what) {
    case Notice::What::kAppeared:
      if (made.kind == Kind::kDirectory) failed = mkdirat(directory, name, 0777);
      else if (made.kind == Kind::kLink) failed = symlinkat(made.target.c_str(), directory, name);
      else failed = mknodat(directory, name, S_IFREG | 0666, 0);
      break;
    case Notice::What::kChanged: {
      if (made.kind != Kind::kFile) break;
      const struct timespec times[] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
      utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW);
      if (!notice.isContentNew) break;
      const int fd = openat(directory, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
      if (fd >= 0) close(fd);
      break;
    }
    case Notice::What::kMoved: {
      const Place old = PlaceOf(notice.oldPath, notice.oldParent);
      if (!old.directory.ok()) return ENOENT;
      failed = renameat(old.directory.get(), old.name.c_str(), directory, name);
      break;
    }
    case Notice::What::kRemoved:
      unlinkat(directory, name, notice.isDirectory ? AT_REMOVEDIR : 0);
      break;
    case Notice::What::kArrived:
    case Notice::What::kRenamed: break;
  }
  return failed == 0 ? 0 : errno;
}

int Session::MakeEvent(const Notice& notice) {
  Made made;
  // Of what is not moved before everybody's eyes the old name is forgotten.
  if (!BeginMaking(notice, &made)) return notice.what == Notice::What::kMoved ? ENOENT : 0;
  const int refused = Make(notice, made);
  const Exclusive lock(drive_.mutex());
  making_ = nullptr;
  return refused;
}

/** The change was not made for all to see (an errno of making it): the kernel must not go on with what it knew. */
void Session::ForgetNames(const Notice& notice, int refused) {
  if (refused != EEXIST) ForgetName(notice.parent, notice.name);
  if (notice.what == Notice::What::kMoved) ForgetName(notice.oldParent, notice.oldName);
}

void Session::Notify() {
  maker_.Run([this] {
    struct stat root = {};
    if (stat(mountPoint_.c_str(), &root) == 0) deviceNumber_ = root.st_dev;
    return 0;
  });
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
    TellOutside(next, makesEvents_ && !isFlood);
    noticesLeft_--;
    guard.lock();
  }
}

/** Tells the kernel, and with `makesEvent` those who watch, too. */
void Session::TellOutside(const Notice& notice, bool makesEvent) {
  using What = Notice::What;
  const auto make = [&] {
    if (const int refused = maker_.Run([&] { return MakeEvent(notice); })) ForgetNames(notice, refused);
  };
  // A name that the kernel has forgotten could not be removed before anybody's eyes any more.
  if (makesEvent && notice.what == What::kRemoved) make();
  Forgetful(notice);
  if (notice.what == What::kChanged && notice.isContentNew) {
    const Exclusive lock(drive_.mutex());
    if (Node* node = drive_.tree().Get(notice.id)) node->hasStaleSize = false;
  }
  const bool isOfNames = notice.what == What::kAppeared || notice.what == What::kMoved;
  if (makesEvent && (isOfNames || notice.what == What::kChanged)) make();
  if (!makesEvent && isOfNames) ForgetNames(notice, 0);
}

}  // namespace ferry::fuse

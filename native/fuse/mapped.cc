// What the kernel writes into backing files by itself: while a file is open with passthrough, and through mappings that go
// on when their program has closed it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <mutex>

#include "drive.hh"

namespace ferry::fuse {
namespace {

/** Tells whether the kernel refuses a lease because somebody has the file open: to write (F_RDLCK), or at all (F_WRLCK). */
bool IsLeaseRefused(int fd, int kind) {
  // Whoever opens the file before the lease is given back makes the kernel send its holder a signal: SIGIO, which ends a
  // process that does not expect it, if it is not told otherwise. SIGURG is ignored by default.
  fcntl(fd, F_SETSIG, SIGURG);
  if (fcntl(fd, F_SETLEASE, kind) != 0) return errno == EAGAIN;
  fcntl(fd, F_SETLEASE, F_UNLCK);
  return false;
}

/** Tells whether anybody can write to a file, a mapping included; nobody here may have it open for that. */
bool IsOpenForWriting(int fd) { return IsLeaseRefused(fd, F_RDLCK); }

}  // namespace

void Drive::TakePassthroughWrites(Node* node, File& file) {
  const int fd = file.fd;
  if (fd < 0) return;
  uint64_t size = node->size;
  const int64_t stamp = StampOf(fd, &size);
  if (stamp == node->stampNs && size == node->size) return;
  Begin(node, file);
  node->size = size;
  node->mtimeNs = stamp;
  node->ctimeNs = NowNs();
  file.isUnlogged = true;
}

void Drive::SetTime(Node* node, int64_t mtimeNs) {
  File* file = node->file.get();
  // Where the kernel may write by itself, the backing file's time says whether it did: what it wrote before is taken over
  // first, and what it writes from now on changes this time.
  const bool isKernels = file != nullptr && file->isPassthrough && file->writers > 0 && file->fd >= 0;
  if (isKernels) TakePassthroughWrites(node, *file);
  node->mtimeNs = mtimeNs;
  if (!isKernels) return;
  const struct timespec times[] = {{0, UTIME_OMIT}, Timespec(mtimeNs)};
  if (futimens(file->fd, times) == 0) node->stampNs = StampOf(file->fd);
}

bool Drive::IsContentOpen(Node* node) {
  if (!node->isReadPast || node->backing == 0) return false;
  const Descriptor content = Descriptor::Owned(backing_.OpenToRead(node->backing));
  node->isReadPast = content.ok() && IsLeaseRefused(content.get(), F_WRLCK);
  return node->isReadPast;
}

void Drive::LookAtMapped() {
  std::vector<uint64_t> ids;
  {
    const std::unique_lock<std::shared_mutex> lock(mutex_);
    ids.swap(mapped_);
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  for (const uint64_t id : ids) LookAtMapped(id);
}

void Drive::LookAtMapped(uint64_t id) {
  uint64_t backing = 0;
  {
    const std::unique_lock<std::shared_mutex> lock(mutex_);
    Node* node = tree_.Get(id);
    // Who has opened it again puts it back on the list.
    if (node == nullptr || node->file == nullptr || node->file->handles > 0) return;
    backing = node->backing;
    // A descriptor of ours counts as somebody who can write.
    if (node->file.use_count() == 1) {
      const int own = node->file->fd.exchange(-1);
      if (own >= 0) close(own);
    }
  }
  const int fd = backing == 0 ? -1 : backing_.OpenToRead(backing);
  const bool isOver = fd < 0 || !IsOpenForWriting(fd);
  // From now on the first write to each page changes the file's time; the ones before may not have.
  if (!isOver) fdatasync(fd);
  {
    const std::unique_lock<std::shared_mutex> lock(mutex_);
    Node* node = tree_.Get(id);
    if (node != nullptr && node->file != nullptr && node->file->handles == 0 && node->backing == backing) {
      File& file = *node->file;
      uint64_t size = node->size;
      const int64_t stamp = fd < 0 ? node->stampNs : StampOf(fd, &size);
      const bool isUnseen = !isOver && !file.isMappingWatched;
      if (stamp != node->stampNs || isUnseen) {
        Begin(node, file);
        if (stamp != node->stampNs) node->mtimeNs = stamp;
        node->ctimeNs = NowNs();
        EndWriting(node, file);
        node->stampNs = stamp;
        // The kernel has written, but not into what it takes for the file: it has to ask for the time.
        if (node->lookups > 0) Tell(Notice::What::kArrived, node);
        Commit();
      }
      file.isMappingWatched = true;
      if (!isOver) mapped_.push_back(id);
      else if (file.present.count() == 0) node->file.reset();
      else file.mayBeMapped = false;
    }
  }
  if (fd >= 0) close(fd);
}

}  // namespace ferry::fuse

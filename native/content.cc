#include "content.hh"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <fcntl.h>
#include <functional>
#include <mutex>
#include <thread>
#include <unistd.h>

#include "beneath.hh"
#include "chunker.hh"

namespace ferry {

namespace {

/** Read and hashed before the next: it stays in the second-level cache. */
constexpr size_t kHashPieceBytes = 256 * 1024;
/** Between two threads that hand each other work, a piece outlasts the handing over many times. */
constexpr size_t kChunkPieceBytes = 2 * 1024 * 1024;
/** Read, written and hashed at a time. */
constexpr size_t kCopyPieceBytes = 1024 * 1024;
/** One copy of the kernel: a cancelled task ends soon. */
constexpr size_t kCopyBytes = 16 * 1024 * 1024;

bool IsSet(Cancel cancel) { return cancel != nullptr && cancel->load(std::memory_order_relaxed) != 0; }

/** Reads until `length` bytes are there or the file ends. */
ssize_t ReadFully(int fd, uint8_t* bytes, size_t length, uint64_t at) {
  size_t got = 0;
  while (got < length) {
    const ssize_t some = pread(fd, bytes + got, length - got, static_cast<off_t>(at + got));
    if (some < 0 && errno == EINTR) continue;
    if (some < 0) return -errno;
    if (some == 0) break;
    got += static_cast<size_t>(some);
  }
  return static_cast<ssize_t>(got);
}

int WriteFully(int fd, const uint8_t* bytes, size_t length, uint64_t at) {
  while (length > 0) {
    const ssize_t some = pwrite(fd, bytes, length, static_cast<off_t>(at));
    if (some < 0 && errno == EINTR) continue;
    if (some < 0) return -errno;
    bytes += some;
    at += static_cast<uint64_t>(some);
    length -= static_cast<size_t>(some);
  }
  return 0;
}

void AppendHash(const Hash& hash, Words* out) {
  const size_t start = out->size();
  out->resize(start + sizeof(Hash) / sizeof(uint64_t));
  std::memcpy(out->data() + start, hash.data(), sizeof(Hash));
}

/** Opens a regular file, runs `read` on it, and appends the records from before and after. */
template <typename Read>
int WithRecords(int root, const std::string& path, Words* out, Read read) {
  const Descriptor file = Descriptor::Owned(OpenBeneath(root, path, O_RDONLY | O_NONBLOCK, 0));
  if (!file.ok()) return file.get();
  struct statx before = {}, after = {};
  int failed = StatAt(file.get(), "", &before);
  if (failed != 0) return failed;
  if (!S_ISREG(before.stx_mode)) return S_ISDIR(before.stx_mode) ? -EISDIR : -EINVAL;
  posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  failed = read(file.get());
  if (failed == 0) failed = StatAt(file.get(), "", &after);
  if (failed != 0) return failed;
  PackStat(before, out);
  PackStat(after, out);
  return 0;
}

/** A second thread, started with the first work; it does one work at a time. */
class Companion {
 public:
  ~Companion() {
    if (!thread_.joinable()) return;
    Wait();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      isClosed_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  /** Waits for the work before, then starts this. */
  void Start(std::function<void()> work) {
    Wait();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      work_ = std::move(work);
    }
    if (!thread_.joinable()) thread_ = std::thread([this]() { Run(); });
    changed_.notify_all();
  }

  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this]() { return work_ == nullptr; });
  }

 private:
  void Run() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this]() { return work_ != nullptr || isClosed_; });
      if (work_ == nullptr) return;
      lock.unlock();
      work_();
      lock.lock();
      work_ = nullptr;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> work_;
  bool isClosed_ = false;
  std::thread thread_;
};

/** A part of the content with the chunks that end in it. */
struct Window {
  uint64_t base = 0;
  std::vector<uint8_t> bytes;
  std::vector<uint64_t> cuts;
};

/** Takes in the new bytes of each window and writes down its chunks. */
class ChunkList {
 public:
  explicit ChunkList(std::string* out) : out_(out) {}

  void Add(const Window& window) {
    const uint64_t known = window.base + window.bytes.size();
    whole_.Update(window.bytes.data() + (hashed_ - window.base), static_cast<size_t>(known - hashed_));
    hashed_ = known;
    std::vector<Piece> pieces;
    for (const uint64_t cut : window.cuts) {
      pieces.push_back({window.bytes.data() + (listed_ - window.base), static_cast<size_t>(cut - listed_)});
      listed_ = cut;
    }
    std::vector<Hash> hashes(pieces.size());
    HashEach(pieces.data(), pieces.size(), hashes.data());
    for (size_t i = 0; i < pieces.size(); i++) Append(static_cast<uint32_t>(pieces[i].length), hashes[i]);
  }

  Hash Whole() const { return whole_.Finish(); }

 private:
  void Append(uint32_t length, const Hash& hash) {
    const char head[] = {static_cast<char>(length >> 24), static_cast<char>(length >> 16),
                         static_cast<char>(length >> 8), static_cast<char>(length)};
    out_->append(head, sizeof head);
    out_->append(reinterpret_cast<const char*>(hash.data()), 12);
  }

  std::string* out_;
  Hasher whole_;
  uint64_t hashed_ = 0, listed_ = 0;
};

/** What the cut finder still needs of the window before goes to the front of the next. */
void Carry(const Window& from, uint64_t base, Window* to) {
  to->base = base;
  to->cuts.clear();
  to->bytes.assign(from.bytes.begin() + static_cast<std::ptrdiff_t>(base - from.base), from.bytes.end());
}

int CutFile(int fd, size_t average, Cancel cancel, ChunkList* list) {
  CutFinder finder(average);
  Window windows[2];
  Companion companion;
  const size_t piece = std::max(kChunkPieceBytes, 4 * average);
  for (uint64_t at = 0, turn = 0;; turn++) {
    if (IsSet(cancel)) return -ECANCELED;
    Window& window = windows[turn % 2];
    // The companion is at the other window by now, or through with both: it gets a window only when it has ended the last.
    Carry(windows[(turn + 1) % 2], finder.NeededFrom(), &window);
    const size_t kept = window.bytes.size();
    window.bytes.resize(kept + piece);
    const ssize_t got = ReadFully(fd, window.bytes.data() + kept, piece, at);
    if (got < 0) return static_cast<int>(got);
    window.bytes.resize(kept + static_cast<size_t>(got));
    at += static_cast<uint64_t>(got);
    const bool isEnd = static_cast<size_t>(got) < piece;
    finder.Find(window.bytes.data(), at, isEnd, &window.cuts);
    if (isEnd) {
      companion.Wait();
      list->Add(window);
      return 0;
    }
    companion.Start([list, &window]() { list->Add(window); });
  }
}

bool IsUnsupported(int error) {
  return error == EXDEV || error == EINVAL || error == ENOSYS || error == EOPNOTSUPP || error == EPERM || error == EBADF;
}

/** Copies by reading and writing; a second thread shows the hasher what went by. */
int64_t CopyThrough(int source, uint64_t sourceAt, int target, uint64_t targetAt, uint64_t length, Hasher* hasher,
                    Cancel cancel) {
  const size_t size = static_cast<size_t>(std::min<uint64_t>(length, kCopyPieceBytes));
  std::vector<uint8_t> pieces[2] = {std::vector<uint8_t>(size), std::vector<uint8_t>(length > size ? size : 0)};
  Companion companion;
  uint64_t done = 0;
  for (int turn = 0; done < length; turn = 1 - turn) {
    if (IsSet(cancel)) return -ECANCELED;
    uint8_t* piece = pieces[turn].data();
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(length - done, size));
    const ssize_t got = ReadFully(source, piece, wanted, sourceAt + done);
    if (got < 0) return got;
    const size_t count = static_cast<size_t>(got);
    const auto hash = [hasher, piece, count]() { hasher->Update(piece, count); };
    // A single piece is hashed before a thread would have begun.
    if (hasher != nullptr && length > size) companion.Start(hash);
    const int failed = WriteFully(target, piece, count, targetAt + done);
    if (failed != 0) return failed;
    if (hasher != nullptr && length <= size) hash();
    done += count;
    if (count < wanted) break;
  }
  companion.Wait();
  return static_cast<int64_t>(done);
}

}  // namespace

int HashFile(int root, const std::string& path, Cancel cancel, Words* out) {
  Hasher hasher;
  const int failed = WithRecords(root, path, out, [&hasher, cancel](int fd) {
    std::vector<uint8_t> piece(kHashPieceBytes);
    for (uint64_t at = 0;;) {
      if (IsSet(cancel)) return -ECANCELED;
      const ssize_t got = ReadFully(fd, piece.data(), piece.size(), at);
      if (got < 0) return static_cast<int>(got);
      hasher.Update(piece.data(), static_cast<size_t>(got));
      at += static_cast<uint64_t>(got);
      if (static_cast<size_t>(got) < piece.size()) return 0;
    }
  });
  if (failed == 0) AppendHash(hasher.Finish(), out);
  return failed;
}

int ChunkFile(int root, const std::string& path, size_t average, Cancel cancel, Words* out, std::string* chunks) {
  ChunkList list(chunks);
  const int failed =
      WithRecords(root, path, out, [&list, average, cancel](int fd) { return CutFile(fd, average, cancel, &list); });
  if (failed == 0) AppendHash(list.Whole(), out);
  return failed;
}

int64_t CopyRange(int source, uint64_t sourceAt, int target, uint64_t targetAt, uint64_t length, Hasher* hasher,
                  Cancel cancel) {
  if (hasher != nullptr) return CopyThrough(source, sourceAt, target, targetAt, length, hasher, cancel);
  uint64_t done = 0;
  while (done < length) {
    if (IsSet(cancel)) return -ECANCELED;
    off64_t from = static_cast<off64_t>(sourceAt + done), to = static_cast<off64_t>(targetAt + done);
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(length - done, kCopyBytes));
    const ssize_t copied = copy_file_range(source, &from, target, &to, wanted, 0);
    if (copied < 0 && errno == EINTR) continue;
    // Some file systems answer 0 where they cannot copy; a read tells whether the source has ended.
    if (copied == 0 || (copied < 0 && IsUnsupported(errno))) {
      const int64_t rest =
          CopyThrough(source, sourceAt + done, target, targetAt + done, length - done, nullptr, cancel);
      return rest < 0 ? rest : static_cast<int64_t>(done) + rest;
    }
    if (copied < 0) return -errno;
    done += static_cast<uint64_t>(copied);
  }
  return static_cast<int64_t>(done);
}

}  // namespace ferry

#include "session.hh"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace ferry::fuse {
namespace {

constexpr int kWorkers = 4;
/** Linux 6.9. */
constexpr uint32_t kDirectWritesMinor = 40;
constexpr auto kWakeAgain = std::chrono::milliseconds(5);

/** Interrupts a thread's reading; neither Node nor libuv uses it. */
int WakeSignal() { return SIGRTMIN + 7; }

void ListenForWaking() {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  // Without SA_RESTART a read that waits ends with EINTR.
  sigaction(WakeSignal(), &action, nullptr);
}

/** Programs may have many files open, and each of them needs a descriptor here. */
void RaiseDescriptorLimit() {
  struct rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int Session::Start(const MountOptions& options) {
  RaiseDescriptorLimit();
  mountPoint_ = options.mountPoint;
  const int device = Mount(options);
  if (device < 0) return device;
  device_.Open(device);
  if (const int failed = Handshake(options.passesThrough)) return failed;
  drive_.Attend(this);
  makerId_ = maker_.Start();
  working_ = kWorkers;
  ListenForWaking();
  for (int worker = 0; worker < kWorkers; worker++) threads_.emplace_back(&Session::Work, this);
  threads_.emplace_back(&Session::AnswerLate, this);
  threads_.emplace_back(&Session::Notify, this);
  return 0;
}

int Session::Handshake(bool passesThrough) {
  std::vector<char> buffer(kRequestBytes);
  ssize_t got;
  do got = read(device_.fd(), buffer.data(), buffer.size());
  while (got < 0 && (errno == EINTR || errno == ENOENT));
  if (got < static_cast<ssize_t>(sizeof(fuse_in_header))) return got < 0 ? -errno : -EPROTO;
  const auto* head = reinterpret_cast<const fuse_in_header*>(buffer.data());
  const auto* in = reinterpret_cast<const fuse_init_in*>(buffer.data() + sizeof *head);
  if (head->opcode != FUSE_INIT || in->major != FUSE_KERNEL_VERSION || in->minor < 31) {
    Answer(device_.fd(), head->unique, -EPROTO, nullptr, 0);
    return -EPROTO;
  }
  const uint64_t offered = in->flags | ((in->flags & kInitExtended) != 0 ? static_cast<uint64_t>(in->flags2) << 32 : 0);
  // Listings always bring the attributes: left to choose (READDIRPLUS_AUTO), the kernel stops asking for them after
  // the first page, and `find -size` or `ls -l` then takes a call for each entry, several times as long.
  uint64_t wanted = FUSE_ASYNC_READ | FUSE_ATOMIC_O_TRUNC | FUSE_BIG_WRITES | FUSE_DO_READDIRPLUS |
                    FUSE_ASYNC_DIO | FUSE_PARALLEL_DIROPS | FUSE_MAX_PAGES |
                    FUSE_CACHE_SYMLINKS | FUSE_NO_OPENDIR_SUPPORT | FUSE_HANDLE_KILLPRIV_V2 | FUSE_EXPORT_SUPPORT |
                    kInitExtended | (passesThrough ? kInitPassthrough : 0);
  wanted &= offered;
  mayPassThrough_ = (wanted & kInitPassthrough) != 0;
  writesDirectly_ = in->minor >= kDirectWritesMinor;
  InitReply reply = {};
  reply.major = FUSE_KERNEL_VERSION;
  reply.minor = std::min<uint32_t>(in->minor, 40);
  reply.maxReadahead = std::min<uint32_t>(in->max_readahead, kMaxIo);
  reply.flags = static_cast<uint32_t>(wanted);
  reply.flags2 = static_cast<uint32_t>(wanted >> 32);
  reply.maxBackground = 64;
  reply.congestionThreshold = 48;
  reply.maxWrite = kMaxIo;
  reply.timeGranularityNs = 1;
  reply.maxPages = kMaxIo / 4096;
  reply.maxStackDepth = mayPassThrough_ ? 1 : 0;
  if (!mayPassThrough_) passthrough_ = EOPNOTSUPP;
  Answer(device_.fd(), head->unique, 0, &reply, sizeof reply);
  return 0;
}

void Session::Work() {
  std::vector<char> buffer(kRequestBytes), reply(kReplyBytes);
  int failure = 0;
  for (uint64_t turn = turn_.Take(); turn != 0; turn = turn_.Take()) {
    do {
      const Received received = device_.Receive(buffer.data(), buffer.size());
      const int refused = received.bytes < 0 ? errno : 0;
      const bool isOver = refused != 0 && refused != EINTR && refused != EAGAIN && refused != ENOENT;
      if (isOver && refused != ENODEV) failure = refused;
      if (isOver || isLeaving_) turn_.End();
      if (received.bytes < static_cast<ssize_t>(sizeof(fuse_in_header))) continue;
      turn_.Begin();
      if (received.isAfterPause) turn_.Wake();
      operations_.fetch_add(1, std::memory_order_relaxed);
      const auto* head = reinterpret_cast<const fuse_in_header*>(buffer.data());
      const auto bytes = static_cast<size_t>(received.bytes) - sizeof *head;
      Carry({head, {buffer.data() + sizeof *head, bytes}, received.fd, reply.data(), turn});
    } while (turn_.Finish(turn));
  }
  if (--working_ > 0) return;
  {
    // Both locks are taken so that nobody misses the news between looking and waiting.
    const std::lock_guard<std::mutex> parked(parkedMutex_);
    const std::lock_guard<std::mutex> notices(noticesMutex_);
    isEnding_ = true;
  }
  parkedChanged_.notify_all();
  noticesChanged_.notify_all();
  workEnded_.notify_all();
  drive_.outside()->Ended(failure);
}

void Session::Leave() {
  isLeaving_ = true;
  turn_.End();
  // A thread that is about to read does not hear the first signal.
  while (true) {
    const std::lock_guard<std::mutex> guard(joinMutex_);
    if (working_ == 0) return;
    for (size_t worker = 0; worker < kWorkers && worker < threads_.size(); worker++)
      pthread_kill(threads_[worker].native_handle(), WakeSignal());
    std::this_thread::sleep_for(kWakeAgain);
  }
}

void Session::Stop() {
  {
    std::unique_lock<std::mutex> guard(parkedMutex_);
    workEnded_.wait(guard, [this] { return isEnding_ || threads_.empty(); });
  }
  {
    // Leave() signals threads, and one that was joined is none any more.
    const std::lock_guard<std::mutex> guard(joinMutex_);
    for (std::thread& thread : threads_)
      if (thread.joinable()) thread.join();
    threads_.clear();
  }
  maker_.Stop();
  {
    const Exclusive lock(drive_.mutex());
    drive_.Attend(nullptr);
    drive_.LoseKernel();
  }
  drive_.LookAtMapped();
  device_.Close();
}

void Session::Answer(int fd, uint64_t unique, int failure, const void* bytes, size_t size) {
  fuse_out_header head = {};
  head.len = static_cast<uint32_t>(sizeof head + size);
  head.error = failure;
  head.unique = unique;
  struct iovec parts[] = {{&head, sizeof head}, {const_cast<void*>(bytes), size}};
  // ENOENT: whoever asked was interrupted meanwhile. There is nobody to tell.
  [[maybe_unused]] const ssize_t sent = writev(fd, parts, size > 0 ? 2 : 1);
}

void Session::ReplyInPlace(const Request& request, size_t size) {
  auto* head = reinterpret_cast<fuse_out_header*>(request.reply);
  head->len = static_cast<uint32_t>(sizeof *head + size);
  head->error = 0;
  head->unique = request.head->unique;
  [[maybe_unused]] const ssize_t sent = write(request.fd, request.reply, head->len);
}

void Session::Carry(const Request& request) {
  switch (request.head->opcode) {
    case FUSE_LOOKUP:
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_MKNOD:
    case FUSE_MKDIR:
    case FUSE_SYMLINK:
    case FUSE_CREATE:
    case FUSE_UNLINK:
    case FUSE_RMDIR:
    case FUSE_RENAME:
    case FUSE_RENAME2:
    case FUSE_LINK:
    case FUSE_READDIR:
    case FUSE_READDIRPLUS: return CarryNames(request);
    case FUSE_GETATTR:
    case FUSE_SETATTR:
    case FUSE_READLINK:
    case FUSE_STATFS:
    case FUSE_GETXATTR:
    case FUSE_LISTXATTR:
    case FUSE_SETXATTR:
    case FUSE_REMOVEXATTR: return CarryAttributes(request);
    case FUSE_INTERRUPT: return Interrupt(request);
    case FUSE_DESTROY: return ReplyError(request, 0);
    default: return CarryContent(request);
  }
}

void Session::CarryNames(const Request& request) {
  switch (request.head->opcode) {
    case FUSE_LOOKUP: return Lookup(request);
    case FUSE_FORGET: return Forget(request.head->nodeid, request.As<fuse_forget_in>().nlookup);
    case FUSE_BATCH_FORGET: return ForgetMany(request);
    case FUSE_MKNOD: {
      const auto& in = request.As<fuse_mknod_in>();
      return MakeNode(request, request.NameAt(sizeof in), in.mode, in.rdev);
    }
    case FUSE_MKDIR: return MakeDirectory(request);
    case FUSE_SYMLINK: return MakeLink(request);
    case FUSE_CREATE: return Create(request);
    case FUSE_UNLINK: return Unlink(request, false);
    case FUSE_RMDIR: return Unlink(request, true);
    case FUSE_RENAME: return Rename(request, request.As<fuse_rename_in>().newdir, 0, sizeof(fuse_rename_in));
    case FUSE_RENAME2: {
      const auto& in = request.As<fuse_rename2_in>();
      return Rename(request, in.newdir, in.flags, sizeof in);
    }
    case FUSE_LINK: return ReplyError(request, -EPERM);
    default: return ReadDirectory(request, request.head->opcode == FUSE_READDIRPLUS);
  }
}

void Session::CarryAttributes(const Request& request) {
  switch (request.head->opcode) {
    case FUSE_GETATTR: return GetAttributes(request);
    case FUSE_SETATTR: return SetAttributes(request);
    case FUSE_READLINK: return ReadLink(request);
    case FUSE_STATFS: return StatFs(request);
    case FUSE_GETXATTR: return GetXattr(request);
    case FUSE_LISTXATTR: return ListXattr(request);
    default: return SetXattr(request);
  }
}

void Session::CarryContent(const Request& request) {
  switch (request.head->opcode) {
    case FUSE_OPEN: return Open(request);
    case FUSE_READ: return Read(request);
    case FUSE_WRITE: return Write(request);
    case FUSE_RELEASE: return Release(request);
    case FUSE_FLUSH: return Flush(request);
    case FUSE_FSYNC: return Fsync(request);
    case FUSE_FSYNCDIR: TakesLong(request); return ReplyError(request, drive_.Sync(nullptr, nullptr));
    case FUSE_LSEEK: return Seek(request);
    case FUSE_FALLOCATE: return Allocate(request);
    // Directories need no handles; copying and polling are left to the kernel's own ways.
    default: return ReplyError(request, -ENOSYS);
  }
}

}  // namespace ferry::fuse

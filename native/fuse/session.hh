// One mount: reads the kernel's requests in several threads and answers them from the drive.
#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "../beneath.hh"
#include "apart-thread.hh"
#include "device.hh"
#include "drive.hh"
#include "kept-attributes.hh"
#include "kernel.hh"
#include "listing-habits.hh"
#include "mount.hh"
#include "reading-turn.hh"

namespace ferry::fuse {

/** The kernel is told of every change by others, so it may keep what it knows. */
constexpr uint64_t kValidS = 3600;

/** A request of the kernel's; the reply goes out on the descriptor that it came in on. */
struct Request {
  const fuse_in_header* head;
  std::string_view body;
  int fd;
  /** Where a reply may be put together: kReplyBytes. */
  char* reply;
  /** Of the thread that has read it. */
  uint64_t turn;

  template <typename In>
  const In& As() const {
    return *reinterpret_cast<const In*>(body.data());
  }
  /** The name behind a structure of `skip` bytes. */
  std::string_view NameAt(size_t skip) const {
    const std::string_view rest = body.substr(std::min(skip, body.size()));
    return rest.substr(0, rest.find('\0'));
  }
};

class Session : public Waiting {
 public:
  explicit Session(Drive* drive) : drive_(*drive) {}
  ~Session() override { Stop(); }

  /** Mounts and begins to answer. Returns 0 or a negative errno. */
  int Start(const MountOptions& options);
  /** Waits until the kernel has let go of the mount and all threads have ended. */
  void Stop();
  /**
   * Ends the mount for those who still use it; their calls fail. For one that was unmounted lazily, which nothing else
   * reaches any more: the connection ends with its last descriptor.
   */
  void Leave();

  void Arrived(uint64_t id) override;
  bool IsAwaited(uint64_t id) const override;
  void Failed(uint64_t id, uint64_t offset, uint64_t length, int failure) override;
  /**
   * Whoever was asked for a part is done with it. Requests for which it is enough go on, also where nothing had to come
   * as the file was cut or removed; those for which it is not, as it was given back at once, ask again.
   */
  void Settled(uint64_t id, uint64_t offset, uint64_t length);
  void Tell(Notice notice) override;

  uint64_t operations() const { return operations_; }
  uint64_t fetching() const;
  /** Whether the kernel reads hydrated files by itself: 0, or the errno that it refused with; -1: not tried yet. */
  int passthrough() const { return passthrough_; }
  /** Changes by sync make events for those who watch a directory. */
  void MakeEvents(bool yes) { makesEvents_ = yes; }

 private:
  /** A request that waits for content. */
  /** Who asks for content, and whether it needs all of it. */
  struct Asked {
    uint32_t pid;
    bool needsAll;
  };
  struct Parked {
    std::string message;
    int fd;
    uint64_t unique;
    uint64_t id;
    uint64_t offset;
    uint64_t length;
    bool needsAll;
    /** By SteadyNs. */
    int64_t sinceNs;
  };

  /** What an entry is that the notifier makes once more. */
  struct Made {
    Kind kind = Kind::kFile;
    std::string target;
  };

  int Handshake(bool passesThrough);
  void Work();
  /** Called before what may take long: other requests are read meanwhile. */
  void TakesLong(const Request& request) { turn_.Give(request.turn); }
  void AnswerLate();
  void Notify();
  void Carry(const Request& request);
  void CarryNames(const Request& request);
  void CarryContent(const Request& request);
  void CarryAttributes(const Request& request);

  // Names.
  void Lookup(const Request& request);
  void Forget(uint64_t id, uint64_t count);
  void ForgetMany(const Request& request);
  void MakeNode(const Request& request, std::string_view name, uint32_t mode, uint32_t rdev);
  void MakeDirectory(const Request& request);
  void MakeLink(const Request& request);
  void Create(const Request& request);
  void Unlink(const Request& request, bool isDirectory);
  void Rename(const Request& request, uint64_t to, uint32_t flags, size_t skip);
  void ReadDirectory(const Request& request, bool isPlus);
  // Attributes.
  void GetAttributes(const Request& request);
  void SetAttributes(const Request& request);
  void ReadLink(const Request& request);
  void StatFs(const Request& request);
  void GetXattr(const Request& request);
  void ListXattr(const Request& request);
  void SetXattr(const Request& request);
  void ReplyXattr(const Request& request, uint32_t room, std::string_view value);
  int Keep(const Request& request, const KeptAttribute& attribute, uint32_t flags);
  int RemoveKept(const Request& request, std::string_view name);
  // Content.
  void Open(const Request& request);
  void Read(const Request& request);
  void Write(const Request& request);
  void Release(const Request& request);
  void Flush(const Request& request);
  void Fsync(const Request& request);
  void Seek(const Request& request);
  void Allocate(const Request& request);
  void Interrupt(const Request& request);

  void ReplyError(const Request& request, int failure) { Answer(request.fd, request.head->unique, failure, nullptr, 0); }
  void Reply(const Request& request, const void* bytes, size_t size) {
    Answer(request.fd, request.head->unique, 0, bytes, size);
  }
  void Answer(int fd, uint64_t unique, int failure, const void* bytes, size_t size);
  /** Replies with what has been put behind the place for the header in `request.reply`. */
  void ReplyInPlace(const Request& request, size_t size);
  bool NotifyKernel(int code, const void* head, size_t headSize, std::string_view name);
  void ForgetInode(uint64_t id, int64_t offset);
  void ForgetName(uint64_t parent, const std::string& name, uint32_t flags = 0);

  // These need the lock.
  void FillAttributes(Node* node, fuse_attr* attributes, bool* isFixed);
  void FillEntry(Node* node, fuse_entry_out* entry);
  template <typename Change>
  int ChangeKept(const Request& request, std::string_view name, Change change);
  /** Puts the request aside until a part of the file, or all of it, is here. */
  void Park(const Request& request, const Node* node, uint64_t offset, uint64_t length, bool needsAll);
  bool IsHere(const Parked& parked);
  int Attach(Node* node, uint32_t flags, bool isWriteOnly, fuse_open_out* reply);
  void ReplyEntry(const Request& request, Node* node, uint64_t validS = kValidS);
  /** The new entry's place, or an answer has been given. */
  Node* FreePlace(const Request& request, std::string_view name);
  void TryPassthrough(Node* node, File& file);

  bool IsOwn(const Request& request) const { return request.head->pid == static_cast<uint32_t>(makerId_); }
  void Forgetful(const Notice& notice);
  /** Returns 0 or an errno. */
  int MakeEvent(const Notice& notice);
  bool BeginMaking(const Notice& notice, Made* made);
  int Make(const Notice& notice, const Made& made);
  Place PlaceOf(const std::string& path, uint64_t parent);
  void ForgetNames(const Notice& notice, int refused);
  void TellOutside(const Notice& notice, bool makesEvent);
  void TellOfRename(uint64_t parent, std::string_view name);
  void ReplyMade(const Request& request, std::string_view name);
  bool IsRemovedByNotifier(const Node* parent, std::string_view name);
  void ReplyRemoved(const Request& request);
  Node* ChildOf(uint64_t directory, std::string_view name);
  Node* ExpectedByNotifier(uint64_t parent, std::string_view name);
  Node* MovedByNotifier(uint64_t parent, std::string_view name);

  Drive& drive_;
  std::string mountPoint_;
  Device device_;
  ReadingTurn turn_;
  ListingHabits habits_;
  std::vector<std::thread> threads_;
  /** Held while threads are signalled, and while they are joined: never before all requests are carried out. */
  std::mutex joinMutex_;
  std::atomic<bool> isEnding_{false};
  std::atomic<bool> isLeaving_{false};
  std::atomic<int> working_{0};
  std::atomic<uint64_t> operations_{0};
  std::atomic<int> passthrough_{-1};
  bool mayPassThrough_ = false;
  /** Older kernels leave stale pages beside what was written past them. */
  bool writesDirectly_ = false;

  mutable std::mutex parkedMutex_;
  std::condition_variable parkedChanged_;
  /** All workers have ended. */
  std::condition_variable workEnded_;
  std::vector<Parked> parked_;
  std::deque<Parked> ready_;
  std::array<uint64_t, 64> interrupted_{};
  size_t nextInterrupted_ = 0;

  std::mutex noticesMutex_;
  std::condition_variable noticesChanged_;
  std::deque<Notice> notices_;
  /** With the one that is just being told. */
  std::atomic<size_t> noticesLeft_{0};
  /** Makes changes through the mount. */
  ApartThread maker_;
  pid_t makerId_ = 0;
  std::atomic<bool> makesEvents_{true};
  /** Of the mounted file system; 0: not known. The maker's alone. */
  dev_t deviceNumber_ = 0;
  /** What the notifier is making through the mount now; guarded by the drive's lock. */
  const Notice* making_ = nullptr;
};

constexpr uint32_t kMaxIo = 1024 * 1024;
constexpr size_t kRequestBytes = kMaxIo + 8192;
constexpr size_t kReplyBytes = kMaxIo + sizeof(fuse_out_header);
/** A handle that the drive itself has opened, and that counts for nothing. */
constexpr uint64_t kOwnHandle = 1;

inline bool IsWriteOnly(uint32_t flags) { return (flags & O_ACCMODE) == O_WRONLY; }

using Shared = std::shared_lock<std::shared_mutex>;
using Exclusive = std::unique_lock<std::shared_mutex>;

}  // namespace ferry::fuse

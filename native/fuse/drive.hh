// The drive: the tree, the content that is on this device, and the log of changes. Programs act on it through a Session,
// the engine through the calls of engine.cc. Both check and act in one step under the lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "backing.hh"
#include "change-log.hh"
#include "spare-files.hh"
#include "tree.hh"

namespace ferry::fuse {

struct DriveOptions {
  std::string stateDirectory;
  bool isReadOnly = false;
  bool allowsLinks = true;
  uint32_t uid = 0;
  uint32_t gid = 0;
  /** A call that waits for content fails when none has come for so long. */
  int64_t deadlineNs = 30'000'000'000;
};

/** A change by sync that is to be seen by programs: what the kernel is told to forget, and what it is made to notice. */
struct Notice {
  /**
   * Nobody is to notice the last two. kArrived: content that programs could read before is here now, which takes room, or
   * was given back; or it was written through a mapping. kRenamed: by a program, which went by names that the kernel may
   * have had from before.
   */
  enum class What : uint8_t { kAppeared, kChanged, kRemoved, kMoved, kArrived, kRenamed };
  What what;
  uint64_t id;
  uint64_t parent;
  std::string name;
  std::string path;
  /** The content is another one too. */
  bool isContentNew = false;
  bool isDirectory = false;
  /** Of a move: where it was. */
  uint64_t oldParent = 0;
  std::string oldName;
  std::string oldPath;
};

/** What the drive asks of the outside; may be called on any thread, with the drive's lock held. */
class Outside {
 public:
  virtual ~Outside() = default;
  /** Something is to be drained. */
  virtual void Changed() = 0;
  virtual void Pinned(uint64_t id) = 0;
  virtual void Missing(uint64_t id, uint64_t offset, uint64_t length, uint32_t pid, bool isForWrite) = 0;
  /** The kernel has let go of the mount. */
  virtual void Ended(int failure) = 0;
};

/** What waits for content and is told when it comes; a Session. */
class Waiting {
 public:
  virtual ~Waiting() = default;
  virtual void Arrived(uint64_t id) = 0;
  /** A program waits for content of that file. */
  virtual bool IsAwaited(uint64_t id) const = 0;
  virtual void Failed(uint64_t id, uint64_t offset, uint64_t length, int failure) = 0;
  virtual void Tell(Notice notice) = 0;
};

/** What is drained: to be stored, and to be told to the engine. */
struct Drained {
  std::string rows;
  /** The log up to here is not needed any more once the rows are stored; 0: nothing was logged. */
  uint64_t log = 0;
  StoreCheck check;
  std::vector<std::string> paths;
  uint64_t dirty = 0;
};

struct Room {
  uint64_t totalBytes = 0;
  uint64_t freeBytes = 0;
};

/** New content of a file, from the engine. */
struct Incoming {
  uint64_t size = 0;
  std::string hash, source;
  bool hasMtime = false, hasMode = false;
  int64_t mtimeNs = 0;
  uint16_t mode = 0;
  /** Content that is here already; 0: none. */
  uint64_t backing = 0;
  int64_t stampNs = -1;
};

class Drive {
 public:
  Drive(DriveOptions options, Outside* outside) : options_(std::move(options)), outside_(outside) {}

  /** Opens the log and the directory of content. Returns 0 or a negative errno. */
  int Open();
  /** Ends seeding: compares content with rows, and removes content that nothing refers to. Returns how many differed. */
  uint64_t Settle();

  std::shared_mutex& mutex() { return mutex_; }
  Tree& tree() { return tree_; }
  Backing& backing() { return backing_; }
  ChangeLog& log() { return log_; }
  const DriveOptions& options() const { return options_; }
  Outside* outside() { return outside_; }
  void Attend(Waiting* waiting) { waiting_ = waiting; }

  // What follows needs the lock exclusively, unless it says otherwise.

  File& FileOf(Node* node);
  /** Returns the descriptor of the file's content, or a negative errno. The lock may be shared. */
  int DescriptorOf(const Node* node, File& file);
  /** As DescriptorOf; a file that has no content yet gets a place for it. */
  int MakeDescriptor(Node* node, File& file);
  /** Notes that a program is about to change the content. */
  void Begin(Node* node, File& file);
  /** Notes that a program has changed the content. */
  void Wrote(Node* node, File& file, uint64_t end);
  int Resize(Node* node, File& file, uint64_t size);
  /** Takes over what the kernel has written into the backing file by itself. */
  void TakePassthroughWrites(Node* node, File& file);
  /** Takes over the time that a program gives an entry. */
  void SetTime(Node* node, int64_t mtimeNs);
  /** Ends what the last writer did. */
  void EndWriting(Node* node, File& file);
  void LetGo(Node* node, bool wasWriter);
  /** Whether anybody has the content open past this process, be it by a mapping alone; there must be no handle. */
  bool IsContentOpen(Node* node);
  /** Looks which files are still written through mappings of programs that have closed them. Takes the lock itself. */
  void LookAtMapped();
  /** Takes a program's entry out of the tree; its content stays while somebody may still open it. */
  void Drop(Node* node);
  /** Frees what is not in the tree any more once neither the kernel nor a program knows it. */
  void Forgotten(Node* node);
  /** Lets go of all that the kernel held: the mount has ended. */
  void LoseKernel();
  void DropContent(Node* node);
  /** Tells the engine, later, that something changed at the entry. */
  void Hint(const Node* node);
  void HintAt(std::string path);
  void Metadata(Node* node);
  /** Carries what has changed into the log. */
  int Commit();
  /** Says that there is something to drain. */
  void Signal();
  /** Takes `bytes` from what may still be written; false: there is no room. Needs no lock. */
  bool TakeRoom(uint64_t bytes);

  /** Makes the file's content, and the log, durable. Takes the lock itself. Returns 0 or a negative errno. */
  int Sync(Node* node, std::shared_ptr<File> file);

  // For the outside; these take the lock themselves. Those that return int return 0 or a negative errno.

  Drained Drain();
  /** Makes content durable, except what a program is writing just now. */
  int SyncContent(const std::vector<uint64_t>& ids);
  /** Removes content that was given up: of a large file that takes long, so it is done without the lock. */
  void Sweep();
  int Insert(uint64_t directory, Kind kind, const std::string& name, const Incoming& content, const std::string& target,
             std::string* shown);
  int Replace(uint64_t id, uint64_t expected, const Incoming& content, std::string* shown);
  /** `expected` null: a directory is expected. */
  int Remove(uint64_t id, const uint64_t* expected);
  int Move(uint64_t id, const uint64_t* expected, uint64_t directory, const std::string& name, std::string* shown);
  int SetMetadata(uint64_t id, uint64_t expected, const Incoming& content, std::string* shown);
  void NoteHash(uint64_t id, uint64_t counter, const std::string& hash);
  bool Disown(uint64_t id, uint64_t expected);
  void SetMark(uint64_t id, Mark mark);
  void Discard(uint64_t id, uint64_t generation);
  /** Appends offset and length of each run of missing blocks in a part. */
  void Missing(uint64_t id, uint64_t offset, uint64_t length, std::vector<uint64_t>* runs);
  void NoteCounterpart(uint64_t id, uint64_t counter, const std::string& source);
  /** False: it was not pinned by itself, and is not to be, or there is no such entry. */
  bool SetPinned(uint64_t id, bool isPinned);
  int FillTarget(uint64_t id, std::string* shown);
  int Filled(uint64_t id, uint64_t generation, uint64_t offset, uint64_t length);
  int Completed(uint64_t id, uint64_t generation, int64_t stampNs);
  int Dehydrate(uint64_t id);
  void SetRoom(const Room& room, int64_t writable);
  Room room();
  void Show(const Node* node, std::string* shown) const;
  uint64_t StoredBytes();
  uint64_t openHandles() const { return openHandles_; }
  uint64_t closing() const { return closing_; }
  void SetClosing(File& file, bool isClosing);
  void CountHandle(int by) { openHandles_ += static_cast<uint64_t>(static_cast<int64_t>(by)); }

 private:
  void LookAtMapped(uint64_t id);
  Node* InTree(uint64_t id);
  int Expect(Node* node, const uint64_t* expected) const;
  int MustBeClosed(const Node* node) const;
  void Tell(Notice::What what, const Node* node, bool isContentNew = false);

  DriveOptions options_;
  Outside* outside_;
  std::atomic<Waiting*> waiting_{nullptr};
  std::shared_mutex mutex_;
  Tree tree_;
  Backing backing_;
  ChangeLog log_;
  SpareFiles spares_{&backing_, [this](uint64_t count) {
                       const std::unique_lock<std::shared_mutex> lock(mutex_);
                       return tree_.NextIds(count);
                     }};
  std::vector<std::string> hints_;
  /** Entries of closed files that may be written through a mapping. */
  std::vector<uint64_t> mapped_;
  /** Numbers of backing files that nothing refers to any more. */
  std::vector<uint64_t> givenUp_;
  std::atomic<uint64_t> openHandles_{0};
  std::atomic<uint64_t> closing_{0};
  std::atomic<int64_t> writable_{INT64_MAX};
  std::atomic<bool> isSignalled_{false};
  uint64_t lastGeneration_ = 0;
  Room room_;
};

}  // namespace ferry::fuse

// One entry of the drive in memory, and what is known of a file only while it is open or being filled.
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "block-map.hh"
#include "texts.hh"

namespace ferry::fuse {

enum class Kind : uint8_t { kDirectory = 0, kFile = 1, kLink = 2, kSpecial = 3 };
/** What sync knows of a file; forgotten with the process. */
enum class Mark : uint8_t { kNone = 0, kUploading = 1, kConflict = 2 };
enum class State : uint8_t { kPlaceholder = 0, kHydrated = 1, kDirty = 2 };

constexpr uint16_t kPinned = 1, kPlaced = 2, kHasHash = 4, kHasSource = 8, kHasAttributes = 16;
constexpr uint64_t kRootId = 1;
constexpr size_t kHashBytes = 32;

struct Node;

/** The entries of a directory, each with the offset by which reading it goes on; offsets only grow. */
struct Directory {
  struct Slot {
    uint64_t cookie;
    Node* node;  // Null: taken out.
  };
  std::vector<Slot> slots;
  size_t live = 0;
  uint64_t nextCookie = 3;  // After `.` and `..`.
  uint32_t subdirectories = 0;
};

/** How a file was when it was last closed, while a program changes it. */
enum class Closed : uint8_t { kSame = 0, kEarlier = 1, kNever = 2 };

/**
 * A file that programs have open, or whose content is here in parts. Guarded by the tree's lock, except the
 * descriptor, which is set once and closed when the last one lets go of the File.
 */
struct File {
  ~File();
  std::atomic<int> fd{-1};
  /** Of content that was given up while somebody may have been reading it. */
  std::vector<int> retired;
  uint32_t handles = 0;
  uint32_t writers = 0;
  Closed closed = Closed::kSame;
  /** A write has been noted in the log since the file was last closed or taken up by sync. */
  bool isBegun = false;
  /** Size or times have changed since the file's row was last logged. */
  bool isUnlogged = false;
  /** A program has closed it; the kernel has yet to say that nobody has it open. */
  bool isClosing = false;
  /** The kernel reads and writes the backing file by itself while any handle is open. */
  bool isPassthrough = false;
  /**
   * A program could write while the kernel did so by itself. A mapping is then one of the backing file, which goes on
   * when the program has closed the file: the kernel tells of its end in no way.
   */
  bool mayBeMapped = false;
  /** Pages that are written through such a mapping show in the backing file's time. */
  bool isMappingWatched = false;
  uint32_t passthroughId = 0;
  uint64_t closedCounter = 0;
  uint64_t closedSize = 0;
  int64_t closedMtimeNs = 0;
  /** Changes when other content is wanted than before. */
  uint64_t generation = 0;
  int64_t usedAtNs = 0;
  /** When content last arrived, by SteadyNs. */
  int64_t progressAtNs = 0;
  /** Of a placeholder: which blocks are here. */
  BlockMap present;
};

struct Node {
  uint64_t id = 0;
  Node* parent = nullptr;  // Null: the root, or not in the tree any more.
  uint64_t identity = 0;
  uint64_t counter = 0;
  int64_t mtimeNs = 0;
  int64_t ctimeNs = 0;
  int64_t atimeNs = 0;
  uint64_t size = 0;
  uint64_t backing = 0;
  int64_t stampNs = -1;
  uint64_t cookie = 0;
  /** What it counts for in the total of stored bytes. */
  uint64_t counted = 0;
  /** Of the size, how much took no room when the content was last closed. */
  uint64_t holes = 0;
  /** References that the kernel holds. */
  std::atomic<uint64_t> lookups{0};
  uint32_t rdev = 0;
  /** What this entry adds to the digest over all stored rows. */
  uint32_t rowDigest = 0;
  /** When a program last opened it, in s since 1970; 0: not since it was loaded. The File, while there is one, is exact. */
  uint32_t usedAtS = 0;
  uint16_t mode = 0;
  uint16_t flags = 0;
  uint16_t specialType = 0;  // S_IFMT bits >> 12.
  Kind kind = Kind::kFile;
  State state = State::kPlaceholder;
  Mark mark = Mark::kNone;
  bool isStored : 1;   // Its row is in the store.
  bool isQueued : 1;   // Waits to be stored.
  bool isUnlogged : 1; // Changed in the call that is being carried out.
  bool hasStalePages : 1;  // The kernel may still have pages of the content before; whoever opens it next drops them.
  bool hasStaleSize : 1;  // The kernel has not been told of new content yet: it may go by the size of the one before.
  bool isTakenBySync : 1;  // Sync has taken it out of the tree: programs may still find it by its name for a moment.
  bool isReadPast : 1;  // The kernel has read the backing file by itself: mappings of it may be left.
  /** The name; then the hash, if there is one, and the other side's version of a file or the target of a link. */
  Texts texts;
  std::unique_ptr<Directory> directory;
  std::shared_ptr<File> file;

  Node()
      : isStored(false),
        isQueued(false),
        isUnlogged(false),
        hasStalePages(false),
        hasStaleSize(false),
        isTakenBySync(false),
        isReadPast(false) {}

  bool isDirectory() const { return kind == Kind::kDirectory; }
  bool isFile() const { return kind == Kind::kFile; }
  bool isInTree() const { return parent != nullptr || id == kRootId; }
  bool has(uint16_t flag) const { return (flags & flag) != 0; }
  std::string_view name() const { return texts.first(); }
  void SetName(std::string_view name) { texts.Set(name, texts.second()); }
  std::string_view hash() const { return texts.second().substr(0, has(kHasHash) ? kHashBytes : 0); }
  /** The other side's version, or a link's target. */
  std::string_view source() const { return texts.second().substr(has(kHasHash) ? kHashBytes : 0); }
  void SetSource(std::string_view hash, std::string_view source) {
    const std::string both = std::string(hash).append(source);
    texts.Set(name(), both);
    flags = static_cast<uint16_t>(flags & ~(kHasHash | kHasSource));
    if (!hash.empty()) flags |= kHasHash;
    if (!source.empty()) flags |= kHasSource;
  }
  void SetTarget(std::string_view target) { texts.Set(name(), target); }
  void ForgetHash() {
    if (!has(kHasHash)) return;
    texts.Set(name(), source());
    flags = static_cast<uint16_t>(flags & ~kHasHash);
  }
  /** All of the content is on this device. */
  bool isWhole() const { return state != State::kPlaceholder || size == 0; }
  uint32_t fileMode() const;
  uint64_t storedBytes() const;
};

/** The present time; ns since 1970. */
int64_t NowNs();
/** For differences: nobody sets this clock. */
int64_t SteadyNs();

}  // namespace ferry::fuse

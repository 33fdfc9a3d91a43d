// The drive's tree in memory. Whoever calls holds the drive's lock: shared to look, exclusive to change.
#pragma once

#include <cstdint>
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "flat-index.hh"
#include "node.hh"
#include "paged-index.hh"
#include "row.hh"

namespace ferry::fuse {

/** What is carried to the store beside the rows. */
struct StoreCheck {
  uint64_t count = 0;
  uint32_t digest = 0;
  uint64_t nextId = kRootId + 1;
};

class Tree {
 public:
  Tree();
  ~Tree();
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  Node* root() { return root_; }
  Node* Get(uint64_t id) const;
  Node* Child(const Node* directory, std::string_view name) const;
  /** Null when a part is not there or is no directory. */
  Node* Find(std::string_view path) const;
  std::string PathOf(const Node* node) const;

  /** Makes room for that many entries. */
  void Reserve(uint64_t entries) {
    byName_.Reserve(entries);
    seeded_.reserve(entries);
  }
  /** Takes rows in before the drive is shown; a directory may come after what is in it. False: malformed. */
  bool Seed(std::string_view rows);
  /**
   * Puts seeded entries into their directories; those whose directory is missing go into the root by another
   * name. Returns how many.
   */
  uint64_t Connect();

  /** Makes an entry that is not in the tree yet. */
  Node* Make(Kind kind, uint16_t mode);
  uint64_t NextId() { return NextIds(1); }
  /** Returns the first of so many. */
  uint64_t NextIds(uint64_t count) {
    const uint64_t first = check_.nextId;
    check_.nextId += count;
    return first;
  }

  void Attach(Node* node, Node* directory, std::string_view name);
  /** The entry lives on while somebody refers to it. */
  void Detach(Node* node);
  void Move(Node* node, Node* directory, std::string_view name);
  /** `to` takes the place of `from`, which leaves the tree. */
  void TakePlace(Node* to, Node* from);
  void Swap(Node* one, Node* other);
  void SetState(Node* node, State state);
  /** Notes that the directory's entries have changed. */
  void Touch(Node* directory);
  /** Must be called after each change of what is in an entry's row. */
  void Changed(Node* node);
  /** Returns what programs keep as extended attributes of the entry, packed (kept-attributes.hh). */
  std::string_view AttributesOf(const Node& node) const;
  /** Takes that over; the entry's row has changed then. */
  void KeepAttributes(Node* node, std::string packed);
  /** Frees an entry that is not in the tree and that nobody refers to. */
  void FreeIfUnused(Node* node);

  /** Appends the rows of what has changed since the last call. */
  void TakeUnlogged(std::string* rows);
  /** Appends the rows of what has changed since the last call, and updates the check. */
  void TakeUnstored(std::string* rows);
  bool HasUnstored() const { return !unstored_.empty() || !removed_.empty(); }

  const StoreCheck& check() const { return check_; }
  void RaiseNextId(uint64_t next) { check_.nextId = std::max(check_.nextId, next); }
  uint64_t entries() const { return entries_; }
  uint64_t dirty() const { return dirty_; }
  uint64_t stored() const { return stored_; }
  /** Takes over how much of the entry's content is here. */
  void Recount(Node* node);
  /** Approximate memory of all entries, in bytes. */
  uint64_t MemoryBytes() const;

  template <typename Visit>
  void Each(Visit visit) const {
    byId_.Each([&](Node* node) { visit(*node); });
  }

 private:
  struct ByName {
    static uint64_t Hash(uint64_t directory, std::string_view name) {
      return Mix(directory) ^ std::hash<std::string_view>()(name);
    }
    static uint64_t HashOf(const Node& node) { return Hash(node.parent->id, node.name()); }
  };
  void Enter(Node* node, Node* directory);
  void Leave(Node* node);
  Node* FromRow(const Row& row);

  PagedIndex<Node> byId_;
  FlatIndex<Node, ByName> byName_;
  Node* root_ = nullptr;
  std::vector<Node*> unlogged_;
  std::vector<uint64_t> removedUnlogged_;
  std::vector<Node*> unstored_;
  std::vector<uint64_t> removed_;
  /** While seeding: entries with the ids of their directories. */
  std::vector<std::pair<Node*, uint64_t>> seeded_;
  /** By the entry's id: so few have any that they cost the others nothing. */
  std::unordered_map<uint64_t, std::string> attributes_;
  StoreCheck check_;
  uint64_t entries_ = 0;
  uint64_t dirty_ = 0;
  uint64_t stored_ = 0;
};

}  // namespace ferry::fuse

#include "tree.hh"

#include <malloc.h>

#include <algorithm>
#include <utility>

namespace ferry::fuse {
namespace {

constexpr uint16_t kRootMode = 0755;

bool IsDirtyFile(const Node& node) { return node.isFile() && node.state == State::kDirty; }

Directory::Slot* SlotOf(Directory& directory, uint64_t cookie) {
  const auto at = std::lower_bound(directory.slots.begin(), directory.slots.end(), cookie,
                                   [](const Directory::Slot& slot, uint64_t wanted) { return slot.cookie < wanted; });
  return at == directory.slots.end() || at->cookie != cookie ? nullptr : &*at;
}

}  // namespace

Tree::Tree() {
  root_ = new Node();
  root_->id = root_->identity = kRootId;
  root_->kind = Kind::kDirectory;
  root_->mode = kRootMode;
  root_->mtimeNs = root_->ctimeNs = root_->atimeNs = NowNs();
  root_->directory = std::make_unique<Directory>();
  byId_.Insert(kRootId, root_);
}

Tree::~Tree() {
  byId_.Each([](Node* node) { delete node; });
}

Node* Tree::Get(uint64_t id) const {
  return byId_.Find(id);
}

Node* Tree::Child(const Node* directory, std::string_view name) const {
  return byName_.Find(ByName::Hash(directory->id, name),
                      [&](const Node& node) { return node.parent == directory && node.name() == name; });
}

Node* Tree::Find(std::string_view path) const {
  Node* node = root_;
  while (!path.empty()) {
    if (!node->isDirectory()) return nullptr;
    const size_t slash = path.find('/');
    node = Child(node, path.substr(0, slash));
    if (node == nullptr || slash == std::string_view::npos) return node;
    path.remove_prefix(slash + 1);
  }
  return node;
}

std::string Tree::PathOf(const Node* node) const {
  std::string path;
  for (; node != nullptr && node != root_; node = node->parent) {
    path.insert(0, node->name());
    if (node->parent != root_ && node->parent != nullptr) path.insert(0, 1, '/');
  }
  return path;
}

Node* Tree::FromRow(const Row& row) {
  Node* node = row.id == kRootId ? root_ : new Node();
  node->id = row.id;
  node->identity = row.identity;
  node->counter = row.counter;
  node->mtimeNs = row.mtimeNs;
  node->ctimeNs = row.ctimeNs;
  node->atimeNs = row.atimeNs;
  node->size = row.size;
  node->backing = row.backing;
  node->stampNs = row.stampNs;
  node->rdev = row.rdev;
  node->mode = row.mode;
  node->flags = static_cast<uint16_t>(row.flags & (kPinned | kPlaced));
  node->specialType = static_cast<uint16_t>(row.specialType >> 12);
  node->state = static_cast<State>(row.state);
  KeepAttributes(node, std::string(row.attributes));
  if (row.id == kRootId) return node;
  node->kind = static_cast<Kind>(row.kind);
  if (node->kind == Kind::kLink) {
    node->texts.Set(row.name, row.target);
  } else {
    // Hash and source lie one behind the other in a row, as they do here.
    node->texts.Set(row.name, std::string_view(row.hash.data(), row.hash.size() + row.source.size()));
    node->flags = static_cast<uint16_t>(node->flags | (row.hash.empty() ? 0 : kHasHash) | (row.source.empty() ? 0 : kHasSource));
  }
  if (node->isDirectory()) node->directory = std::make_unique<Directory>();
  if (!row.map.empty() && node->isFile()) {
    node->file = std::make_shared<File>();
    node->file->present.Load(row.map);
  }
  return node;
}

bool Tree::Seed(std::string_view rows) {
  Row row;
  while (!rows.empty()) {
    const std::string_view before = rows;
    if (!TakeRow(&rows, &row) || row.kind == kRemoved || row.id == 0) return false;
    if (row.id != kRootId && Get(row.id) != nullptr) return false;
    Node* node = FromRow(row);
    if (node->id >= check_.nextId) check_.nextId = node->id + 1;
    if (node->backing >= check_.nextId) check_.nextId = node->backing + 1;
    if (node->identity >= check_.nextId) check_.nextId = node->identity + 1;
    node->rowDigest = Crc32(before.substr(0, before.size() - rows.size()));
    check_.digest += node->rowDigest;
    check_.count++;
    node->isStored = true;
    if (node == root_) continue;
    byId_.Insert(node->id, node);
    seeded_.emplace_back(node, row.parent);
  }
  return true;
}

uint64_t Tree::Connect() {
  byName_.Reserve(seeded_.size());
  std::vector<std::pair<Node*, uint64_t>> strays;
  for (const auto& [node, parentId] : seeded_) {
    Node* parent = Get(parentId);
    if (parent == nullptr || !parent->isDirectory() || node->name().empty() || Child(parent, node->name()) != nullptr)
      strays.emplace_back(node, parentId);
    else {
      Enter(node, parent);
      Recount(node);
    }
  }
  seeded_.clear();
  seeded_.shrink_to_fit();
  for (const auto& [node, parentId] : strays) {
    node->SetName("recovered-" + std::to_string(node->id) + " " + std::string(node->name().substr(0, 200)));
    Enter(node, root_);
    Changed(node);
  }
  return strays.size();
}

Node* Tree::Make(Kind kind, uint16_t mode) {
  Node* node = new Node();
  node->id = node->identity = NextId();
  node->kind = kind;
  node->mode = mode & 07777;
  node->mtimeNs = node->ctimeNs = node->atimeNs = NowNs();
  if (kind == Kind::kDirectory) node->directory = std::make_unique<Directory>();
  byId_.Insert(node->id, node);
  return node;
}

void Tree::Enter(Node* node, Node* parent) {
  node->parent = parent;
  Directory& directory = *parent->directory;
  node->cookie = directory.nextCookie++;
  directory.slots.push_back({node->cookie, node});
  directory.live++;
  if (node->isDirectory()) directory.subdirectories++;
  byName_.Insert(node);
  entries_++;
  if (IsDirtyFile(*node)) dirty_++;
}

void Tree::Leave(Node* node) {
  byName_.Remove(node);
  Directory& directory = *node->parent->directory;
  if (Directory::Slot* slot = SlotOf(directory, node->cookie)) slot->node = nullptr;
  directory.live--;
  if (node->isDirectory()) directory.subdirectories--;
  if (directory.slots.size() > 64 && directory.live * 2 < directory.slots.size())
    directory.slots.erase(std::remove_if(directory.slots.begin(), directory.slots.end(),
                                         [](const Directory::Slot& slot) { return slot.node == nullptr; }),
                          directory.slots.end());
  node->parent = nullptr;
  entries_--;
  if (IsDirtyFile(*node)) dirty_--;
}

void Tree::Attach(Node* node, Node* directory, std::string_view name) {
  node->SetName(name);
  Enter(node, directory);
  Changed(node);
  Touch(directory);
}

void Tree::Detach(Node* node) {
  Node* parent = node->parent;
  Leave(node);
  Recount(node);
  node->ctimeNs = NowNs();
  removedUnlogged_.push_back(node->id);
  removed_.push_back(node->id);
  if (node->isStored) {
    check_.digest -= node->rowDigest;
    check_.count--;
    node->isStored = false;
  }
  Touch(parent);
}

void Tree::Move(Node* node, Node* directory, std::string_view name) {
  Node* before = node->parent;
  Leave(node);
  node->SetName(name);
  Enter(node, directory);
  node->ctimeNs = NowNs();
  Changed(node);
  Touch(before);
  if (before != directory) Touch(directory);
}

void Tree::TakePlace(Node* to, Node* from) {
  Node* parent = from->parent;
  const std::string name(from->name());
  Detach(from);
  Attach(to, parent, name);
}

void Tree::Swap(Node* one, Node* other) {
  Node *oneParent = one->parent, *otherParent = other->parent;
  const std::string oneName(one->name()), otherName(other->name());
  Leave(one);
  Leave(other);
  one->SetName(otherName);
  other->SetName(oneName);
  Enter(one, otherParent);
  Enter(other, oneParent);
  one->ctimeNs = other->ctimeNs = NowNs();
  Changed(one);
  Changed(other);
  Touch(oneParent);
  if (oneParent != otherParent) Touch(otherParent);
}

void Tree::Recount(Node* node) {
  const uint64_t now = node->isInTree() ? node->storedBytes() : 0;
  stored_ += now - node->counted;
  node->counted = now;
}

void Tree::SetState(Node* node, State state) {
  const bool was = node->isInTree() && IsDirtyFile(*node);
  node->state = state;
  const bool is = node->isInTree() && IsDirtyFile(*node);
  dirty_ += static_cast<uint64_t>(is) - static_cast<uint64_t>(was);
}

void Tree::Touch(Node* directory) {
  directory->mtimeNs = directory->ctimeNs = NowNs();
  Changed(directory);
}

void Tree::Changed(Node* node) {
  if (!node->isInTree()) return;
  if (!node->isUnlogged) {
    node->isUnlogged = true;
    unlogged_.push_back(node);
  }
  if (!node->isQueued) {
    node->isQueued = true;
    unstored_.push_back(node);
  }
}

std::string_view Tree::AttributesOf(const Node& node) const {
  return node.has(kHasAttributes) ? std::string_view(attributes_.at(node.id)) : std::string_view();
}

void Tree::KeepAttributes(Node* node, std::string packed) {
  if (packed.empty()) {
    if (node->has(kHasAttributes)) attributes_.erase(node->id);
    node->flags = static_cast<uint16_t>(node->flags & ~kHasAttributes);
  } else {
    attributes_[node->id] = std::move(packed);
    node->flags |= kHasAttributes;
  }
}

void Tree::FreeIfUnused(Node* node) {
  // What waits in a list is freed when it has been taken out of it.
  if (node->isInTree() || node->lookups != 0 || node->isUnlogged || node->isQueued) return;
  if (node->file != nullptr && node->file->handles > 0) return;
  byId_.Remove(node->id);
  KeepAttributes(node, {});
  delete node;
}

void Tree::TakeUnlogged(std::string* rows) {
  for (const uint64_t id : removedUnlogged_) PutRemoved(id, rows);
  removedUnlogged_.clear();
  for (Node* node : std::exchange(unlogged_, {})) {
    node->isUnlogged = false;
    if (!node->isInTree()) {
      FreeIfUnused(node);
      continue;
    }
    Recount(node);
    PutRow(*node, rows, false, AttributesOf(*node));
  }
}

void Tree::TakeUnstored(std::string* rows) {
  for (const uint64_t id : removed_) PutRemoved(id, rows);
  removed_.clear();
  for (Node* node : std::exchange(unstored_, {})) {
    node->isQueued = false;
    if (!node->isInTree()) {
      FreeIfUnused(node);
      continue;
    }
    const size_t start = rows->size();
    PutRow(*node, rows, true, AttributesOf(*node));
    const uint32_t digest = Crc32(std::string_view(*rows).substr(start));
    if (!node->isStored) check_.count++;
    check_.digest += digest - (node->isStored ? node->rowDigest : 0);
    node->rowDigest = digest;
    node->isStored = true;
  }
}

uint64_t Tree::MemoryBytes() const { return mallinfo2().uordblks; }

}  // namespace ferry::fuse

// What the engine does to the drive.
#include <unistd.h>

#include <cerrno>
#include <algorithm>
#include <mutex>

#include "drive.hh"

namespace ferry::fuse {

using Exclusive = std::unique_lock<std::shared_mutex>;

Node* Drive::InTree(uint64_t id) {
  Node* node = tree_.Get(id);
  return node == nullptr || !node->isInTree() ? nullptr : node;
}

int Drive::Expect(Node* node, const uint64_t* expected) const {
  if (node == nullptr) return -ESTALE;
  if (expected == nullptr) return node->isDirectory() ? 0 : -ESTALE;
  return !node->isDirectory() && node->counter == *expected ? 0 : -ESTALE;
}

int Drive::MustBeClosed(const Node* node) const {
  if (!node->isFile() || node->file == nullptr) return 0;
  return node->file->writers > 0 || node->file->mayBeMapped ? -EBUSY : 0;
}

void Drive::Show(const Node* node, std::string* shown) const {
  PutRow(*node, shown);
  PutPresence(*node, shown);
}

void Drive::Tell(Notice::What what, const Node* node, bool isContentNew) {
  Waiting* waiting = waiting_;
  if (waiting == nullptr || node->parent == nullptr) return;
  Notice notice = {};
  notice.what = what;
  notice.id = node->id;
  notice.parent = node->parent->id;
  notice.name = node->name();
  notice.path = tree_.PathOf(node);
  notice.isContentNew = isContentNew;
  notice.isDirectory = node->isDirectory();
  waiting->Tell(std::move(notice));
}

int Drive::Insert(uint64_t directoryId, Kind kind, const std::string& name, const Incoming& content,
                  const std::string& target, std::string* shown) {
  const Exclusive lock(mutex_);
  Node* directory = InTree(directoryId);
  if (directory == nullptr || !directory->isDirectory()) return -ESTALE;
  if (tree_.Child(directory, name) != nullptr) return -EEXIST;
  Node* node = tree_.Make(kind, content.hasMode ? content.mode : 0644);
  if (content.hasMtime) node->mtimeNs = content.mtimeNs;
  node->flags |= kPlaced;
  if (kind == Kind::kLink) node->SetTarget(target);
  if (kind == Kind::kFile) {
    node->size = content.size;
    node->SetSource(content.hash, content.source);
    node->backing = content.backing;
    node->stampNs = content.stampNs;
    node->state = content.backing != 0 ? State::kHydrated : State::kPlaceholder;
  }
  tree_.Attach(node, directory, name);
  Tell(Notice::What::kAppeared, node);
  Commit();
  Show(node, shown);
  return 0;
}

int Drive::Replace(uint64_t id, uint64_t expected, const Incoming& content, std::string* shown) {
  const Exclusive lock(mutex_);
  Node* node = InTree(id);
  if (const int failed = Expect(node, &expected)) return failed;
  if (!node->isFile()) return -ESTALE;
  if (const int failed = MustBeClosed(node)) return failed;
  const bool isSame = !content.hash.empty() && content.hash == node->hash() && node->state != State::kDirty &&
                      content.backing == 0 && content.size == node->size;
  if (!isSame && node->file != nullptr && node->file->handles > 0) {
    // Who reads the old content goes on with it, and with it alone.
    Node* next = tree_.Make(Kind::kFile, node->mode);
    next->identity = node->identity;
    next->counter = node->counter;
    next->flags = static_cast<uint16_t>(node->flags & (kPinned | kPlaced));
    tree_.KeepAttributes(next, std::string(tree_.AttributesOf(*node)));
    tree_.TakePlace(next, node);
    node->isTakenBySync = true;
    node = next;
  } else if (!isSame) {
    DropContent(node);
    node->hasStalePages = true;
    node->hasStaleSize = node->lookups > 0;
  }
  if (!isSame) {
    node->backing = content.backing;
    node->stampNs = content.stampNs;
    tree_.SetState(node, content.backing != 0 ? State::kHydrated : State::kPlaceholder);
    node->size = content.size;
  }
  node->SetSource(content.hash, content.source);
  node->ctimeNs = NowNs();
  node->mtimeNs = content.hasMtime ? content.mtimeNs : node->ctimeNs;
  if (content.hasMode) node->mode = content.mode & 07777;
  node->counter++;
  node->flags |= kPlaced;
  tree_.Changed(node);
  Tell(Notice::What::kChanged, node, !isSame);
  Commit();
  Show(node, shown);
  return 0;
}

int Drive::Remove(uint64_t id, const uint64_t* expected) {
  const Exclusive lock(mutex_);
  Node* node = InTree(id);
  if (const int failed = Expect(node, expected)) return failed;
  if (node->id == kRootId) return -EBUSY;
  if (node->isDirectory() && node->directory->live > 0) return -ENOTEMPTY;
  if (const int failed = MustBeClosed(node)) return failed;
  Tell(Notice::What::kRemoved, node);
  tree_.Detach(node);
  node->isTakenBySync = true;
  if (node->isFile() && (node->file == nullptr || node->file->handles == 0)) {
    DropContent(node);
    node->file.reset();
  }
  Commit();
  return 0;
}

int Drive::Move(uint64_t id, const uint64_t* expected, uint64_t directoryId, const std::string& name,
                std::string* shown) {
  const Exclusive lock(mutex_);
  Node *node = InTree(id), *directory = InTree(directoryId);
  if (const int failed = Expect(node, expected)) return failed;
  if (directory == nullptr || !directory->isDirectory() || node->id == kRootId) return -ESTALE;
  if (node->parent != directory || node->name() != name) {
    if (tree_.Child(directory, name) != nullptr) return -EEXIST;
    for (const Node* at = directory; at != nullptr; at = at->parent)
      if (at == node) return -EINVAL;
    if (const int failed = MustBeClosed(node)) return failed;
    Notice notice = {};
    notice.what = Notice::What::kMoved;
    notice.id = node->id;
    notice.parent = directoryId;
    notice.name = name;
    notice.oldParent = node->parent->id;
    notice.oldName = node->name();
    notice.oldPath = tree_.PathOf(node);
    tree_.Move(node, directory, name);
    node->flags |= kPlaced;
    notice.path = tree_.PathOf(node);
    if (Waiting* waiting = waiting_) waiting->Tell(std::move(notice));
    Commit();
  } else if (!node->has(kPlaced)) {
    node->flags |= kPlaced;
    tree_.Changed(node);
    Commit();
  }
  Show(node, shown);
  return 0;
}

int Drive::SetMetadata(uint64_t id, uint64_t expected, const Incoming& content, std::string* shown) {
  const Exclusive lock(mutex_);
  Node* node = InTree(id);
  if (const int failed = Expect(node, &expected)) return failed;
  if (const int failed = MustBeClosed(node)) return failed;
  if (content.hasMtime) node->mtimeNs = content.mtimeNs;
  if (content.hasMode) node->mode = content.mode & 07777;
  node->counter++;
  node->ctimeNs = NowNs();
  tree_.Changed(node);
  Tell(Notice::What::kChanged, node);
  Commit();
  Show(node, shown);
  return 0;
}

void Drive::NoteHash(uint64_t id, uint64_t counter, const std::string& hash) {
  const Exclusive lock(mutex_);
  Node* node = InTree(id);
  if (node == nullptr || !node->isFile() || node->counter != counter || hash.size() != kHashBytes) return;
  node->SetSource(hash, std::string(node->source()));
  tree_.Changed(node);
  Commit();
}

bool Drive::Disown(uint64_t id, uint64_t expected) {
  const Exclusive lock(mutex_);
  Node* node = InTree(id);
  if (node == nullptr || !node->isFile() || node->counter != expected || !node->isWhole()) return false;
  node->identity = tree_.NextId();
  node->SetSource(std::string(node->hash()), {});
  node->flags = static_cast<uint16_t>(node->flags & ~kPlaced);
  tree_.SetState(node, State::kDirty);
  node->counter++;
  tree_.Changed(node);
  Commit();
  return true;
}

void Drive::SetMark(uint64_t id, Mark mark) {
  const Exclusive lock(mutex_);
  if (Node* node = InTree(id)) node->mark = mark;
}

void Drive::Discard(uint64_t id, uint64_t generation) {
  const Exclusive lock(mutex_);
  Node* node = tree_.Get(id);
  if (node == nullptr || node->file == nullptr || node->file->generation != generation || node->isWhole()) return;
  DropContent(node);
  node->hasStalePages = true;
  tree_.Changed(node);
  Tell(Notice::What::kArrived, node, true);
  Commit();
}

void Drive::Missing(uint64_t id, uint64_t offset, uint64_t length, std::vector<uint64_t>* runs) {
  const std::shared_lock<std::shared_mutex> lock(mutex_);
  const Node* node = tree_.Get(id);
  if (node == nullptr || !node->isFile() || node->isWhole() || offset >= node->size || length == 0) return;
  const uint64_t end = std::min(node->size, length > node->size - offset ? node->size : offset + length);
  for (uint64_t block = offset / kBlockBytes; block * kBlockBytes < end; block++) {
    if (node->file != nullptr && node->file->present.Has(block)) continue;
    const uint64_t from = block * kBlockBytes, to = std::min(from + kBlockBytes, node->size);
    if (!runs->empty() && (*runs)[runs->size() - 2] + runs->back() == from) runs->back() += to - from;
    else runs->insert(runs->end(), {from, to - from});
  }
}

void Drive::NoteCounterpart(uint64_t id, uint64_t counter, const std::string& source) {
  const Exclusive lock(mutex_);
  Node* node = InTree(id);
  if (node == nullptr || !node->isFile()) return;
  File* file = node->file.get();
  if (node->counter == counter) {
    if (node->state == State::kDirty) tree_.SetState(node, State::kHydrated);
    // The next write is noted in the log again before it happens.
    if (file != nullptr) file->isBegun = false;
  } else if (file == nullptr || file->closed != Closed::kEarlier || file->closedCounter != counter) {
    return;
  }
  node->SetSource(std::string(node->hash()), source);
  node->flags |= kPlaced;
  tree_.Changed(node);
  Commit();
}

bool Drive::SetPinned(uint64_t id, bool isPinned) {
  const Exclusive lock(mutex_);
  Node* node = InTree(id);
  if (node == nullptr) return false;
  if (node->has(kPinned) == isPinned) return isPinned;
  node->flags = static_cast<uint16_t>(isPinned ? node->flags | kPinned : node->flags & ~kPinned);
  tree_.Changed(node);
  outside_->Pinned(id);
  Commit();
  return true;
}

int Drive::FillTarget(uint64_t id, std::string* shown) {
  const Exclusive lock(mutex_);
  Node* node = tree_.Get(id);
  if (node == nullptr || !node->isFile() || node->isWhole()) return -ENOENT;
  File& file = FileOf(node);
  const int fd = MakeDescriptor(node, file);
  if (fd < 0) return fd;
  if (file.handles == 0) {
    // Content is written by its path; nobody has to keep it open.
    file.fd = -1;
    close(fd);
  }
  Commit();
  Show(node, shown);
  return 0;
}

int Drive::Filled(uint64_t id, uint64_t generation, uint64_t offset, uint64_t length) {
  const Exclusive lock(mutex_);
  Node* node = tree_.Get(id);
  if (node == nullptr || node->file == nullptr || node->file->generation != generation || node->isWhole()) return -ESTALE;
  node->file->present.Fill(offset, length, node->size);
  node->file->progressAtNs = SteadyNs();
  tree_.Recount(node);
  tree_.Changed(node);
  Signal();
  if (Waiting* waiting = waiting_) waiting->Arrived(id);
  return 0;
}

int Drive::Completed(uint64_t id, uint64_t generation, int64_t stampNs) {
  const Exclusive lock(mutex_);
  Node* node = tree_.Get(id);
  if (node == nullptr || node->file == nullptr || node->file->generation != generation || node->isWhole()) return -ESTALE;
  tree_.SetState(node, State::kHydrated);
  node->stampNs = stampNs;
  node->file->present.Clear();
  if (node->file->handles == 0) node->file.reset();
  tree_.Changed(node);
  if (node->lookups > 0) Tell(Notice::What::kArrived, node);
  Commit();
  if (Waiting* waiting = waiting_) waiting->Arrived(id);
  return 0;
}

int Drive::Dehydrate(uint64_t id) {
  const Exclusive lock(mutex_);
  Node* node = InTree(id);
  if (node == nullptr || !node->isFile()) return 0;
  // Where a program has moved it the other side does not have it yet, and may have it no more where it was.
  if (node->state == State::kDirty || !node->has(kPlaced)) return -EBUSY;
  if (node->file != nullptr && (node->file->handles > 0 || node->file->mayBeMapped)) return -ETXTBSY;
  // Who cuts a file by its path has no handle.
  const Waiting* waiting = waiting_;
  if (waiting != nullptr && waiting->IsAwaited(id)) return -ETXTBSY;
  for (const Node* at = node; at != nullptr; at = at->parent)
    if (at->has(kPinned)) return -EPERM;
  if (node->backing == 0 || !node->has(kHasSource)) return 0;
  // What is fetched anew is another file: a mapping of this one would not show what programs write into that.
  if (IsContentOpen(node)) return -ETXTBSY;
  DropContent(node);
  node->file.reset();
  tree_.SetState(node, State::kPlaceholder);
  tree_.Changed(node);
  // Programs find the same content as before: there is nothing to notice.
  Tell(Notice::What::kArrived, node, true);
  Commit();
  return 0;
}

}  // namespace ferry::fuse

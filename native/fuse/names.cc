// Requests about names: looking them up, listing, making, moving and removing them.
#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "session.hh"

namespace ferry::fuse {
namespace {

constexpr size_t kMaxNameBytes = 255;
constexpr uint32_t kNoReplace = 1, kExchange = 2;

uint32_t DirentType(const Node& node) { return node.fileMode() >> 12; }

/** Lets a file that was never synced continue the one it replaces: a safe save is an edit, not a new file. */
void Inherit(Node* source, const Node* replaced) {
  if (!source->isFile() || !replaced->isFile()) return;
  if (source->has(kHasSource) || !replaced->has(kHasSource)) return;
  source->identity = replaced->identity;
  source->SetSource({}, replaced->source());
  source->flags |= replaced->flags & (kPlaced | kPinned);
}

}  // namespace

void Session::FillEntry(Node* node, fuse_entry_out* entry) {
  node->lookups.fetch_add(1, std::memory_order_relaxed);
  std::memset(entry, 0, sizeof *entry);
  entry->nodeid = node->id;
  entry->entry_valid = kValidS;
  bool isFixed = true;
  FillAttributes(node, &entry->attr, &isFixed);
  entry->attr_valid = isFixed ? kValidS : 0;
}

void Session::ReplyEntry(const Request& request, Node* node, uint64_t validS) {
  fuse_entry_out entry;
  FillEntry(node, &entry);
  entry.entry_valid = validS;
  Reply(request, &entry, sizeof entry);
}

Node* Session::ChildOf(uint64_t directory, std::string_view name) {
  const Node* node = drive_.tree().Get(directory);
  return node == nullptr ? nullptr : drive_.tree().Child(node, name);
}

/**
 * Finds the entry that the notifier is about to make visible, where it asks for just that. A notice can be old: programs
 * may have moved the entry since, and have put another one in its place, which the kernel must not take for it.
 */
Node* Session::ExpectedByNotifier(uint64_t parent, std::string_view name) {
  if (making_ == nullptr || parent != making_->parent || name != making_->name) return nullptr;
  Node* child = ChildOf(parent, name);
  return child != nullptr && child->id == making_->id ? child : nullptr;
}

/** Finds the entry that the notifier is about to move before everybody's eyes, by the name that it had. */
Node* Session::MovedByNotifier(uint64_t parent, std::string_view name) {
  if (making_ == nullptr || making_->what != Notice::What::kMoved) return nullptr;
  if (parent != making_->oldParent || name != making_->oldName) return nullptr;
  // What sync has put there since is shown after this; what a program has put there the kernel would take for the entry.
  const Node* since = ChildOf(parent, name);
  if (since != nullptr && since->lookups > 0) return nullptr;
  return ExpectedByNotifier(making_->parent, making_->name);
}

/** The notifier changes nothing: where another directory has come into its path meanwhile, it gets no further. */
void Session::ReplyMade(const Request& request, std::string_view name) {
  if (Node* made = ExpectedByNotifier(request.head->nodeid, name)) return ReplyEntry(request, made);
  ReplyError(request, -ENOENT);
}

bool Session::IsRemovedByNotifier(const Node* parent, std::string_view name) {
  return making_ != nullptr && making_->what == Notice::What::kRemoved && parent->id == making_->parent &&
         name == making_->name && drive_.tree().Child(parent, name) == nullptr;
}

/** Shows what sync has removed once more, to the one who is about to remove it before everybody's eyes. */
void Session::ReplyRemoved(const Request& request) {
  fuse_entry_out entry = {};
  if (Node* node = drive_.tree().Get(making_->id)) {
    FillEntry(node, &entry);
  } else {
    entry.nodeid = entry.attr.ino = making_->id;
    entry.attr.mode = making_->isDirectory ? S_IFDIR | 0700 : S_IFREG | 0600;
    entry.attr.nlink = making_->isDirectory ? 2 : 1;
    entry.attr.uid = drive_.options().uid;
    entry.attr.gid = drive_.options().gid;
  }
  entry.entry_valid = entry.attr_valid = 0;
  Reply(request, &entry, sizeof entry);
}

void Session::Lookup(const Request& request) {
  const std::string_view name = request.NameAt(0);
  const Shared lock(drive_.mutex());
  Node* parent = drive_.tree().Get(request.head->nodeid);
  if (parent == nullptr) return ReplyError(request, -ESTALE);
  if (name.size() > kMaxNameBytes) return ReplyError(request, -ENAMETOOLONG);
  if (IsOwn(request) && making_ != nullptr) {
    const bool isMaking = making_->what == Notice::What::kAppeared || making_->what == Notice::What::kMoved;
    if (isMaking && ExpectedByNotifier(parent->id, name) != nullptr) return ReplyError(request, -ENOENT);
    if (making_->what == Notice::What::kRemoved && IsRemovedByNotifier(parent, name)) return ReplyRemoved(request);
    if (Node* moved = MovedByNotifier(parent->id, name)) return ReplyEntry(request, moved, 0);
  }
  habits_.Asked(parent->id);
  if (name == ".") return ReplyEntry(request, parent);
  if (name == "..") return ReplyEntry(request, parent->parent == nullptr ? parent : parent->parent);
  if (Node* node = drive_.tree().Child(parent, name)) return ReplyEntry(request, node);
  fuse_entry_out nothing = {};
  nothing.entry_valid = kValidS;
  Reply(request, &nothing, sizeof nothing);
}

void Session::Forget(uint64_t id, uint64_t count) {
  bool isUnused = false;
  {
    const Shared lock(drive_.mutex());
    Node* node = drive_.tree().Get(id);
    if (node == nullptr) return;
    const uint64_t before = node->lookups.fetch_sub(std::min<uint64_t>(count, node->lookups));
    isUnused = before <= count && !node->isInTree();
  }
  if (!isUnused) return;
  const Exclusive lock(drive_.mutex());
  if (Node* node = drive_.tree().Get(id)) drive_.Forgotten(node);
}

void Session::ForgetMany(const Request& request) {
  const auto& in = request.As<fuse_batch_forget_in>();
  const auto* each = reinterpret_cast<const fuse_forget_one*>(request.body.data() + sizeof in);
  for (uint32_t at = 0; at < in.count; at++) Forget(each[at].nodeid, each[at].nlookup);
}

Node* Session::FreePlace(const Request& request, std::string_view name) {
  Node* parent = drive_.tree().Get(request.head->nodeid);
  int failure = 0;
  if (parent == nullptr || !parent->isInTree()) failure = -ENOENT;
  else if (!parent->isDirectory()) failure = -ENOTDIR;
  else if (name.empty()) failure = -EINVAL;
  else if (name.size() > kMaxNameBytes) failure = -ENAMETOOLONG;
  else if (drive_.options().isReadOnly) failure = -EROFS;
  else if (drive_.tree().Child(parent, name) != nullptr) failure = -EEXIST;
  if (failure == 0) return parent;
  ReplyError(request, failure);
  return nullptr;
}

void Session::MakeNode(const Request& request, std::string_view name, uint32_t mode, uint32_t rdev) {
  const Exclusive lock(drive_.mutex());
  if (IsOwn(request)) return ReplyMade(request, name);
  Node* parent = FreePlace(request, name);
  if (parent == nullptr) return;
  const bool isFile = S_ISREG(mode);
  Node* node = drive_.tree().Make(isFile ? Kind::kFile : Kind::kSpecial, static_cast<uint16_t>(mode));
  if (isFile) {
    node->state = State::kDirty;
  } else {
    node->specialType = static_cast<uint16_t>((mode & S_IFMT) >> 12);
    node->rdev = rdev;
  }
  drive_.tree().Attach(node, parent, name);
  if (isFile) drive_.Hint(node);
  drive_.Commit();
  ReplyEntry(request, node);
}

void Session::MakeDirectory(const Request& request) {
  const auto& in = request.As<fuse_mkdir_in>();
  const std::string_view name = request.NameAt(sizeof in);
  const Exclusive lock(drive_.mutex());
  if (IsOwn(request)) return ReplyMade(request, name);
  Node* parent = FreePlace(request, name);
  if (parent == nullptr) return;
  const uint32_t inherited = parent->mode & S_ISGID;
  Node* node = drive_.tree().Make(Kind::kDirectory, static_cast<uint16_t>(in.mode | inherited));
  drive_.tree().Attach(node, parent, name);
  drive_.Hint(node);
  drive_.Commit();
  ReplyEntry(request, node);
}

void Session::MakeLink(const Request& request) {
  const std::string_view name = request.NameAt(0);
  const std::string_view target = request.NameAt(name.size() + 1);
  const Exclusive lock(drive_.mutex());
  if (IsOwn(request)) return ReplyMade(request, name);
  Node* parent = FreePlace(request, name);
  if (parent == nullptr) return;
  if (!drive_.options().allowsLinks) return ReplyError(request, -EPERM);
  Node* node = drive_.tree().Make(Kind::kLink, 0777);
  node->SetTarget(target);
  drive_.tree().Attach(node, parent, name);
  drive_.Hint(node);
  drive_.Commit();
  ReplyEntry(request, node);
}

void Session::Create(const Request& request) {
  const auto& in = request.As<fuse_create_in>();
  const std::string_view name = request.NameAt(sizeof in);
  const Exclusive lock(drive_.mutex());
  Node* parent = drive_.tree().Get(request.head->nodeid);
  // Another program may have made it since the kernel looked.
  Node* node = parent == nullptr ? nullptr : drive_.tree().Child(parent, name);
  struct {
    fuse_entry_out entry;
    fuse_open_out open;
  } reply = {};
  if (node != nullptr && (in.flags & O_EXCL) == 0 && node->isFile()) {
    if (const int failed = Attach(node, in.flags, IsWriteOnly(in.flags), &reply.open)) return ReplyError(request, failed);
  } else {
    parent = FreePlace(request, name);
    if (parent == nullptr) return;
    node = drive_.tree().Make(Kind::kFile, static_cast<uint16_t>(in.mode));
    node->state = State::kDirty;
    File& file = drive_.FileOf(node);
    file.closed = Closed::kNever;
    file.isBegun = true;
    drive_.tree().Attach(node, parent, name);
    // Whoever makes a file is going to write it, with whatever mode it was opened.
    const uint32_t flags = (in.flags & ~static_cast<uint32_t>(O_ACCMODE)) | O_RDWR;
    if (const int failed = Attach(node, flags, IsWriteOnly(in.flags), &reply.open)) return ReplyError(request, failed);
    if ((in.flags & O_ACCMODE) == O_RDONLY) {
      file.writers--;
      drive_.EndWriting(node, file);
    }
  }
  drive_.Commit();
  FillEntry(node, &reply.entry);
  Reply(request, &reply, sizeof reply);
}

void Session::Unlink(const Request& request, bool isDirectory) {
  const std::string_view name = request.NameAt(0);
  const Exclusive lock(drive_.mutex());
  Node* parent = drive_.tree().Get(request.head->nodeid);
  if (IsOwn(request)) return ReplyError(request, parent != nullptr && IsRemovedByNotifier(parent, name) ? 0 : -ENOENT);
  Node* node = parent == nullptr ? nullptr : drive_.tree().Child(parent, name);
  if (node == nullptr) return ReplyError(request, -ENOENT);
  if (drive_.options().isReadOnly) return ReplyError(request, -EROFS);
  if (isDirectory != node->isDirectory()) return ReplyError(request, isDirectory ? -ENOTDIR : -EISDIR);
  if (isDirectory && node->directory->live > 0) return ReplyError(request, -ENOTEMPTY);
  drive_.Drop(node);
  drive_.Commit();
  ReplyError(request, 0);
}

void Session::Rename(const Request& request, uint64_t to, uint32_t flags, size_t skip) {
  const std::string_view oldName = request.NameAt(skip);
  const std::string_view newName = request.NameAt(skip + oldName.size() + 1);
  const Exclusive lock(drive_.mutex());
  Tree& tree = drive_.tree();
  if (IsOwn(request)) {
    const Node* moved = MovedByNotifier(request.head->nodeid, oldName);
    return ReplyError(request, moved != nullptr && moved == ExpectedByNotifier(to, newName) ? 0 : -ENOENT);
  }
  Node *from = tree.Get(request.head->nodeid), *into = tree.Get(to);
  Node* source = from == nullptr ? nullptr : tree.Child(from, oldName);
  if (source == nullptr || into == nullptr || !into->isInTree()) return ReplyError(request, -ENOENT);
  if (drive_.options().isReadOnly) return ReplyError(request, -EROFS);
  if (newName.size() > kMaxNameBytes) return ReplyError(request, -ENAMETOOLONG);
  if ((flags & ~(kNoReplace | kExchange)) != 0) return ReplyError(request, -EINVAL);
  Node* target = tree.Child(into, newName);
  for (const Node* at = into; at != nullptr; at = at->parent)
    if (at == source) return ReplyError(request, -EINVAL);
  if ((flags & kExchange) != 0) {
    if (target == nullptr) return ReplyError(request, -ENOENT);
    for (const Node* at = from; at != nullptr; at = at->parent)
      if (at == target) return ReplyError(request, -EINVAL);
    for (Node* moved : {source, target}) moved->flags = static_cast<uint16_t>(moved->flags & ~kPlaced);
    tree.Swap(source, target);
    drive_.Hint(source);
    drive_.Hint(target);
    drive_.Commit();
    TellOfRename(from->id, oldName);
    TellOfRename(into->id, newName);
    return ReplyError(request, 0);
  }
  if (target == source) return ReplyError(request, 0);
  if (target != nullptr) {
    if ((flags & kNoReplace) != 0) return ReplyError(request, -EEXIST);
    if (source->isDirectory() && !target->isDirectory()) return ReplyError(request, -ENOTDIR);
    if (!source->isDirectory() && target->isDirectory()) return ReplyError(request, -EISDIR);
    if (target->isDirectory() && target->directory->live > 0) return ReplyError(request, -ENOTEMPTY);
  }
  drive_.Hint(source);
  source->flags = static_cast<uint16_t>(source->flags & ~kPlaced);
  if (target != nullptr) {
    Inherit(source, target);
    drive_.Drop(target);
  }
  tree.Move(source, into, newName);
  drive_.Hint(source);
  drive_.Commit();
  TellOfRename(into->id, newName);
  ReplyError(request, 0);
}

void Session::ReadDirectory(const Request& request, bool isPlus) {
  const auto& in = request.As<fuse_read_in>();
  const Shared lock(drive_.mutex());
  Node* node = drive_.tree().Get(request.head->nodeid);
  if (node == nullptr) return ReplyError(request, -ESTALE);
  if (!node->isDirectory()) return ReplyError(request, -ENOTDIR);
  char* const start = request.reply + sizeof(fuse_out_header);
  const size_t room = std::min<size_t>(in.size, kMaxIo);
  size_t used = 0;
  // False: there is no room any more.
  const auto put = [&](Node* entry, uint64_t id, uint32_t type, std::string_view name, uint64_t cookie) {
    const size_t head = isPlus ? FUSE_NAME_OFFSET_DIRENTPLUS : FUSE_NAME_OFFSET;
    const size_t size = FUSE_DIRENT_ALIGN(head + name.size());
    if (used + size > room) return false;
    char* at = start + used;
    std::memset(at, 0, size);
    if (isPlus && entry != nullptr) FillEntry(entry, &reinterpret_cast<fuse_direntplus*>(at)->entry_out);
    fuse_dirent* dirent = isPlus ? &reinterpret_cast<fuse_direntplus*>(at)->dirent : reinterpret_cast<fuse_dirent*>(at);
    dirent->ino = id;
    dirent->off = cookie;
    dirent->namelen = static_cast<uint32_t>(name.size());
    dirent->type = type;
    std::memcpy(dirent->name, name.data(), name.size());
    used += size;
    return true;
  };
  const uint64_t parentId = node->parent == nullptr ? node->id : node->parent->id;
  bool hasRoom = true;
  if (in.offset < 1) hasRoom = put(nullptr, node->id, S_IFDIR >> 12, ".", 1);
  if (hasRoom && in.offset < 2) hasRoom = put(nullptr, parentId, S_IFDIR >> 12, "..", 2);
  const auto& slots = node->directory->slots;
  auto slot = std::upper_bound(slots.begin(), slots.end(), in.offset,
                               [](uint64_t wanted, const Directory::Slot& each) { return wanted < each.cookie; });
  const size_t namesAlone = isPlus ? habits_.NamesAlone(request.head->pid, in.offset == 0) : 0;
  size_t left = namesAlone;
  for (; hasRoom && slot != slots.end(); ++slot) {
    if (slot->node == nullptr) continue;
    // Directories are what whoever goes through a tree asks for next.
    const bool isNameAlone = left > 0 && !slot->node->isDirectory();
    if (isNameAlone) left--;
    Node* const entry = isNameAlone ? nullptr : slot->node;
    hasRoom = put(entry, slot->node->id, DirentType(*slot->node), slot->node->name(), slot->cookie);
  }
  if (left < namesAlone) habits_.Given(request.head->pid, node->id);
  ReplyInPlace(request, used);
}

}  // namespace ferry::fuse

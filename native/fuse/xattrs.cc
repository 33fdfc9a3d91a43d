// Requests about extended attributes: what the drive says of an entry (user.ferry.*), and what programs keep on it.
#include <sys/xattr.h>

#include <cerrno>

#include "kept-attributes.hh"
#include "session.hh"

namespace ferry::fuse {
namespace {

constexpr std::string_view kStateName = "user.ferry.state", kPinName = "user.ferry.pin",
                           kProgressName = "user.ferry.progress", kOwnPrefix = "user.ferry.", kUserPrefix = "user.";

/** Of one entry, all values and all names together; the kernel takes 64 KiB for one value, and for one list. */
constexpr size_t kMaxValueBytes = 64 * 1024, kMaxNameBytes = 32 * 1024;

bool BeginsWith(std::string_view name, std::string_view prefix) { return name.substr(0, prefix.size()) == prefix; }

bool IsPinnedByAny(const Node* node) {
  for (; node != nullptr; node = node->parent)
    if (node->has(kPinned)) return true;
  return false;
}

std::string StateOf(const Node& node) {
  if (node.mark == Mark::kConflict) return "conflict";
  if (node.state == State::kDirty) return node.mark == Mark::kUploading ? "uploading" : "dirty";
  if (node.isWhole()) return "local";
  return node.storedBytes() > 0 ? "partial" : "online";
}

std::string ProgressOf(const Node& node) {
  if (node.isWhole()) return "100";
  return std::to_string(node.size == 0 ? 100 : node.storedBytes() * 100 / node.size);
}

/** Returns a value of the drive's own; nothing: the entry has none of that name. */
std::optional<std::string> OwnValueOf(const Node* node, std::string_view name) {
  if (name == kPinName && IsPinnedByAny(node)) return "1";
  if (!node->isFile()) return std::nullopt;
  if (name == kStateName) return StateOf(*node);
  if (name == kProgressName) return ProgressOf(*node);
  return std::nullopt;
}

/** Returns 0, or the negative errno that a name which programs cannot keep is refused with. */
int MayBeKept(std::string_view name) {
  if (!BeginsWith(name, kUserPrefix)) return -EOPNOTSUPP;
  if (name == kUserPrefix) return -EINVAL;
  return BeginsWith(name, kOwnPrefix) ? -EPERM : 0;
}

bool HasRoomFor(std::string_view packed, const KeptAttribute& added) {
  size_t names = added.name.size() + 1, values = added.value.size();
  for (KeptAttribute each; TakeAttribute(&packed, &each);) {
    names += each.name.size() + 1;
    values += each.value.size();
  }
  return names <= kMaxNameBytes && values <= kMaxValueBytes;
}

}  // namespace

void Session::ReplyXattr(const Request& request, uint32_t room, std::string_view value) {
  if (room == 0) {
    fuse_getxattr_out reply = {};
    reply.size = static_cast<uint32_t>(value.size());
    return Reply(request, &reply, sizeof reply);
  }
  if (room < value.size()) return ReplyError(request, -ERANGE);
  Reply(request, value.data(), value.size());
}

void Session::GetXattr(const Request& request) {
  const auto& in = request.As<fuse_getxattr_in>();
  const std::string_view name = request.NameAt(sizeof in);
  // Whoever hears this of one file does not ask for it of the next: `ls -l` would, for access lists.
  if (!BeginsWith(name, kUserPrefix)) return ReplyError(request, -EOPNOTSUPP);
  const Shared lock(drive_.mutex());
  const Node* node = drive_.tree().Get(request.head->nodeid);
  if (node == nullptr) return ReplyError(request, -ESTALE);
  if (BeginsWith(name, kOwnPrefix)) {
    const std::optional<std::string> own = OwnValueOf(node, name);
    return own ? ReplyXattr(request, in.size, *own) : ReplyError(request, -ENODATA);
  }
  const std::optional<std::string_view> kept = FindAttribute(drive_.tree().AttributesOf(*node), name);
  kept ? ReplyXattr(request, in.size, *kept) : ReplyError(request, -ENODATA);
}

/** The drive's own are not listed: programs that copy all attributes of a file would carry its state along, and its pin. */
void Session::ListXattr(const Request& request) {
  const auto& in = request.As<fuse_getxattr_in>();
  std::string names;
  {
    const Shared lock(drive_.mutex());
    const Node* node = drive_.tree().Get(request.head->nodeid);
    if (node == nullptr) return ReplyError(request, -ESTALE);
    std::string_view kept = drive_.tree().AttributesOf(*node);
    for (KeptAttribute each; TakeAttribute(&kept, &each);) names.append(each.name).append(1, '\0');
  }
  ReplyXattr(request, in.size, names);
}

void Session::SetXattr(const Request& request) {
  const bool isRemoval = request.head->opcode == FUSE_REMOVEXATTR;
  // Without FUSE_SETXATTR_EXT the kernel sends the structure's first eight bytes only.
  const size_t skip = isRemoval ? 0 : FUSE_COMPAT_SETXATTR_IN_SIZE;
  const std::string_view name = request.NameAt(skip);
  const std::string_view value = isRemoval ? std::string_view() : request.body.substr(skip + name.size() + 1);
  if (name != kPinName)
    return ReplyError(request, isRemoval ? RemoveKept(request, name)
                                         : Keep(request, {name, value}, request.As<fuse_setxattr_in>().flags));
  if (!isRemoval && value != "0" && value != "1" && !value.empty()) return ReplyError(request, -EINVAL);
  ReplyError(request, drive_.SetPinned(request.head->nodeid, value == "1") ? 0 : -ENODATA);
}

/** Changes what programs keep on an entry; `change` gets it packed, and returns 0 or a negative errno. */
template <typename Change>
int Session::ChangeKept(const Request& request, std::string_view name, Change change) {
  if (const int refused = MayBeKept(name)) return refused;
  const Exclusive lock(drive_.mutex());
  Tree& tree = drive_.tree();
  Node* node = tree.Get(request.head->nodeid);
  if (node == nullptr) return -ESTALE;
  if (drive_.options().isReadOnly) return -EROFS;
  std::string packed(tree.AttributesOf(*node));
  if (const int refused = change(&packed)) return refused;
  // They are this device's: sync hears nothing of it, and the version stays.
  tree.KeepAttributes(node, std::move(packed));
  node->ctimeNs = NowNs();
  tree.Changed(node);
  drive_.Commit();
  return 0;
}

int Session::Keep(const Request& request, const KeptAttribute& attribute, uint32_t flags) {
  return ChangeKept(request, attribute.name, [&](std::string* packed) {
    const bool isThere = FindAttribute(*packed, attribute.name).has_value();
    if (isThere && (flags & XATTR_CREATE) != 0) return -EEXIST;
    if (!isThere && (flags & XATTR_REPLACE) != 0) return -ENODATA;
    std::string after = WithoutAttribute(*packed, attribute.name);
    if (!HasRoomFor(after, attribute)) return -ENOSPC;
    AppendAttribute(attribute, &after);
    packed->swap(after);
    return 0;
  });
}

int Session::RemoveKept(const Request& request, std::string_view name) {
  return ChangeKept(request, name, [&](std::string* packed) {
    if (!FindAttribute(*packed, name)) return -ENODATA;
    std::string after = WithoutAttribute(*packed, name);
    packed->swap(after);
    return 0;
  });
}

}  // namespace ferry::fuse

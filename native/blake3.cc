#include "blake3.hh"

#include <algorithm>
#include <cstring>

#include "vector-bits.hh"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are loaded as they lie in memory");

namespace ferry {

namespace {

constexpr size_t kLeafBytes = 1024;
constexpr size_t kBlockBytes = 64;
/** The largest subtree that is hashed in one step: its nodes fit the second-level cache. */
constexpr size_t kMaxSubtreeLeaves = 1024;
/** Longer pieces are hashed one after the other: they fill the lanes alone. */
constexpr size_t kLongPieceBytes = 1024 * 1024;

constexpr uint32_t kLeafStart = 1, kLeafEnd = 2, kParent = 4, kRoot = 8;

constexpr uint32_t kInitial[8] = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                                  0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};

/** Which word of the block each round mixes in. */
constexpr uint8_t kSchedule[7][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
    {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1}, {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
    {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4}, {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
    {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13}};

/** A leaf of 1 to 16 blocks, or a parent of one. */
struct Node {
  const uint8_t* bytes;
  /** Its last block, filled up with zeros. */
  const uint8_t* last;
  uint32_t blocks, lastBytes;
  uint64_t counter;
  uint32_t flags, firstFlags, lastFlags;
  uint8_t* out;
};

#define LANES 4
namespace baseline4 {
#include "blake3-lanes.inc"
}
#undef LANES

#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx2")
#define LANES 8
#define ROTATES_BYTES
namespace avx2x8 {
#include "blake3-lanes.inc"
}
#undef ROTATES_BYTES
#undef LANES
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f,avx512vl")
#define LANES 4
namespace avx512x4 {
#include "blake3-lanes.inc"
}
#undef LANES
#define LANES 8
namespace avx512x8 {
#include "blake3-lanes.inc"
}
#undef LANES
#define LANES 16
namespace avx512x16 {
#include "blake3-lanes.inc"
}
#undef LANES
#pragma GCC pop_options
#endif

using Compress = void (*)(const Node*, size_t);

/** What this processor has: the kernels for up to 4, 8 and 16 nodes, and how many nodes fill the widest. */
struct Kernels {
  Compress four, eight, sixteen;
  size_t widest;
};

Kernels ChooseKernels() {
#if defined(__x86_64__)
  if (AllowsVectorBits(512) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))
    return {avx512x4::CompressNodes, avx512x8::CompressNodes, avx512x16::CompressNodes, 16};
  if (AllowsVectorBits(256) && __builtin_cpu_supports("avx2"))
    return {baseline4::CompressNodes, avx2x8::CompressNodes, nullptr, 8};
#endif
  return {baseline4::CompressNodes, nullptr, nullptr, 4};
}

const Kernels kKernels = ChooseKernels();

/** Gathers nodes until a kernel is full. */
class Lanes {
 public:
  ~Lanes() { Flush(); }

  void Leaf(const uint8_t* bytes, size_t length, uint64_t counter, uint32_t rootFlag, uint8_t* out) {
    Node& node = nodes_[count_];
    node.blocks = length == 0 ? 1 : static_cast<uint32_t>((length + kBlockBytes - 1) / kBlockBytes);
    const size_t start = (node.blocks - 1) * kBlockBytes;
    node.bytes = bytes;
    node.lastBytes = static_cast<uint32_t>(length - start);
    node.last = node.lastBytes == kBlockBytes ? bytes + start : Padded(bytes + start, node.lastBytes);
    node.counter = counter;
    node.flags = 0;
    node.firstFlags = kLeafStart;
    node.lastFlags = kLeafEnd | rootFlag;
    node.out = out;
    Added();
  }

  void Parent(const Hash* children, uint32_t rootFlag, uint8_t* out) {
    const uint8_t* bytes = children->data();
    nodes_[count_] = {bytes, bytes, 1, kBlockBytes, 0, kParent | rootFlag, 0, 0, out};
    Added();
  }

  void Flush() {
    if (count_ == 0) return;
    if (count_ <= 4) kKernels.four(nodes_, count_);
    else if (count_ <= 8) kKernels.eight(nodes_, count_);
    else kKernels.sixteen(nodes_, count_);
    count_ = 0;
  }

 private:
  const uint8_t* Padded(const uint8_t* bytes, size_t length) {
    uint8_t* block = padded_[count_];
    std::memset(block, 0, kBlockBytes);
    if (length > 0) std::memcpy(block, bytes, length);
    return block;
  }

  void Added() {
    if (++count_ == kKernels.widest) Flush();
  }

  Node nodes_[16];
  uint8_t padded_[16][kBlockBytes];
  size_t count_ = 0;
};

/** Reduces `count` > 1 nodes to the two children of their root; returns with fewer steps when there are two already. */
void ReduceToTwo(Hash* nodes, size_t count) {
  for (; count > 2; count /= 2) {
    Lanes lanes;
    for (size_t i = 0; i < count / 2; i++) lanes.Parent(&nodes[2 * i], 0, nodes[i].data());
  }
}

/** A tree of HashEach: `count` nodes from `first` on are left of it. */
struct Tree {
  size_t first, count;
  Hash* out;
};

size_t LeavesOf(size_t length) { return length == 0 ? 1 : (length + kLeafBytes - 1) / kLeafBytes; }

/** One level up in all trees; returns whether any is not at its root yet. */
bool Climb(std::vector<Tree>& trees, std::vector<Hash>& nodes) {
  {
    Lanes lanes;
    for (const Tree& tree : trees) {
      Hash* own = &nodes[tree.first];
      if (tree.count == 2) lanes.Parent(own, kRoot, tree.out->data());
      else
        for (size_t i = 0; i < tree.count / 2; i++) lanes.Parent(&own[2 * i], 0, own[i].data());
    }
  }
  bool isMore = false;
  for (Tree& tree : trees) {
    // Only now: until the lanes were flushed, the place was still to be read.
    if (tree.count % 2 == 1) nodes[tree.first + tree.count / 2] = nodes[tree.first + tree.count - 1];
    tree.count = tree.count <= 2 ? 0 : (tree.count + 1) / 2;
    isMore = isMore || tree.count > 0;
  }
  return isMore;
}

}  // namespace

void HashEach(const Piece* pieces, size_t count, Hash* out) {
  std::vector<Tree> trees;
  size_t total = 0;
  for (size_t i = 0; i < count; i++) {
    if (pieces[i].length > kLongPieceBytes) {
      Hasher hasher;
      hasher.Update(pieces[i].bytes, pieces[i].length);
      out[i] = hasher.Finish();
    } else if (pieces[i].length > kLeafBytes) {
      trees.push_back({total, LeavesOf(pieces[i].length), &out[i]});
      total += trees.back().count;
    }
  }
  std::vector<Hash> nodes(total);
  {
    Lanes lanes;
    size_t next = 0;
    for (size_t i = 0; i < count; i++) {
      const auto [bytes, length] = pieces[i];
      if (length > kLongPieceBytes) continue;
      if (length <= kLeafBytes) lanes.Leaf(bytes, length, 0, kRoot, out[i].data());
      else
        for (size_t at = 0; at < length; at += kLeafBytes)
          lanes.Leaf(bytes + at, std::min(kLeafBytes, length - at), at / kLeafBytes, 0, nodes[next++].data());
    }
  }
  while (!trees.empty() && Climb(trees, nodes)) continue;
}

void Hasher::Update(const uint8_t* bytes, size_t length) {
  if (tailBytes_ > 0) {
    const size_t taken = std::min(length, kLeafBytes - tailBytes_);
    std::memcpy(tail_ + tailBytes_, bytes, taken);
    tailBytes_ += taken;
    bytes += taken;
    length -= taken;
    // A full tail may still be the last leaf, which ends differently when it is the only one.
    if (length == 0) return;
    AddSubtree(tail_, 1);
    tailBytes_ = 0;
  }
  while (length > kLeafBytes) {
    size_t leaves = kMaxSubtreeLeaves;
    // A subtree lies at a multiple of its size.
    while (leaves * kLeafBytes > length || leaves_ % leaves != 0) leaves /= 2;
    AddSubtree(bytes, leaves);
    bytes += leaves * kLeafBytes;
    length -= leaves * kLeafBytes;
  }
  if (length == 0) return;
  MergeFinished();
  std::memcpy(tail_, bytes, length);
  tailBytes_ = length;
}

void Hasher::AddSubtree(const uint8_t* bytes, size_t leaves) {
  scratch_.resize(std::max(scratch_.size(), leaves));
  {
    Lanes lanes;
    for (size_t i = 0; i < leaves; i++)
      lanes.Leaf(bytes + i * kLeafBytes, kLeafBytes, leaves_ + i, 0, scratch_[i].data());
  }
  if (leaves > 1) ReduceToTwo(scratch_.data(), leaves);
  // Both halves are kept apart: together they may be the whole, and its root ends differently.
  const size_t nodes = std::min<size_t>(leaves, 2);
  for (size_t i = 0; i < nodes; i++) {
    Push(scratch_[i]);
    leaves_ += leaves / nodes;
  }
}

void Hasher::Push(const Hash& node) {
  MergeFinished();
  stack_.push_back(node);
}

void Hasher::MergeFinished() {
  const size_t left = static_cast<size_t>(__builtin_popcountll(leaves_));
  while (stack_.size() > left) {
    Hash merged;
    {
      Lanes lanes;
      lanes.Parent(&stack_[stack_.size() - 2], 0, merged.data());
    }
    stack_.pop_back();
    stack_.back() = merged;
  }
}

Hash Hasher::Finish() const {
  Hash pair[2];
  size_t left = stack_.size();
  if (tailBytes_ > 0 || left == 0) {
    Lanes lanes;
    lanes.Leaf(tail_, tailBytes_, leaves_, left == 0 ? kRoot : 0, pair[1].data());
  } else {
    pair[1] = stack_[--left];
  }
  while (left > 0) {
    pair[0] = stack_[--left];
    Hash parent;
    {
      Lanes lanes;
      lanes.Parent(pair, left == 0 ? kRoot : 0, parent.data());
    }
    pair[1] = parent;
  }
  return pair[1];
}

}  // namespace ferry

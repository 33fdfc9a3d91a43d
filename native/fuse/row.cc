#include "row.hh"

#include <array>
#include <cstring>
#include <utility>

namespace ferry::fuse {
namespace {

constexpr size_t kRowBytes = 112, kRemovedBytes = 24;

template <typename Number>
Number Get(std::string_view bytes, size_t at) {
  Number value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

template <typename Number>
void Put(std::string* bytes, size_t at, Number value) {
  std::memcpy(bytes->data() + at, &value, sizeof value);
}

constexpr auto kTables = [] {
  std::array<std::array<uint32_t, 256>, 8> tables{};
  for (uint32_t byte = 0; byte < 256; byte++) {
    uint32_t value = byte;
    for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320U : 0U);
    tables[0][byte] = value;
  }
  for (uint32_t byte = 0; byte < 256; byte++)
    for (size_t table = 1; table < 8; table++)
      tables[table][byte] = (tables[table - 1][byte] >> 8) ^ tables[0][tables[table - 1][byte] & 0xff];
  return tables;
}();

}  // namespace

uint32_t Crc32(std::string_view bytes) {
  uint32_t crc = ~0U;
  const auto* at = reinterpret_cast<const uint8_t*>(bytes.data());
  size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    uint32_t low, high;
    std::memcpy(&low, at, 4);
    std::memcpy(&high, at + 4, 4);
    low ^= crc;
    crc = kTables[7][low & 0xff] ^ kTables[6][(low >> 8) & 0xff] ^ kTables[5][(low >> 16) & 0xff] ^
          kTables[4][low >> 24] ^ kTables[3][high & 0xff] ^ kTables[2][(high >> 8) & 0xff] ^
          kTables[1][(high >> 16) & 0xff] ^ kTables[0][high >> 24];
  }
  for (; left > 0; left--, at++) crc = (crc >> 8) ^ kTables[0][(crc ^ *at) & 0xff];
  return ~crc;
}

bool TakeRow(std::string_view* bytes, Row* row) {
  if (bytes->size() < kRemovedBytes) return false;
  const uint32_t length = Get<uint32_t>(*bytes, 0);
  if (length < kRemovedBytes || length > bytes->size()) return false;
  const std::string_view own = bytes->substr(0, length);
  *row = Row();
  row->kind = Get<uint8_t>(own, 4);
  row->id = Get<uint64_t>(own, 16);
  if (row->kind != kRemoved) {
    if (length < kRowBytes || row->kind > 3) return false;
    row->state = Get<uint8_t>(own, 5);
    row->flags = Get<uint16_t>(own, 6);
    row->mode = Get<uint16_t>(own, 8) & 07777;
    row->rdev = Get<uint32_t>(own, 12);
    row->parent = Get<uint64_t>(own, 24);
    row->identity = Get<uint64_t>(own, 32);
    row->counter = Get<uint64_t>(own, 40);
    row->mtimeNs = Get<int64_t>(own, 48);
    row->ctimeNs = Get<int64_t>(own, 56);
    row->atimeNs = Get<int64_t>(own, 64);
    row->size = Get<uint64_t>(own, 72);
    row->backing = Get<uint64_t>(own, 80);
    row->stampNs = Get<int64_t>(own, 88);
    row->specialType = Get<uint32_t>(own, 108);
    const uint64_t name = Get<uint16_t>(own, 10), hash = (row->flags & kHasHash) != 0 ? kHashBytes : 0;
    const uint64_t source = Get<uint32_t>(own, 96), target = Get<uint32_t>(own, 100), map = Get<uint32_t>(own, 104);
    if (row->state > 2) return false;
    const uint64_t fixed = kRowBytes + name + hash + source + target + map;
    uint64_t attributes = 0;
    if ((row->flags & kHasAttributes) != 0) {
      if (length < fixed + sizeof(uint32_t)) return false;
      attributes = sizeof(uint32_t) + uint64_t{Get<uint32_t>(own, fixed)};
      row->attributes = own.substr(fixed + sizeof(uint32_t));
    }
    if (fixed + attributes != length) return false;
    size_t at = kRowBytes;
    const std::pair<std::string_view*, uint64_t> texts[] = {
        {&row->name, name}, {&row->hash, hash}, {&row->source, source}, {&row->target, target}, {&row->map, map}};
    for (const auto& [text, size] : texts) {
      *text = own.substr(at, size);
      at += size;
    }
  }
  bytes->remove_prefix(length);
  return true;
}

void PutRow(const Node& node, std::string* rows, bool withMap, std::string_view attributes) {
  const bool isLink = node.kind == Kind::kLink;
  const std::string_view source = isLink ? std::string_view() : node.source();
  const std::string_view target = isLink ? node.source() : std::string_view();
  std::string map;
  if (withMap && node.isFile() && node.state == State::kPlaceholder && node.file != nullptr) map = node.file->present.Save();
  const size_t start = rows->size();
  const size_t length = kRowBytes + node.name().size() + node.hash().size() + source.size() + target.size() + map.size() +
                        (attributes.empty() ? 0 : sizeof(uint32_t) + attributes.size());
  const int flags = (node.flags & ~kHasAttributes) | (attributes.empty() ? 0 : kHasAttributes);
  rows->reserve(start + length);
  rows->append(kRowBytes, '\0');
  Put<uint32_t>(rows, start, static_cast<uint32_t>(length));
  Put<uint8_t>(rows, start + 4, static_cast<uint8_t>(node.kind));
  Put<uint8_t>(rows, start + 5, static_cast<uint8_t>(node.state));
  Put<uint16_t>(rows, start + 6, static_cast<uint16_t>(flags));
  Put<uint16_t>(rows, start + 8, node.mode);
  Put<uint16_t>(rows, start + 10, static_cast<uint16_t>(node.name().size()));
  Put<uint32_t>(rows, start + 12, node.rdev);
  Put<uint64_t>(rows, start + 16, node.id);
  Put<uint64_t>(rows, start + 24, node.parent == nullptr ? 0 : node.parent->id);
  Put<uint64_t>(rows, start + 32, node.identity);
  Put<uint64_t>(rows, start + 40, node.counter);
  Put<int64_t>(rows, start + 48, node.mtimeNs);
  Put<int64_t>(rows, start + 56, node.ctimeNs);
  Put<int64_t>(rows, start + 64, node.atimeNs);
  Put<uint64_t>(rows, start + 72, node.size);
  Put<uint64_t>(rows, start + 80, node.backing);
  Put<int64_t>(rows, start + 88, node.stampNs);
  Put<uint32_t>(rows, start + 96, static_cast<uint32_t>(source.size()));
  Put<uint32_t>(rows, start + 100, static_cast<uint32_t>(target.size()));
  Put<uint32_t>(rows, start + 104, static_cast<uint32_t>(map.size()));
  Put<uint32_t>(rows, start + 108, static_cast<uint32_t>(node.specialType) << 12);
  rows->append(node.name()).append(node.hash()).append(source).append(target).append(map);
  if (attributes.empty()) return;
  rows->append(sizeof(uint32_t), '\0');
  Put<uint32_t>(rows, rows->size() - sizeof(uint32_t), static_cast<uint32_t>(attributes.size()));
  rows->append(attributes);
}

void PutRemoved(uint64_t id, std::string* rows) {
  const size_t start = rows->size();
  rows->append(kRemovedBytes, '\0');
  Put<uint32_t>(rows, start, kRemovedBytes);
  Put<uint8_t>(rows, start + 4, kRemoved);
  Put<uint64_t>(rows, start + 16, id);
}

void PutPresence(const Node& node, std::string* bytes) {
  const size_t start = bytes->size();
  bytes->append(64, '\0');
  Put<uint64_t>(bytes, start, node.storedBytes());
  Put<uint8_t>(bytes, start + 8, node.isInTree() ? 1 : 0);
  Put<int64_t>(bytes, start + 48, int64_t{node.usedAtS} * 1'000'000'000);
  if (node.file == nullptr) return;
  const File& file = *node.file;
  Put<uint8_t>(bytes, start + 9, static_cast<uint8_t>(file.closed));
  Put<uint8_t>(bytes, start + 10, file.isPassthrough ? 1 : 0);
  Put<uint32_t>(bytes, start + 16, file.handles);
  Put<uint32_t>(bytes, start + 20, file.writers);
  Put<uint64_t>(bytes, start + 24, file.closedCounter);
  Put<uint64_t>(bytes, start + 32, file.closedSize);
  Put<int64_t>(bytes, start + 40, file.closedMtimeNs);
  if (file.usedAtNs > 0) Put<int64_t>(bytes, start + 48, file.usedAtNs);
  Put<uint64_t>(bytes, start + 56, file.generation);
}

}  // namespace ferry::fuse

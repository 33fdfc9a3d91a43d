#include "kept-attributes.hh"

#include <cstring>

namespace ferry::fuse {
namespace {

constexpr size_t kHeadBytes = sizeof(uint16_t) + sizeof(uint32_t);

}  // namespace

bool TakeAttribute(std::string_view* packed, KeptAttribute* attribute) {
  if (packed->size() < kHeadBytes) return false;
  uint16_t name;
  uint32_t value;
  std::memcpy(&name, packed->data(), sizeof name);
  std::memcpy(&value, packed->data() + sizeof name, sizeof value);
  if (packed->size() - kHeadBytes < uint64_t{name} + value) return false;
  attribute->name = packed->substr(kHeadBytes, name);
  attribute->value = packed->substr(kHeadBytes + name, value);
  packed->remove_prefix(kHeadBytes + name + value);
  return true;
}

std::optional<std::string_view> FindAttribute(std::string_view packed, std::string_view name) {
  for (KeptAttribute each; TakeAttribute(&packed, &each);)
    if (each.name == name) return each.value;
  return std::nullopt;
}

std::string WithoutAttribute(std::string_view packed, std::string_view name) {
  std::string rest;
  rest.reserve(packed.size());
  for (KeptAttribute each; TakeAttribute(&packed, &each);)
    if (each.name != name) AppendAttribute(each, &rest);
  return rest;
}

void AppendAttribute(const KeptAttribute& attribute, std::string* packed) {
  const auto name = static_cast<uint16_t>(attribute.name.size());
  const auto value = static_cast<uint32_t>(attribute.value.size());
  packed->append(reinterpret_cast<const char*>(&name), sizeof name);
  packed->append(reinterpret_cast<const char*>(&value), sizeof value);
  packed->append(attribute.name).append(attribute.value);
}

}  // namespace ferry::fuse

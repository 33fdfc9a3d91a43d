// The extended attributes that programs keep on an entry, as they lie in its row: of each the u16 length of the name, the
// u32 length of the value, the name and the value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ferry::fuse {

/** An attribute; the texts are parts of what it was read from. */
struct KeptAttribute {
  std::string_view name, value;
};

/** Reads the attribute at the beginning of `packed` and takes it off; false: there is none, or these bytes are none. */
bool TakeAttribute(std::string_view* packed, KeptAttribute* attribute);

/** Returns the value of that name. */
std::optional<std::string_view> FindAttribute(std::string_view packed, std::string_view name);

/** Returns all attributes but the one of that name. */
std::string WithoutAttribute(std::string_view packed, std::string_view name);

void AppendAttribute(const KeptAttribute& attribute, std::string* packed);

}  // namespace ferry::fuse

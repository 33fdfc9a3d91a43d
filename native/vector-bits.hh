// Which of a processor's vectors are used.
#pragma once

#include <cstdlib>

namespace ferry {

/** FERRY_VECTOR_BITS limits them, so that the code for other processors can be tested on this one. */
inline bool AllowsVectorBits(int bits) {
  const char* limit = std::getenv("FERRY_VECTOR_BITS");
  return limit == nullptr || std::atoi(limit) >= bits;
}

}  // namespace ferry

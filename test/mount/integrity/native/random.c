#include "checker.h"

static uint64_t state;

void seed_random(uint64_t seed) { state = seed; }

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators) */
static uint64_t next_random(void) {
  uint64_t mixed = state += 0x9e3779b97f4a7c15u;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
  return mixed ^ (mixed >> 31);
}

uint32_t below(uint32_t limit) { return limit < 2 ? 0 : (uint32_t)(next_random() % limit); }

bool chance(uint32_t one_in) { return below(one_in) == 0; }

size_t random_length(size_t limit) {
  if (limit < 2) return limit;
  unsigned bits = 0;
  while ((size_t)1 << bits < limit) bits++;
  const size_t length = 1 + below(1u << (1 + below(bits)));
  return length > limit ? limit : length;
}

size_t random_offset(size_t limit, size_t end) {
  size_t offset = below((uint32_t)limit + 1);
  switch (below(6)) {
    case 0: offset -= offset % PAGE; break;
    case 1: offset -= offset % BLOCK; break;
    case 2: offset = offset - offset % BLOCK + below(5) - 2; break;
    case 3: offset = end + below(5) - 2; break;
    case 4: offset = below((uint32_t)end + 1); break;
    default: break;
  }
  /* One less than nothing wraps round, and is too large. */
  return offset > limit ? 0 : offset;
}

void generate(uint32_t seed, size_t offset, uint8_t *target, size_t length) {
  uint32_t word = 0;
  for (size_t at = 0; at < length; at++) {
    const size_t place = offset + at;
    if (at == 0 || place % 4 == 0) {
      word = (uint32_t)(place / 4) * 0x9e3779b1u + seed * 0x85ebca77u;
      word = (word ^ (word >> 15)) * 0xc2b2ae3du;
      word ^= word >> 13;
    }
    target[at] = (uint8_t)(word >> (place % 4 * 8));
  }
}

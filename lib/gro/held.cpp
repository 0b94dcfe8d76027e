// SPDX-License-Identifier: BSD-3-Clause
// The table of held packets. Called by gro.cpp.
// Clauses: receive_path E11, E12, X18.
#include <millrace/gro/held.hpp>

#include <millrace/base/assert.hpp>
#include <millrace/base/words.hpp>

#include <bit>

namespace millrace::gro {

bool same_addresses(const Held& held, const Segment& segment) {
  if ((held.link & ~narrow) != segment.link || held.family != segment.family) return false;
  const std::uint8_t* a = held.addresses();
  const std::uint8_t* b = segment.addresses();
  std::uint64_t differ = load64(a) ^ load64(b);
  if (held.family == 6) {
    for (int i = 8; i < 32; i += 8) differ |= load64(a + i) ^ load64(b + i);
  }
  return differ == 0;
}

bool same_flow(const Held& held, const Segment& segment) {
  return load32(held.l4()) == load32(segment.l4()) && same_addresses(held, segment);
}

void HeldTable::reshape(std::uint16_t sets, std::uint16_t ways) {
  MR_ASSERT(empty() && std::has_single_bit(sets) && std::has_single_bit(ways) && sets * ways <= capacity);
  first_mask_ = static_cast<std::uint16_t>((sets - 1) * ways);
  ways_ = ways;
}

Held* HeldTable::find(std::uint64_t hash, const Segment& segment) {
  const std::size_t first = first_way(hash);
  const std::uint32_t tag = tag_of(hash);
  for (std::size_t i = first; i < first + ways(); ++i) {
    if (tags_[i] == tag && same_flow(entries_[i], segment)) return &entries_[i];
  }
  return nullptr;
}

Held* HeldTable::insert(std::uint64_t hash) {
  std::size_t i = first_way(hash);
  for (const std::size_t end = i + ways(); tags_[i] != 0;) {
    if (++i == end) return nullptr;
  }
  return &insert_at(i, hash);
}

}  // namespace millrace::gro

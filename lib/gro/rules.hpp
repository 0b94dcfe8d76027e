// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/gro/held.hpp>

namespace millrace::gro {

/// Whether a candidate of the held packet's flow may be joined to it: receive_path E4, E6, E7, E8 in full. `max_size`
/// is what the merged packet must stay below, IP header included.
[[nodiscard]] bool may_join(const Held& held, const Segment& segment, const pkt::Mbuf& mbuf, std::uint32_t max_size);

/// Whether nothing may follow the segment in a packet (E9): it has a flag that the stack must see at once, or is
/// shorter than `mss`.
[[nodiscard]] bool is_last(const Segment& segment, std::uint16_t mss);

/// Whether an unmerged candidate is to be held (E9): it has payload, of whole segments, and nothing that the stack
/// must see at once.
[[nodiscard]] bool may_begin(const Segment& segment);

/// Makes the headers and Meta of a merged packet fit its contents (E13); leaves a packet of one segment untouched.
void finish(Held& held);

}  // namespace millrace::gro

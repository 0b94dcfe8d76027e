// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>

namespace millrace::gro {

/// On the lcore that reads it: sums the segments of a packet that another lcore merged on headers alone
/// (ChecksumVerdict::by_segment), each once (receive_path X21). Appends to `out`, in order, what GRO would have made of them
/// had it summed them: the packet, finished, with verdict `good`; or, where sums are wrong, the runs between the wrong
/// segments, and each of those alone, as it came, with verdict `bad`. Counts gro.checksum_computed and gro.checksum_bad.
void verify(Env& env, pkt::Packet packet, pkt::PacketList& out);

}  // namespace millrace::gro

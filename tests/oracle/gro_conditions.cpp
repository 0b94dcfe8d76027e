// SPDX-License-Identifier: BSD-3-Clause
// What a long enough run has to meet: every condition of D10, E4-E14, X18 and X19, on both sides. A name with "=" is one
// under which GRO merges or leaves alone what it holds; the others keep a packet out, for that reason alone.
#include "tests/oracle/gro_run.hpp"

namespace millrace::oracle {
namespace {

/// Frames that pass alone: with nothing held that would have to go first, and behind what is held.
const std::vector<std::string> alone{
    "E5 fragment offset", "E5 more fragments", "E5 header checksum bad", "E5 header checksum bad, says the port", "E5 options", "E5 padding",
    "E5 truncated", "E5 reserved fragment bit", "E5 header length below 20", "E5 version", "E7 version", "E7 fragment", "E7 padding",
    "E7 truncated", "E7 extension headers without an end", "E10 bad, says the port", "E10 computed wrong", "X18 TCP header not whole",
};

/// Numbers that may be off in both directions, by one or by more.
const std::vector<std::string> sides{"E6 TTL", "E6 ID", "E7 hop limit", "E8 window", "E8 acknowledgement", "E8 sequence"};

const std::vector<std::string> single{
    "E4 destination MAC", "E4 source MAC", "E4 tag in the frame", "E4 tag that the port took off", "E4 hash of the port",
    "E4 = tag in the frame", "E4 = tag that the port took off", "E4 = hash of the port", "E4 = another interface", "E4 = another VLAN",
    "E5 another protocol", "E5 no flow can be read",
    "E6 TOS", "E6 DF set", "E6 DF clear", "E6 ID stands still after counting", "E6 ID counts after standing still",
    "E6 = ID counts", "E6 = ID counts across 65535", "E6 = ID stands still, DF", "E6 = ID stands still, no DF",
    "E6 = another source", "E6 = another destination",
    "E7 flow label", "E7 traffic class", "E7 extension headers, more or fewer", "E7 extension headers, other bytes",
    "E7 = IPv6", "E7 = extension headers", "E7 = another source", "E7 = another destination",
    "E8 CWR on the new", "E8 CWR on the held", "E8 CWR on both", "E8 header length", "E8 options", "E8 urgent pointer",
    "E8 reserved bit 4", "E8 reserved bit 5", "E8 reserved bit 6", "E8 AE", "E8 ECE", "E8 URG", "E8 ACK", "E8 RST", "E8 SYN",
    "E8 no payload", "E8 longer than mss by 1", "E8 longer than mss", "E8 size is gro_max_size", "E8 size above gro_max_size",
    "E8 merged input of another mss",
    "E8 = mss", "E8 = mss less 1", "E8 = 1 byte", "E8 = options", "E8 = sequence across 2^32", "E8 = size is gro_max_size less 1",
    "E8 = merged input", "E8 = a segment on merged input", "E8 = another source port", "E8 = another destination port",
    "E9 = PSH", "E9 = FIN", "E9 not held: URG", "E9 not held: PSH", "E9 not held: RST", "E9 not held: SYN", "E9 not held: FIN",
    "E9 not held: no payload", "E9 not held: merged input with a short tail",
    "E10 = good", "E10 = partial", "E10 = computed",
    "E13 merged", "E13 one frame, untouched", "E14 the batch is full",
    "D10 an earlier tick", "D10 this tick", "D10 a tick above 1 ms",
    "X18 several held packets between its addresses", "X19 kept", "X19 idle", "X19 its tick is over",
};

}  // namespace

const std::vector<std::string>& all_conditions() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> names = single;
    for (const std::string& name : alone) {
      names.push_back(name);
      names.push_back(name + ", behind held ones");
    }
    for (const std::string& name : sides)
      for (const char* side : {" lower", " lower by 1", " higher", " higher by 1"}) names.push_back(name + side);
    return names;
  }();
  return all;
}

}  // namespace millrace::oracle

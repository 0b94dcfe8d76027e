// SPDX-License-Identifier: BSD-3-Clause
// What is known of drivers beyond their own word. Called by Device while it negotiates.
#include "drivers/ethdev/profile.hpp"

namespace millrace::ethdev {
namespace {

// The driver marks itself for a reset then, and raises no event (ena_com_rx_pkt(), ena_tx_cleanup(): 22.11, 24.11).
constexpr CounterCause ena_fatal[] = {{"bad_req_id", "bad_req_id"}, {"bad_desc_num", "bad_desc_num"}};
constexpr CounterCause ena_reset[] = {{"wd_expired", "keepalive"}, {"missed_tx", "tx_timeout"}};
// What the instance's size allows has been used up: frames were queued or dropped outside.
constexpr CounterCause ena_warned[] = {{"bw_in_allowance_exceeded", "inbound bandwidth"},
                                       {"bw_out_allowance_exceeded", "outbound bandwidth"},
                                       {"pps_allowance_exceeded", "packets per second"},
                                       {"conntrack_allowance_exceeded", "tracked connections"},
                                       {"linklocal_allowance_exceeded", "packets to local services"}};

constexpr Profile profiles[] = {
    // Its tx checksum is wrong when a segment but the last has an odd length (22.11.11), and its rx verdict says
    // NONE for a UDP datagram without checksum, IPv6 included. The MAC is that of the kernel's interface.
    {.driver = "net_tap",
     .software_checksums = true,
     .equal_queues = true,
     .announces_peer_mac = true,
     .ring_holds_one_frame = true},
    {.driver = "net_vhost", .scatters_unasked = true},
    // virtio_xmit_pkts_prepare(): a VLAN tag to be inserted, which we ask of no device, and the sum (22.11, 24.11). Sent buffers
    // that come back late, many at once, overflow the pool's cache: its buffers then go round, all of them cold.
    {.driver = "net_virtio", .sent_kept = 64, .prepares_sums_only = true},
    {.driver = "net_virtio_user", .sent_kept = 64, .prepares_sums_only = true},
    // Link events come by the AENQ, and only with intr_conf.lsc. eth_ena_prep_pkts() refuses TSO of IPv6, and looks at no chain
    // without offloads: beyond 17 entries ena_tx_map_mbuf() writes behind its array (22.11).
    {.driver = "net_ena", .most_tx_buffers = 16, .cuts_v4_only = true, .link_by_interrupt = true, .has_timers = true, .fatal_counters = ena_fatal, .reset_counters = ena_reset,
     .warned_counters = ena_warned},
    {.driver = "net_e1000_igb", .live_register = 0x8},
};
constexpr Profile generic{};

}  // namespace

const Profile& profile_of(std::string_view driver) {
  for (const Profile& profile : profiles)
    if (profile.driver == driver) return profile;
  return generic;
}

}  // namespace millrace::ethdev

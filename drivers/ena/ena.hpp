// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "drivers/profile.hpp"

namespace millrace::ena {

// The driver marks itself for a reset then, and raises no event (ena_com_rx_pkt(), ena_tx_cleanup(): 22.11, 24.11).
inline constexpr drivers::CounterCause fatal_counters[] = {{"bad_req_id", "bad_req_id"}, {"bad_desc_num", "bad_desc_num"}};
inline constexpr drivers::CounterCause reset_counters[] = {{"wd_expired", "keepalive"}, {"missed_tx", "tx_timeout"}};
// What the instance's size allows has been used up: frames were queued or dropped outside.
inline constexpr drivers::CounterCause allowances[] = {{"bw_in_allowance_exceeded", "inbound bandwidth"},
                                                       {"bw_out_allowance_exceeded", "outbound bandwidth"},
                                                       {"pps_allowance_exceeded", "packets per second"},
                                                       {"conntrack_allowance_exceeded", "tracked connections"},
                                                       {"linklocal_allowance_exceeded", "packets to local services"}};

/// Amazon's Elastic Network Adapter. Link events come by the AENQ, and only with intr_conf.lsc. eth_ena_prep_pkts() refuses TSO of
/// IPv6, and looks at no chain without offloads: beyond 17 entries ena_tx_map_mbuf() writes behind its array; ena_close() passes over it when
/// rte_intr_callback_unregister() says EAGAIN. After a queue that could not be set up ena_rx_queue_release() looks into what is not there. Of a
/// burst with a bad completion eth_ena_recv_pkts() returns 0, though it has put packets into the array (22.11).
inline constexpr drivers::Profile profile{.driver = "net_ena",
                                          .most_tx_buffers = 16,
                                          .least_rx_buffer = 1400,
                                          .keeps_good_of_bad = true,
                                          .hashes_all_or_nothing = true,
                                          .cuts_v4_only = true,
                                          .link_by_interrupt = true,
                                          .forgets_handler = true,
                                          .has_timers = true,
                                          .fatal_counters = fatal_counters,
                                          .reset_counters = reset_counters,
                                          .warned_counters = allowances,
                                          .prepares = drivers::Profile::Prepares::offloads};

}  // namespace millrace::ena

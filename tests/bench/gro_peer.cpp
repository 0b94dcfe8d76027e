// SPDX-License-Identifier: BSD-3-Clause
// The peer of B2: DPDK's own parser and GRO library, used as well as they can be. Called by gro_burst.cpp and
// gro_flows.cpp. The library itself is Debian's build; what is inline is compiled here, for this machine.
#include "tests/bench/gro_peer.hpp"

#include <rte_gro.h>
#include <rte_mbuf.h>
#include <rte_net.h>

namespace millrace::bench::peer {
namespace {

#ifdef RTE_GRO_TCP_IPV6
constexpr std::uint64_t types = RTE_GRO_TCP_IPV4 | RTE_GRO_TCP_IPV6;
#else
constexpr std::uint64_t types = RTE_GRO_TCP_IPV4;
#endif

// Tables of the size of a burst, up to the library's limit of 128.
constexpr rte_gro_param burst_param{
    .gro_types = types, .max_flow_num = RTE_GRO_MAX_BURST_ITEM_NUM, .max_item_per_flow = 1, .socket_id = 0};

void parse_one(rte_mbuf* m) {
  rte_net_hdr_lens lengths;
  m->packet_type = rte_net_get_ptype(m, &lengths, RTE_PTYPE_L2_MASK | RTE_PTYPE_L3_MASK | RTE_PTYPE_L4_MASK);
  m->l2_len = lengths.l2_len;
  m->l3_len = lengths.l3_len;
  m->l4_len = lengths.l4_len;
}

}  // namespace

bool has_tcp6() {
#ifdef RTE_GRO_TCP_IPV6
  return true;
#else
  return false;
#endif
}

void parse(rte_mbuf** burst, std::uint16_t count) {
  for (std::uint16_t i = 0; i < count; ++i) {
    rte_prefetch0(rte_pktmbuf_mtod(burst[i], void*));
    rte_mbuf_prefetch_part2(burst[i]);
  }
  for (std::uint16_t i = 0; i < count; ++i) parse_one(burst[i]);
}

std::uint16_t reassemble_burst(rte_mbuf** burst, std::uint16_t count) {
  parse(burst, count);
  return rte_gro_reassemble_burst(burst, count, &burst_param);
}

void* make_context(std::uint16_t flows) {
  const rte_gro_param param{.gro_types = types, .max_flow_num = flows, .max_item_per_flow = 1, .socket_id = 0};
  return rte_gro_ctx_create(&param);
}

void free_context(void* context) { rte_gro_ctx_destroy(context); }

std::uint16_t reassemble(void* context, rte_mbuf** burst, std::uint16_t count) {
  parse(burst, count);
  return rte_gro_reassemble(burst, count, context);
}

std::uint16_t flush(void* context, rte_mbuf** out, std::uint16_t room) {
  return rte_gro_timeout_flush(context, 0, types, out, room);
}

}  // namespace millrace::bench::peer

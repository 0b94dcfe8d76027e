// SPDX-License-Identifier: BSD-3-Clause
// Proves at compile time that pkt::Mbuf is DPDK's struct rte_mbuf plus our private area.
#include <millrace/pkt/mbuf.hpp>

#include <rte_mbuf.h>

namespace millrace::pkt {

#define MR_SAME(ours, theirs) static_assert(offsetof(Mbuf, ours) == offsetof(rte_mbuf, theirs))
MR_SAME(buf_addr, buf_addr);
MR_SAME(data_off, data_off);
MR_SAME(refcnt, refcnt);
MR_SAME(nb_segs, nb_segs);
MR_SAME(port, port);
MR_SAME(ol_flags, ol_flags);
MR_SAME(packet_type, packet_type);
MR_SAME(pkt_len, pkt_len);
MR_SAME(data_len, data_len);
MR_SAME(vlan_tci, vlan_tci);
MR_SAME(rss_hash, hash.rss);
MR_SAME(vlan_tci_outer, vlan_tci_outer);
MR_SAME(buf_len, buf_len);
MR_SAME(pool, pool);
MR_SAME(next, next);
MR_SAME(tx_offload, tx_offload);
MR_SAME(shinfo, shinfo);
MR_SAME(priv_size, priv_size);
MR_SAME(dynfield1, dynfield1);
#undef MR_SAME
static_assert(offsetof(Mbuf, meta) == sizeof(rte_mbuf));
static_assert(headroom == RTE_PKTMBUF_HEADROOM);

static_assert(flag::rx_vlan == RTE_MBUF_F_RX_VLAN);
static_assert(flag::rx_rss_hash == RTE_MBUF_F_RX_RSS_HASH);
static_assert(flag::rx_l4_bad == RTE_MBUF_F_RX_L4_CKSUM_BAD);
static_assert(flag::rx_ip_bad == RTE_MBUF_F_RX_IP_CKSUM_BAD);
static_assert(flag::rx_vlan_stripped == RTE_MBUF_F_RX_VLAN_STRIPPED);
static_assert(flag::rx_ip_good == RTE_MBUF_F_RX_IP_CKSUM_GOOD);
static_assert(flag::rx_l4_good == RTE_MBUF_F_RX_L4_CKSUM_GOOD);
static_assert(flag::rx_lro == RTE_MBUF_F_RX_LRO);
static_assert(flag::external == RTE_MBUF_F_EXTERNAL);
static_assert(flag::indirect == RTE_MBUF_F_INDIRECT);

}  // namespace millrace::pkt

// SPDX-License-Identifier: BSD-3-Clause
// The far end of a medium that DPDK drives on both sides. Called by the subjects.
#include "tests/media/dpdk_peer.hpp"

#include "drivers/ethdev/quiet_log.hpp"

#include <millrace/base/byte_order.hpp>

#include "tests/support/raw_frame.hpp"

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace millrace::media {
namespace {

constexpr std::uint16_t room = RTE_MBUF_DEFAULT_DATAROOM;

void must(int code, const std::string& what) {
  if (code != 0) throw std::runtime_error(what + ": " + rte_strerror(-code));
}

/// Whose sum is that of the pseudo header yet. TCP and UDP, without IP options.
void finish_checksum(Frame& frame) {
  const bool v6 = frame[14] >> 4 == 6;
  const std::size_t l4 = 14 + (v6 ? 40u : 20u);
  const std::uint8_t proto = frame[v6 ? 20 : 23];
  store_be16(&frame[l4 + (proto == 6 ? 16 : 6)], static_cast<std::uint16_t>(~test::naive_sum(std::span(frame).subspan(l4))));
}

}  // namespace

DpdkPeer::DpdkPeer(std::string name, const std::string& args, std::uint16_t queues) : name_(std::move(name)), queues_(queues) {
  const ethdev::QuietLog quiet;
  static int serial = 0;
  pool_ = rte_pktmbuf_pool_create(("peer" + std::to_string(serial++)).c_str(), 2048u * queues + 1023, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
  if (pool_ == nullptr) throw std::runtime_error("no pool for " + name_);
  must(rte_dev_probe((name_ + "," + args).c_str()), "probing " + name_);
  must(rte_eth_dev_get_port_by_name(name_.c_str(), &port_id_), "finding " + name_);
}

DpdkPeer::~DpdkPeer() {
  stop();
  rte_eth_dev_info info{};
  if (rte_eth_dev_info_get(port_id_, &info) == 0) rte_dev_remove(info.device);
  rte_mempool_free(pool_);
}

void DpdkPeer::start(std::uint64_t rx_offloads, bool link_interrupt) {
  const ethdev::QuietLog quiet;
  rte_eth_dev_info info{};
  must(rte_eth_dev_info_get(port_id_, &info), "asking " + name_);
  rte_eth_conf conf{};
  conf.rxmode.mtu = std::min<std::uint32_t>({9000, info.max_mtu, info.max_rx_pktlen - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN});
  conf.intr_conf.lsc = link_interrupt ? 1 : 0;
  conf.rxmode.offloads = info.rx_offload_capa & (RTE_ETH_RX_OFFLOAD_SCATTER | rx_offloads);
  conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  must(rte_eth_dev_configure(port_id_, queues_, queues_, &conf), "configuring " + name_);
  for (std::uint16_t q = 0; q < queues_; ++q) {
    must(rte_eth_rx_queue_setup(port_id_, q, 256, 0, nullptr, pool_), "rx queue of " + name_);
    must(rte_eth_tx_queue_setup(port_id_, q, 256, 0, nullptr), "tx queue of " + name_);
  }
  must(rte_eth_dev_start(port_id_), "starting " + name_);
}

void DpdkPeer::stop() { static_cast<void>(rte_eth_dev_stop(port_id_)); }

bool DpdkPeer::send(std::span<const std::uint8_t> frame) {
  rte_mbuf* packet = nullptr;
  while (!frame.empty()) {
    rte_mbuf* const piece = rte_pktmbuf_alloc(pool_);
    if (piece == nullptr) throw std::runtime_error("the pool of " + name_ + " is empty");
    const auto length = static_cast<std::uint16_t>(std::min<std::size_t>(frame.size(), room));
    std::copy_n(frame.begin(), length, reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(piece, length)));
    if (packet == nullptr) packet = piece;
    else rte_pktmbuf_chain(packet, piece);
    frame = frame.subspan(length);
  }
  const auto queue = static_cast<std::uint16_t>(next_queue_++ % queues_);
  if (rte_eth_tx_burst(port_id_, queue, &packet, 1) == 1) return true;
  rte_pktmbuf_free(packet);
  return false;
}

void DpdkPeer::receive(std::vector<Frame>& frames) {
  for (std::uint16_t q = 0; q < queues_; ++q) {
    std::array<rte_mbuf*, 32> burst{};
    const std::uint16_t count = rte_eth_rx_burst(port_id_, q, burst.data(), burst.size());
    for (std::uint16_t i = 0; i < count; ++i) {
      Frame frame(burst[i]->pkt_len);
      const void* const bytes = rte_pktmbuf_read(burst[i], 0, burst[i]->pkt_len, frame.data());
      if (bytes != frame.data()) std::copy_n(static_cast<const std::uint8_t*>(bytes), frame.size(), frame.begin());
      if ((burst[i]->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE) finish_checksum(frame);
      gso_size_ = (burst[i]->ol_flags & RTE_MBUF_F_RX_LRO) != 0 ? burst[i]->tso_segsz : std::uint16_t{0};
      frames.push_back(std::move(frame));
      rte_pktmbuf_free(burst[i]);
    }
  }
}

bool DpdkPeer::is_up() const {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(port_id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

}  // namespace millrace::media

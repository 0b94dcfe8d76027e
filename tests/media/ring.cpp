// SPDX-License-Identifier: BSD-3-Clause
// net_ring on rings whose other ends are the test's.
#include "tests/media/medium.hpp"

#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace millrace::media {
namespace {

constexpr std::uint16_t queues = 4;

class Ring final : public Medium {
 public:
  using Medium::Medium;

  Result<void> attach(ethdev::Options options, const MakePort& make_port) override {
    make();
    options.name = "net_ring_media";
    Result<void> made = make_port(options);
    if (!made) unmake();
    queues_in_use_ = options.rx_queues;
    return made;
  }
  void detach(const std::function<void()>& end_port) override {
    end_port();
    unmake();
  }
  bool inject(std::span<const std::uint8_t> frame) override {
    rte_mbuf* packet = nullptr;
    for (; !frame.empty(); frame = frame.subspan(std::min<std::size_t>(frame.size(), RTE_MBUF_DEFAULT_DATAROOM))) {
      rte_mbuf* const piece = rte_pktmbuf_alloc(pool_);
      if (piece == nullptr) throw std::runtime_error("the far end has no buffer");
      const auto length = static_cast<std::uint16_t>(std::min<std::size_t>(frame.size(), RTE_MBUF_DEFAULT_DATAROOM));
      std::copy_n(frame.begin(), length, reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(piece, length)));
      if (packet == nullptr) packet = piece;
      else rte_pktmbuf_chain(packet, piece);
    }
    if (rte_ring_enqueue(inward_[next_queue_++ % queues_in_use_], packet) == 0) return true;
    rte_pktmbuf_free(packet);
    return false;
  }

 protected:
  void collect(std::vector<Frame>& frames) override {
    for (rte_ring* const ring : outward_) take(ring, &frames);
  }

 private:
  static void take(rte_ring* ring, std::vector<Frame>* frames) {
    void* packet = nullptr;
    while (rte_ring_dequeue(ring, &packet) == 0) {
      auto* const m = static_cast<rte_mbuf*>(packet);
      Frame frame(m->pkt_len);
      const auto* const bytes = static_cast<const std::uint8_t*>(rte_pktmbuf_read(m, 0, m->pkt_len, frame.data()));
      if (bytes != frame.data()) std::copy_n(bytes, frame.size(), frame.begin());
      if (frames != nullptr) frames->push_back(std::move(frame));
      rte_pktmbuf_free(m);
    }
  }
  void make() {
    pool_ = rte_pktmbuf_pool_create("far end", 4095, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
    for (unsigned i = 0; i < queues; ++i) {
      inward_[i] = rte_ring_create(("in" + std::to_string(i)).c_str(), 256, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
      outward_[i] = rte_ring_create(("out" + std::to_string(i)).c_str(), 256, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
    }
    if (rte_eth_from_rings("media", inward_.data(), queues, outward_.data(), queues, 0) < 0) throw std::runtime_error("no device of rings");
  }
  void unmake() {
    std::uint16_t id = 0;
    rte_eth_dev_info info{};
    if (rte_eth_dev_get_port_by_name("net_ring_media", &id) == 0 && rte_eth_dev_info_get(id, &info) == 0) rte_dev_remove(info.device);
    for (const auto* const rings : {&inward_, &outward_})
      for (rte_ring* const ring : *rings) {
        take(ring, nullptr);
        rte_ring_free(ring);
      }
    rte_mempool_free(pool_);
  }

  std::uint16_t queues_in_use_ = 1;
  std::uint16_t next_queue_ = 0;
  std::array<rte_ring*, queues> inward_{};
  std::array<rte_ring*, queues> outward_{};
  rte_mempool* pool_ = nullptr;
};

}  // namespace

std::vector<std::unique_ptr<conformance::Subject>> make_subjects() {
  std::vector<std::unique_ptr<conformance::Subject>> all;
  // The tail of a ring never meets its head: one place stays free.
  all.push_back(std::make_unique<Ring>(Traits{.name = "four queues", .driver = "net_ring", .queues = queues, .usable = 255, .checksums = false, .tso = false, .has_rx_interrupts = false,
                                              .lacks = {{Lack::byte_counts, "rte_eth_ring.c: eth_stats_get() counts no bytes"},
                                                        {Lack::own_buffers, "rte_eth_ring.c: eth_ring_rx() passes on the sender's buffers"},
                                                        {Lack::cable, "rte_eth_ring.c: eth_link_update() does nothing"},
                                                        {Lack::far_end, "rte_eth_ring.c: a ring knows of no far end"}}}));
  return all;
}

}  // namespace millrace::media

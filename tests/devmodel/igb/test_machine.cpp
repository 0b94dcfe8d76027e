// SPDX-License-Identifier: BSD-3-Clause
// Software at register level for the model's own tests. Called by igb_model_test.
#include "tests/devmodel/igb/test_machine.hpp"

#include <algorithm>

namespace millrace::devmodel::igb {
namespace {

constexpr std::uint32_t rx_begin = 0xc000, tx_begin = 0xe000, stride = 0x40;

void store64(std::span<std::uint8_t> at, std::uint64_t value) {
  put_le32(at, 0, static_cast<std::uint32_t>(value));
  put_le32(at, 4, static_cast<std::uint32_t>(value >> 32));
}

}  // namespace

Bench::Bench(const Options& options) : device(machine, options) {
  device.connect([this](Frame frame) { wire.push_back(std::move(frame)); });
}

void Bench::start() {
  set(reg::ctrl, ctrl::slu | ctrl::fd);
  set(reg::rctl, rctl::en | rctl::upe | rctl::mpe | rctl::bam | rctl::secrc);
  set(reg::rxcsum, rxcsum::ipofl | rxcsum::tuofl | rxcsum::pcsd);
  set(reg::tctl, tctl::en | tctl::psp);
  for (unsigned q = 0; q < queues; ++q) {
    for (const bool receives : {true, false}) {
      const std::uint32_t block = (receives ? rx_begin : tx_begin) + q * stride;
      set(block + queue_reg::bal, static_cast<std::uint32_t>(ring(q, receives)));
      set(block + queue_reg::bah, static_cast<std::uint32_t>(ring(q, receives) >> 32));
      set(block + queue_reg::len, ring_descriptors * 16);
      if (receives) set(block + queue_reg::srrctl, srrctl::advanced_one_buffer | buffer_bytes / 1024);
      set(block + queue_reg::dctl, dctl::enable);
    }
    for (std::uint32_t i = 0; i < ring_descriptors; ++i) give_buffer(q, i);
    given_[q] = ring_descriptors - 1;
    set(rx_begin + q * stride + queue_reg::tail, given_[q]);
  }
}

void Bench::give_buffer(unsigned queue, std::uint32_t i) {
  const auto d = descriptor(queue, i, true);
  store64(d, buffer(queue, i));
  store64(d.subspan(8), 0);
}

void Bench::spread(std::uint32_t types, unsigned over) {
  // The key of Microsoft's verification suite for RSS.
  constexpr std::array<std::uint8_t, 40> key{0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
                                             0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};
  for (std::uint32_t i = 0; i < 10; ++i) set(reg::rssrk + 4 * i, le32(key, 4 * i));
  for (std::uint32_t i = 0; i < 32; ++i) {
    std::uint32_t four = 0;
    for (std::uint32_t j = 0; j < 4; ++j) four |= (4 * i + j) % over << 8 * j;
    set(reg::reta + 4 * i, four);
  }
  set(reg::mrqc, mrqc::rss | types);
}

Frame Bench::Received::frame() const {
  Frame whole;
  for (const Frame& piece : pieces) whole.insert(whole.end(), piece.begin(), piece.end());
  return whole;
}

std::optional<Bench::Received> Bench::next(unsigned queue) {
  Received r{};
  for (;;) {
    const auto d = descriptor(queue, taken_[queue], true);
    if ((le32(d, 8) & rxd::dd) == 0) return std::nullopt;
    const std::size_t length = le32(d, 12) & 0xffff;
    const auto bytes = machine.dma(buffer(queue, taken_[queue]), length);
    r.pieces.emplace_back(bytes.begin(), bytes.end());
    r.types = le32(d, 0);
    r.hash = le32(d, 4);
    r.status = le32(d, 8);
    r.tag = static_cast<std::uint16_t>(le32(d, 12) >> 16);
    taken_[queue] = (taken_[queue] + 1) % ring_descriptors;
    if ((r.status & rxd::eop) != 0) return r;
  }
}

void Bench::refill(unsigned queue) {
  while ((given_[queue] + 1) % ring_descriptors != taken_[queue]) {
    give_buffer(queue, given_[queue]);
    given_[queue] = (given_[queue] + 1) % ring_descriptors;
  }
  give_buffer(queue, given_[queue]);
  set(rx_begin + queue * stride + queue_reg::tail, given_[queue]);
}

void Bench::put_descriptor(unsigned queue, std::uint64_t low, std::uint32_t third, std::uint32_t fourth) {
  const auto d = descriptor(queue, sent_[queue], false);
  store64(d, low);
  put_le32(d, 8, third);
  put_le32(d, 12, fourth);
  sent_[queue] = (sent_[queue] + 1) % ring_descriptors;
}

void Bench::send(unsigned queue, const std::vector<Frame>& parts, std::uint32_t command, std::uint32_t options, std::size_t headers) {
  std::size_t bytes = 0;
  for (const Frame& part : parts) bytes += part.size();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::ranges::copy(parts[i], machine.dma(next_payload_, parts[i].size()).begin());
    const std::uint32_t end = i + 1 == parts.size() ? txd::eop | txd::rs : 0;
    put_descriptor(queue, next_payload_, txd::dtyp_data | txd::dext | txd::ifcs | command | end | static_cast<std::uint32_t>(parts[i].size()),
                   options | static_cast<std::uint32_t>(bytes - headers) << txd::paylen_shift);
    next_payload_ += parts[i].size();
  }
  set(tx_begin + queue * stride + queue_reg::tail, sent_[queue]);
}

void Bench::context(unsigned queue, const TxContext& c, unsigned index) {
  const std::uint32_t first = static_cast<std::uint32_t>(c.ip_bytes | c.mac_bytes << 9) | std::uint32_t{c.tag} << 16;
  put_descriptor(queue, first, txd::dtyp_context | txd::dext | (c.is_ipv4 ? txd::context_ipv4 : 0) | static_cast<std::uint32_t>(c.transport) << 11,
                 index << txd::idx_shift | static_cast<std::uint32_t>(c.transport_bytes << 8 | c.mss << 16));
}

bool Bench::is_done(unsigned queue, std::uint32_t i) { return (le32(descriptor(queue, i, false), 12) & txd::dd) != 0; }

}  // namespace millrace::devmodel::igb

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/support/eal.hpp"
#include "tests/unit/gro/frame.hpp"

#include <millrace/gro/gro.hpp>

#include <functional>

namespace millrace::test {

/// A packet that came out of GRO.
struct Output {
  Bytes bytes;
  pkt::Meta meta;
  std::uint16_t buffers;

  [[nodiscard]] std::uint32_t seq() const { return load_be32(&bytes[meta.l4_offset + 4u]); }
  [[nodiscard]] std::uint8_t flags() const { return bytes[meta.l4_offset + 13u]; }
  [[nodiscard]] std::size_t payload() const { return bytes.size() - meta.payload_offset; }
};

using Sizes = std::vector<std::size_t>;
using Change = std::function<void(Frame&)>;
using PacketChange = std::function<void(pkt::Packet&)>;

/// The n-th segment of a stream: sequence and identification follow.
inline Frame nth(int n, const Change& change = {}) {
  Frame f;
  f.seq += static_cast<std::uint32_t>(n) * 100;
  f.id = static_cast<std::uint16_t>(f.id + n);
  if (change) change(f);
  return f;
}
inline Frame nth6(int n, const Change& change = {}) {
  Frame f = nth(n);
  f.family = 6;
  if (change) change(f);
  return f;
}

/// One rx queue's GRO with its world; what comes out is kept in `out`, what waits for a batch does not come out.
class Lane {
 public:
  explicit Lane(const gro::Config& config = {}) : gro(config) {
    env.stats = &stats;
    env.secret = {0x0123456789abcdef, 0xfedcba9876543210};
    env.now = Instant{} + 1s;
  }
  ~Lane() { flush(); }

  gro::Verdict give(const Bytes& bytes, const PacketChange& change = {}) {
    pkt::Packet packet = pool.packet(bytes);
    packet.meta().ifindex = 1;
    dissect_into_meta(packet);
    if (change) change(packet);
    const gro::Verdict verdict = gro.receive(env, std::move(packet), up);
    take();
    return verdict;
  }
  gro::Verdict give(const Frame& frame, const PacketChange& change = {}) { return give(frame.bytes(), change); }
  void complete() {
    gro.complete(env, up);
    take();
  }
  void flush_old() {
    gro.flush_old(env, up);
    take();
  }
  void flush() {
    gro.flush_all(env, up);
    take();
  }

  /// Gives the frames, flushes, and says how much payload each packet bore that came out.
  Sizes sizes(const std::vector<Frame>& frames) {
    for (const Frame& f : frames) give(f);
    return sizes();
  }
  Sizes sizes() {
    flush();
    Sizes all;
    for (const Output& o : out) all.push_back(o.payload());
    return all;
  }
  [[nodiscard]] std::uint64_t count(stats::Gro which) const { return stats.gro[which]; }

  TestPool pool;
  stats::LcoreStats stats;
  Env env;
  gro::Gro gro;
  pkt::PacketList up;
  std::vector<Output> out;

 private:
  void take() {
    while (pkt::Packet p = up.pop_front()) {
      out.push_back({bytes_of(p), p.meta(), p.segments()});
      pkt::consume(std::move(p));
    }
  }
};

/// sizes() of a fresh Lane.
inline Sizes merged(const std::vector<Frame>& frames) { return Lane().sizes(frames); }

}  // namespace millrace::test

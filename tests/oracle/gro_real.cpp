// SPDX-License-Identifier: BSD-3-Clause
// Holds millrace::gro::Gro against the oracle, event by event. Called by the differential tests; calls Gro as RxPoller
// does, with frames dissected by wire::dissect.
#include "tests/oracle/gro_real.hpp"

#include "tests/support/lcore_env.hpp"

#include <millrace/base/rng.hpp>
#include <millrace/gro/gro.hpp>
#include <millrace/pkt/burst.hpp>
#include <millrace/wire/dissect.hpp>

#include <cstdio>
#include <cstring>

namespace millrace::oracle {
namespace {

pkt::ChecksumVerdict verdict(Sum sum) {
  switch (sum) {
    case Sum::good: return pkt::ChecksumVerdict::good;
    case Sum::bad: return pkt::ChecksumVerdict::bad;
    case Sum::partial: return pkt::ChecksumVerdict::partial;
    case Sum::unknown: break;
  }
  return pkt::ChecksumVerdict::unknown;
}

/// The real one, with what an lcore gives it.
class Real {
 public:
  Real(test::LcoreEnv& lcore, const Run& run)
      : lcore_(lcore),
        gro_(gro::Config{.enabled = run.rules.enabled,
                         .normal_batch = static_cast<std::uint32_t>(run.rules.normal_batch),
                         .max_size = static_cast<std::uint32_t>(run.rules.max_size),
                         .tick = Duration(run.rules.tick),
                         .poll_hold = Duration(run.rules.poll_hold),
                         .table = run.linux_table ? gro::Table::linux8x8 : gro::Table::sets64x4}) {}

  /// Returns what was passed up.
  pkt::PacketList handle(std::span<const Event> events, bool as_burst) {
    lcore_.env.now = Instant(Duration(events[0].now));
    pkt::PacketList up;
    switch (events[0].kind) {
      case Event::Kind::frame: receive(events, as_burst, up); break;
      case Event::Kind::complete: gro_.complete(lcore_.env, up); break;
      case Event::Kind::flush_old: gro_.flush_old(lcore_.env, up); break;
      case Event::Kind::flush_all: gro_.flush_all(lcore_.env, up); break;
    }
    return up;
  }
  [[nodiscard]] std::uint32_t held() const { return gro_.held(); }
  void end() {
    pkt::PacketList up;
    gro_.flush_all(lcore_.env, up);
    while (pkt::Packet packet = up.pop_front()) pkt::consume(std::move(packet));
  }

 private:
  void receive(std::span<const Event> events, bool as_burst, pkt::PacketList& up) {
    if (!as_burst) return static_cast<void>(gro_.receive(lcore_.env, packet(events[0].frame), up));
    pkt::Burst burst;
    for (const Event& event : events) burst.push(packet(event.frame));
    gro_.receive(lcore_.env, burst, {.ifindex = events[0].frame.ifindex, .has_verdicts = true}, up);
  }

  pkt::Packet packet(const Frame& frame) {
    pkt::Packet packet;
    std::size_t begin = 0;
    for (std::size_t i = 0; i <= frame.cuts.size(); ++i) {
      const std::size_t end = i < frame.cuts.size() ? frame.cuts[i] : frame.bytes.size();
      pkt::Packet buffer = lcore_.pool.packet(std::span(frame.bytes).subspan(begin, end - begin));
      if (begin == 0)
        packet = std::move(buffer);
      else
        packet.chain(std::move(buffer));
      begin = end;
    }
    describe(frame, packet);
    return packet;
  }

  static void describe(const Frame& frame, pkt::Packet& packet) {
    const wire::Layers layers = wire::dissect(std::as_const(packet).data());
    pkt::Meta& meta = packet.meta();
    meta.l3_offset = layers.l3_offset;
    meta.l4_offset = layers.l4_offset;
    meta.payload_offset = layers.payload_offset;
    meta.ethertype = layers.ethertype;
    meta.l4_proto = layers.l4_proto;
    meta.ifindex = frame.ifindex;
    meta.checksum = verdict(frame.sum);
    pkt::Mbuf& mbuf = packet.mbuf();
    if (frame.sum == Sum::good || frame.sum == Sum::partial) mbuf.ol_flags |= pkt::flag::rx_l4_good;
    if (frame.sum == Sum::bad || frame.sum == Sum::partial) mbuf.ol_flags |= pkt::flag::rx_l4_bad;
    if (frame.stripped_tci) mbuf.ol_flags |= pkt::flag::rx_vlan | pkt::flag::rx_vlan_stripped;
    mbuf.vlan_tci = frame.stripped_tci.value_or(0);
    if (frame.hash) mbuf.ol_flags |= pkt::flag::rx_rss_hash;
    mbuf.rss_hash = frame.hash.value_or(0);
    if (frame.ip_bad) mbuf.ol_flags |= pkt::flag::rx_ip_bad;
    if (frame.ip_good && !frame.ip_bad) mbuf.ol_flags |= pkt::flag::rx_ip_good;
    if (frame.merged_segs > 1) {
      meta.gso_size = frame.merged_size;
      meta.gso_segs = frame.merged_segs;
      mbuf.ol_flags |= pkt::flag::rx_lro;
      mbuf.tx_offload = std::uint64_t{frame.merged_size} << 24;  // rte_mbuf::tso_segsz
    }
  }

  test::LcoreEnv& lcore_;
  gro::Gro gro_;
};

std::string hex(const Bytes& bytes, std::size_t from = 0, std::size_t count = 96) {
  std::string text;
  for (std::size_t i = from; i < bytes.size() && i < from + count; ++i) {
    std::array<char, 3> digits;
    std::snprintf(digits.data(), digits.size(), "%02x", bytes[i]);
    text += digits.data();
  }
  return bytes.size() > from + count ? text + "... (" + std::to_string(bytes.size()) + " bytes)" : text;
}

std::string numbers(const Passed& p) {
  std::string text = "frames";
  for (const std::uint64_t frame : p.frames) text += " " + std::to_string(frame);
  return text + ", gso_size " + std::to_string(p.gso_size) + ", gso_segs " + std::to_string(p.gso_segs);
}

/// A sum of 0 may be written as 0xffff.
bool same_sum(std::uint32_t a, std::uint32_t b) { return a % 0xffff == b % 0xffff; }

std::optional<std::string> compare(Passed expected, const pkt::Packet& packet) {
  Bytes bytes = test::bytes_of(packet);
  if (expected.is_merged && bytes.size() == expected.bytes.size()) {
    if (!same_sum(load(bytes, expected.sum_at, 2), load(expected.bytes, expected.sum_at, 2)))
      return numbers(expected) + ": the TCP checksum field holds not the sum of the pseudo header";
    store(bytes, expected.sum_at, 2, load(expected.bytes, expected.sum_at, 2));
  }
  const pkt::Meta& meta = packet.meta();
  if (bytes != expected.bytes) {
    std::size_t at = 0;
    while (at < bytes.size() && at < expected.bytes.size() && bytes[at] == expected.bytes[at]) ++at;
    return numbers(expected) + ": bytes differ from " + std::to_string(at) + "\n  expected " + hex(expected.bytes, at) +
           "\n  passed   " + hex(bytes, at) + "\n  whole    " + hex(bytes);
  }
  if (meta.gso_segs != expected.gso_segs || (expected.gso_segs > 1 && meta.gso_size != expected.gso_size))
    return numbers(expected) + ": passed with gso_size " + std::to_string(meta.gso_size) + ", gso_segs " +
           std::to_string(meta.gso_segs);
  if (expected.is_merged && meta.gso_fixed_id != expected.fixed_id) return numbers(expected) + ": gso_fixed_id differs";
  if (expected.is_merged && meta.gso_accecn != expected.accecn) return numbers(expected) + ": gso_accecn differs";
  if (expected.is_merged && meta.checksum != pkt::ChecksumVerdict::good)
    return numbers(expected) + ": its verdict is not good";
  return std::nullopt;
}

std::optional<std::string> compare(const std::vector<Passed>& expected, pkt::PacketList& up) {
  std::optional<std::string> difference;
  for (std::size_t i = 0; i < expected.size() || !up.empty(); ++i) {
    pkt::Packet packet = up.pop_front();
    if (difference) {
    } else if (!packet) {
      difference = "not passed up: " + numbers(expected[i]);
    } else if (i >= expected.size()) {
      difference = "passed up, but not expected: " + hex(test::bytes_of(packet));
    } else {
      difference = compare(expected[i], packet);
    }
    if (packet) pkt::consume(std::move(packet));
  }
  return difference;
}

// How many of the events from `at` go in together: frames of one moment and one interface, as a port brings them.
std::size_t burst_length(const std::vector<Event>& events, std::size_t at, std::size_t most) {
  const Event& first = events[at];
  if (first.kind != Event::Kind::frame) return 1;
  std::size_t n = 1;
  const auto fits = [&](const Event& e) {
    return e.kind == Event::Kind::frame && e.now == first.now && e.frame.ifindex == first.frame.ifindex && e.frame.bytes.size() >= 14;
  };
  while (n < most && at + n < events.size() && fits(events[at + n])) ++n;
  return n;
}

void tell_oracle(GroOracle& oracle, const Event& event, std::size_t number) {
  switch (event.kind) {
    case Event::Kind::frame: oracle.receive(event.frame, number, event.now); break;
    case Event::Kind::complete: oracle.complete(event.now); break;
    case Event::Kind::flush_old: oracle.flush_old(event.now); break;
    case Event::Kind::flush_all: oracle.flush_all(); break;
  }
}

}  // namespace

struct Differential::Lcore : test::LcoreEnv {
  Lcore() : LcoreEnv(0, 16383) {}
};

Differential::Differential() : lcore_(std::make_unique<Lcore>()) {}
Differential::~Differential() = default;

std::optional<std::string> Differential::first_difference(const Run& run, std::size_t* step) {
  Coverage unused;
  GroOracle oracle(run.rules, unused);
  Real real(*lcore_, run);
  std::optional<std::string> difference;
  Rng rng(run.seed);
  std::size_t i = 0;
  for (std::size_t next = 0; next < run.events.size() && !difference;) {
    // Bursts as the rx poller gives them, of up to 32; now and then a packet by itself, which goes the long way.
    const bool as_burst = rng.chance(0.9) && run.events[next].frame.bytes.size() >= 14;
    const std::size_t n = as_burst ? burst_length(run.events, next, 1 + rng.below(32)) : 1;
    bool is_comparable = true;
    for (i = next; i < next + n; ++i) {
      tell_oracle(oracle, run.events[i], i);
      // Leaving events out may have made a run that cannot be compared.
      is_comparable = is_comparable && oracle.held_count() <= run.most_held;
    }
    if (!is_comparable) break;
    pkt::PacketList up = real.handle(std::span(run.events).subspan(next, n), as_burst);
    next = i--;
    difference = compare(oracle.take(), up);
    if (!difference && real.held() != oracle.held_count())
      difference =
          std::to_string(real.held()) + " packets are held, " + std::to_string(oracle.held_count()) + " expected";
    if (difference) difference = "event " + std::to_string(i) + ": " + *difference;
    if (difference && step != nullptr) *step = i;
  }
  real.end();
  if (!difference && lcore_->pool->in_use() != 0) difference = "buffers are not back in their pool";
  return difference;
}

Run Differential::shortest(Run run) {
  std::size_t last = run.events.size() - 1;
  (void)first_difference(run, &last);
  run.events.resize(last + 1);
  for (std::size_t many = run.events.size() / 2; many > 0; many /= 2) {
    for (std::size_t at = 0; at + many <= run.events.size();) {
      Run fewer = run;
      const auto begin = fewer.events.begin() + static_cast<std::ptrdiff_t>(at);
      fewer.events.erase(begin, begin + static_cast<std::ptrdiff_t>(many));
      if (first_difference(fewer))
        run = std::move(fewer);
      else
        at += many;
    }
  }
  return run;
}

std::string print(const Run& run) {
  std::string text = "seed " + std::to_string(run.seed) + ": normal_batch " + std::to_string(run.rules.normal_batch) +
                     ", max_size " + std::to_string(run.rules.max_size) + ", tick " + std::to_string(run.rules.tick) +
                     ", poll_hold " + std::to_string(run.rules.poll_hold) +
                     (run.linux_table ? ", table linux\n" : "\n");
  const std::array<const char*, 4> kinds{"frame", "complete", "flush_old", "flush_all"};
  for (std::size_t i = 0; i < run.events.size(); ++i) {
    const Event& e = run.events[i];
    text += std::to_string(i) + " at " + std::to_string(e.now) + " " + kinds[static_cast<std::size_t>(e.kind)];
    if (e.kind == Event::Kind::frame) {
      text += " sum " + std::to_string(static_cast<int>(e.frame.sum)) + " if " + std::to_string(e.frame.ifindex);
      if (e.frame.hash) text += " hash " + std::to_string(*e.frame.hash);
      if (e.frame.stripped_tci) text += " tci " + std::to_string(*e.frame.stripped_tci);
      if (e.frame.merged_segs > 1)
        text += " merged " + std::to_string(e.frame.merged_segs) + " of " + std::to_string(e.frame.merged_size);
      if (e.frame.ip_bad) text += " ip_bad";
      if (e.frame.ip_good) text += " ip_good";
      for (const std::size_t cut : e.frame.cuts) text += " cut " + std::to_string(cut);
      text += " " + hex(e.frame.bytes);
      for (const std::string& why : read(e.frame).why) text += "\n    " + why;
    }
    text += "\n";
  }
  return text;
}

}  // namespace millrace::oracle

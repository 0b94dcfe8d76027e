// SPDX-License-Identifier: BSD-3-Clause
// Makes runs of frames under a seed: TCP flows whose next frame is as expected, or has one of faults(). Called by the
// differential tests; calls the oracle, to see what is held.
#include "tests/oracle/gro_run.hpp"

#include "tests/oracle/gro_faults.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace millrace::oracle {
namespace {

template <class T, std::size_t N>
T one_of(Rng& rng, const std::array<T, N>& choices) {
  return choices[rng.below(N)];
}

Rules draw_rules(Rng& rng) {
  Rules rules;
  rules.enabled = !rng.chance(0.02);
  rules.normal_batch = one_of<std::size_t>(rng, std::array<std::size_t, 5>{8, 8, 8, 1, 64});
  rules.max_size = one_of<std::size_t>(rng, std::array<std::size_t, 5>{65536, 65536, 1000, 4096, 20000});
  rules.tick = one_of<std::int64_t>(rng, std::array<std::int64_t, 4>{1'000'000, 1'000'000, 1'000'000, 4'000'000});
  rules.poll_hold = one_of<std::int64_t>(rng, std::array<std::int64_t, 2>{10'000, 0});
  return rules;
}

class Generator {
 public:
  Generator(std::uint64_t seed, Coverage& coverage) : rng_(seed) {
    run_.seed = seed;
    run_.rules = draw_rules(rng_);
    run_.linux_table = rng_.chance(0.3);
    run_.most_held = run_.linux_table ? 8 : 4;
    oracle_.emplace(run_.rules, coverage);
    now_ = 1'000'000'000 + rng_.below(5'000'000);
    flows_.resize(1 + rng_.below(6));
    for (std::size_t i = 0; i < flows_.size(); ++i) flows_[i] = new_flow(i);
  }

  Run run(std::size_t frames) {
    for (std::size_t i = 0; i < frames; ++i) add_frame();
    end_poll(Event::Kind::flush_all);
    return std::move(run_);
  }

 private:
  struct Flow {
    Draft next;
    std::size_t mss = 0;
    std::uint16_t id_step = 1;
  };

  std::uint32_t near_the_end(std::uint32_t mask, std::uint32_t distance) {
    return rng_.chance(0.3) ? mask - rng_.below(distance) : static_cast<std::uint32_t>(rng_.next()) & mask;
  }

  Flow new_flow(std::size_t index) {
    Flow flow;
    Draft& d = flow.next;
    d.is_v6 = rng_.chance(0.45);
    // Flows of a family have one of two pairs of addresses, so that some differ in their ports alone.
    const auto host = static_cast<std::uint8_t>(1 + 4 * rng_.below(2));
    d.source = d.is_v6 ? Bytes{0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host} : Bytes{10, 77, 0, host};
    d.destination = d.is_v6 ? Bytes{0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2} : Bytes{10, 77, 0, 2};
    d.source_port = static_cast<std::uint16_t>(20000 + 2000 * index + rng_.below(20));
    d.destination_port = 80;
    if (rng_.chance(0.3)) d.tags.emplace_back(0x8100, 5);
    if (rng_.chance(0.1)) d.tags.emplace_back(0x8100, 6);
    if (rng_.chance(0.2)) d.frame.stripped_tci = 9;
    if (rng_.chance(0.3)) d.frame.hash = static_cast<std::uint32_t>(rng_.next());
    if (d.is_v6 && rng_.chance(0.3)) d.extensions.emplace_back(60, Bytes{0, 1, 4, 0, 0, 0, 0});
    if (rng_.chance(0.4)) d.options = {1, 1, 8, 10, 0, 0, 1, 0, 0, 0, 2, 0};
    d.fragment = rng_.chance(0.7) ? 0x4000 : 0;
    d.frame.sum = one_of(rng_, std::array{Sum::unknown, Sum::good, Sum::partial});
    d.seq = near_the_end(0xffffffff, 5000);
    d.id = static_cast<std::uint16_t>(near_the_end(0xffff, 20));
    d.ack = static_cast<std::uint32_t>(rng_.next());
    flow.mss = one_of<std::size_t>(rng_, std::array<std::size_t, 8>{1, 8, 100, 100, 536, 1448, 1448, 8960});
    flow.id_step = rng_.chance(0.3) ? 0 : 1;
    return flow;
  }

  const GroOracle::Held* held(const Draft& d) const { return oracle_->held(read(build(d)).flow); }

  /// Sometimes the frames behind this one are the same flow's and as expected, up to gro_max_size.
  void maybe_begin_bulk(const Flow& flow) {
    if (bulk_left_ == 0 && flow.mss >= 100 && rng_.chance(0.004))
      bulk_left_ = std::min<std::size_t>(run_.rules.max_size / flow.mss, 200);
  }

  /// Where the next full segment would reach gro_max_size: mostly one that ends right below it, at it or above it.
  bool aim_at_limit(Draft& d, std::size_t mss) {
    const GroOracle::Held* h = held(d);
    if (h == nullptr) return false;
    const std::size_t now = h->head.payload_at - h->head.l3 + h->payload, limit = run_.rules.max_size;
    if (now >= limit || limit - now > h->mss || limit - now > mss || rng_.chance(0.2)) return false;
    d.payload = limit - now + rng_.below(3) - 1;
    bulk_left_ = 0;
    return true;
  }

  Draft next_frame(Flow& flow, bool& advances) {
    Draft& d = flow.next;
    d.payload = flow.mss;
    Draft faulty = d;
    if (aim_at_limit(faulty, flow.mss)) return faulty;
    if (bulk_left_ > 0) return --bulk_left_, d;
    if (!rng_.chance(0.4)) return d;
    const Fault& fault = faults()[rng_.below(static_cast<std::uint32_t>(faults().size()))];
    if (fault.family != Fault::Family::any && (fault.family == Fault::Family::v6) != d.is_v6) return d;
    advances = fault.reach != Fault::Reach::elsewhere;
    const bool stays = fault.reach == Fault::Reach::flow && rng_.chance(0.2);
    fault.apply(stays ? d : faulty, rng_, held(d));
    return stays ? d : faulty;
  }

  void add_frame() {
    if (bulk_left_ == 0) between_frames();
    Flow& flow = flows_[current_];
    bool advances = true;
    maybe_begin_bulk(flow);
    const Draft d = next_frame(flow, advances);
    if (oracle_->held_count() == run_.most_held) end_poll(Event::Kind::flush_all);
    const Frame frame = cut_into_buffers(build(d), d);
    oracle_->receive(frame, run_.events.size(), now_);
    run_.events.push_back({Event::Kind::frame, now_, frame});
    if (!advances) return;
    flow.next.seq =
        d.seq + static_cast<std::uint32_t>(d.payload) + ((d.flags & (tcp_flag::syn | tcp_flag::fin)) != 0 ? 1u : 0u);
    flow.next.id = static_cast<std::uint16_t>(d.id + flow.id_step * d.frame.merged_segs);
  }

  void between_frames() {
    if (rng_.chance(0.25)) current_ = rng_.below(static_cast<std::uint32_t>(flows_.size()));
    if (rng_.chance(0.02)) flows_[current_] = new_flow(current_);
    if (rng_.chance(0.05)) end_poll(rng_.chance(0.7) ? Event::Kind::complete : Event::Kind::flush_old);
    if (rng_.chance(0.002)) end_poll(Event::Kind::flush_all);
  }

  /// Time passes between polls only. No sum of these steps is the hold of 10 us: at what moment of it a packet goes up
  /// is nowhere said.
  void end_poll(Event::Kind kind) {
    run_.events.push_back({kind, now_, {}});
    if (kind == Event::Kind::complete) oracle_->complete(now_);
    if (kind == Event::Kind::flush_old) oracle_->flush_old(now_);
    if (kind == Event::Kind::flush_all) oracle_->flush_all();
    now_ += one_of<std::int64_t>(
        rng_, std::array<std::int64_t, 9>{0, 0, 1'003, 4'007, 8'009, 11'013, 100'019, 899'021, 1'100'033});
    // Often a tick is about to end.
    if (const std::int64_t left = run_.rules.tick - now_ % run_.rules.tick; left > 2'003 && rng_.chance(0.1))
      now_ += left - 2'003;
  }

  /// The headers stay in the first buffer, as drivers see to.
  Frame cut_into_buffers(Frame frame, const Draft& d) {
    const std::size_t headers = 14 + 4 * d.tags.size() + d.l3_header() + 60;
    std::size_t at = 0;
    while (frame.bytes.size() - at > 2000) frame.cuts.push_back(at += 2000);
    if (frame.cuts.empty() && frame.bytes.size() > headers + 1 && rng_.chance(0.1))
      frame.cuts.push_back(headers + rng_.below(static_cast<std::uint32_t>(frame.bytes.size() - headers)));
    return frame;
  }

  Rng rng_;
  Run run_;
  std::optional<GroOracle> oracle_;
  std::vector<Flow> flows_;
  std::size_t current_ = 0;
  std::size_t bulk_left_ = 0;
  std::int64_t now_ = 0;
};

}  // namespace

Run generate(std::uint64_t seed, std::size_t frames, Coverage& coverage) {
  return Generator(seed, coverage).run(frames);
}

}  // namespace millrace::oracle

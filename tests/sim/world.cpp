// SPDX-License-Identifier: BSD-3-Clause
// The simulated world: who runs when, how time passes, when it is over and whether it ended well. Called by sim_seeds;
// calls Engine's manual drive and Traffic.
#include "tests/sim/world.hpp"

#include "drivers/sim/link.hpp"

#include <millrace/pkt/packet.hpp>

#include <algorithm>
#include <stdexcept>

namespace millrace::test {
namespace {

constexpr Duration patience = 30min;             // without any progress of any application; 15 timeouts take 20 minutes at most
constexpr std::uint64_t most_passes = 3'000'000;  // of all lcores; a usual world takes some thousands
constexpr std::uint32_t most_passes_at_once = 20'000;  // without the clock moving
constexpr Duration longest_close = 10min;        // last FINs sent again, TIME-WAIT

std::unique_ptr<Engine> make_engine(const Config& config, const LinkEnd& end) {
  auto engine = Engine::create(config, {{"p0", end}});
  if (!engine) throw std::runtime_error(engine.error().message);
  return std::move(*engine);
}

}  // namespace

World::World(const Plan& plan, Trace& trace) : plan_(plan), rng_(plan.seed ^ 0x5eed), now_(plan.start) {
  const auto ends = make_link(rng_.next(), plan.impairments[0], plan.impairments[1]);
  link_ = ends.first.link;
  hosts_ = {make_engine(plan.hosts[0], ends.first), make_engine(plan.hosts[1], ends.second)};
  for (std::size_t from = 0; trace.is_on() && from < 2; ++from)
    link_->watch(from == 0 ? sim::End::a : sim::End::b, [&trace, from](Instant at, bool arrived, std::span<const std::uint8_t> frame) {
      trace.frame(at, from, arrived, frame);
    });
  for (std::size_t host = 0; host < 2; ++host)
    for (std::uint16_t lcore = 0; lcore < hosts_[host]->lcores(); ++lcore) steps_.push_back({host, lcore});
  traffic_ = std::make_unique<Traffic>(plan, std::array{hosts_[0].get(), hosts_[1].get()}, trace);
  set_clock(now_);
}

World::~World() {
  // The engines' last packets may still reach the applications.
  for (auto& host : hosts_) host.reset();
}

void World::set_clock(Instant now) {
  now_ = now;
  for (auto& host : hosts_) host->set_clock(now);
}

Instant World::next_deadline() { return std::min(hosts_[0]->next_deadline(), hosts_[1]->next_deadline()); }

// Every lcore once, in an order of the seed's.
bool World::pass() {
  for (std::size_t i = steps_.size(); i > 1; --i) std::swap(steps_[i - 1], steps_[rng_.below(static_cast<std::uint32_t>(i))]);
  bool worked = false;
  for (const Step& step : steps_) worked |= hosts_[step.host]->run_once(step.lcore);
  ++passes_;
  return worked;
}

// Busy lcores take time; idle ones wait for what comes next. False when nothing ever will.
bool World::move_clock(bool worked) {
  const Instant before = now_;
  if (worked) {
    set_clock(now_ + plan_.pass_cost);
  } else {
    const Instant next = next_deadline();
    if (next == never) return false;
    set_clock(std::max(now_, next));
  }
  passes_at_now_ = now_ == before ? passes_at_now_ + 1 : 0;
  return passes_at_now_ < most_passes_at_once;
}

std::string World::run() {
  const std::uint64_t lost_before = pkt::freed_without_reason();
  traffic_->begin();
  std::string wrong = transfer();
  if (wrong.empty()) wrong = wind_down();
  if (wrong.empty()) wrong = judge_counters();
  for (const auto& host : hosts_)
    if (const Stats books = host->stats(); wrong.empty() && books.packets_begun != books.packets_ended)
      wrong = std::to_string(books.packets_begun) + " packets began, " + std::to_string(books.packets_ended) + " ended";
  if (wrong.empty() && pkt::freed_without_reason() != lost_before) wrong = "packets were freed without a reason";
  return wrong;
}

std::string World::transfer() {
  std::uint64_t progress = 0;
  Instant progress_at = now_;
  while (!traffic_->is_done()) {
    const bool worked = pass();
    if (!traffic_->complaint().empty()) return traffic_->complaint();
    if (traffic_->is_done()) break;
    if (traffic_->progress() != progress) {
      progress = traffic_->progress();
      progress_at = now_;
    }
    if (now_ - progress_at > patience) return "stuck: no progress in 30 virtual minutes";
    if (passes_ > most_passes) return "stuck: too many passes";
    if (!move_clock(worked)) return "stuck: nothing is due, or the clock stands still";
  }
  return traffic_->complaint();
}

// What the applications let go of ends in the background.
std::string World::wind_down() {
  const Instant end = now_ + longest_close;
  for (;;) {
    const bool worked = pass();
    if (passes_ > most_passes) return "stuck while closing: too many passes";
    if (!worked && next_deadline() > end) break;
    if (!move_clock(worked)) return "stuck while closing: the clock stands still";
  }
  for (std::size_t i = 0; i < 2; ++i)
    if (const auto held = hosts_[i]->packets_in_use(); held != 0)
      return "host " + std::to_string(i) + " keeps " + std::to_string(held) + " packet buffers";
  return traffic_->complaint();
}

std::string World::judge_counters() {
  std::uint64_t opened = 0;
  std::uint64_t accepted = 0;
  std::uint64_t time_waits = 0;
  std::uint64_t resets = 0;
  for (const auto& host : hosts_) {
    const Stats stats = host->stats();
    opened += stats.total("tcp", "ActiveOpens");
    accepted += stats.total("tcp", "PassiveOpens");
    time_waits += stats.total("tcp_ext", "TW");
    resets += stats.total("drop", "tcp_reset");
    if (stats.total("tcp", "AttemptFails") + stats.total("tcp", "EstabResets") + stats.total("tcp_ext", "TCPAbortOnTimeout") != 0)
      return "a connection was reset or given up";
  }
  // The side that closes first waits; both do when they close at the same time. The reset that answers a late copy of
  // its last ACK ends the wait early, as in Linux (RFC 1337).
  if (opened != plan_.streams.size() || accepted < opened || time_waits + resets < opened || time_waits > 2 * opened)
    return std::to_string(opened) + " connections were opened, " + std::to_string(accepted) + " accepted, " +
           std::to_string(time_waits) + " ended in TIME-WAIT";
  return {};
}

std::string World::to_string() {
  std::string text = plan_.to_string() + traffic_->to_string();
  text += "after " + std::to_string((now_ - plan_.start) / 1us) + " us and " + std::to_string(passes_) + " passes\n";
  for (std::size_t i = 0; i < 2; ++i) {
    const Instant next = hosts_[i]->next_deadline();
    text += "host " + std::to_string(i) + ": " + std::to_string(hosts_[i]->packets_in_use()) + " packet buffers in use, next deadline " +
            (next == never ? "never" : "in " + std::to_string((next - now_) / 1us) + " us") + "\n" + hosts_[i]->stats().to_text();
  }
  return text;
}

void World::add_to(Totals& totals) const {
  totals["bytes delivered"] += traffic_->bytes_delivered();
  totals["datagrams delivered"] += traffic_->datagrams_delivered();
  for (const sim::End end : {sim::End::a, sim::End::b}) {
    const sim::ChannelStats stats = link_->stats(end);
    totals["frames lost"] += stats.lost;
    totals["frames duplicated"] += stats.duplicated;
    totals["frames reordered"] += stats.reordered;
    totals["frames corrupted"] += stats.corrupted;
    totals["frames overflowed"] += stats.overflowed;
  }
  for (const auto& host : hosts_) {
    const Stats stats = host->stats();
    for (const auto& [group, name] : {std::pair{"tcp", "RetransSegs"}, {"tcp", "InCsumErrors"}, {"tcp_ext", "TCPTimeouts"},
                                      {"tcp_ext", "TCPFastRetrans"}, {"tcp_ext", "TCPOFOQueue"}, {"gro", "merged"}, {"gso", "hardware"}, {"gso", "software"}, {"steer", "enqueued"},
                                      {"steer", "tx_handoff"}, {"softnet", "time_squeeze"}, {"drop", "udp_bad_checksum"}})
      totals[std::string(group) + "." + name] += stats.total(group, name);
  }
}

}  // namespace millrace::test

// SPDX-License-Identifier: BSD-3-Clause
// Runs DPDK's driver and our port on a device model that attacks them as the input says, while frames cross both ways. Called by libFuzzer,
// or by replay.cpp with the corpus; each device's own part is its attacker. Whatever the device writes, each packet that leaves the port lies
// within its buffers; a queue that takes nothing any more is told of; once the device behaves, a reset brings the port back; and then
// no buffer is missing, and none is there twice.
#include "tests/devmodel/soundness.hpp"
#include "tests/fuzz/device_attacker.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/support/raw_frame.hpp"

#include <millrace/base/log.hpp>
#include <millrace/stats/lcore_stats.hpp>

#include <rte_cycles.h>
#include <rte_log.h>

#include <cstdio>
#include <functional>

using namespace millrace;
using devmodel::Subject;
using fuzz::Attacker;
using fuzz::Input;

namespace {

constexpr std::uint16_t ring = 64;
constexpr std::uint32_t buffers = 511;

/// A frame as it crosses a cable, and as a stack sends it whose device finishes the sum. Made once: fuzzing is nothing but them.
struct Frame {
  explicit Frame(const test::RawFrame& raw)
      : l4_offset(static_cast<std::uint16_t>(raw.l4_offset())), checksum(raw.proto == 6 ? pkt::ChecksumRequest::tcp : pkt::ChecksumRequest::udp), finished(raw.bytes()), unfinished(raw.unfinished()) {}
  std::uint16_t l4_offset;
  pkt::ChecksumRequest checksum;
  std::vector<std::uint8_t> finished, unfinished;
};

/// A device, the port on it and its buffers: made once, and as new before each input.
struct Bench {
  explicit Bench(Subject& subject) : attacker(fuzz::make_attacker(subject)) {
    auto made = pkt::Pool::create({.name = "fuzz" + subject.slot.name(), .packets = buffers});
    MR_ASSERT(made);
    pool = std::move(*made);
    env.pool = pool.get();
    ethdev::Options options = attacker->options();
    options.name = subject.slot.name();
    options.ifindex = 1;
    options.rx_ring = options.tx_ring = ring;
    options.pools.push_back(pool.get());
    auto opened = ethdev::open(options);
    if (!opened) std::fprintf(stderr, "%s\n", opened.error().message.c_str());
    MR_ASSERT(opened);
    port = std::move(*opened);
    attacker->settle();
    in_ring = pool->in_use();
    for (const std::size_t payload : {std::size_t{20}, std::size_t{60}, std::size_t{200}, std::size_t{1000}, port->info().mtu - std::size_t{60}})
      for (const bool v6 : {false, true})
        for (const std::uint8_t proto : {std::uint8_t{17}, std::uint8_t{6}})
          frames.emplace_back(test::RawFrame{.v6 = v6, .proto = proto, .payload = payload, .destination = port->info().mac});
  }
  std::unique_ptr<Attacker> attacker;
  std::unique_ptr<pkt::Pool> pool;
  std::unique_ptr<port::Port> port;
  std::vector<Frame> frames;
  std::uint32_t in_ring = 0;  ///< buffers that the driver has of a port at rest
  stats::LcoreStats stats;
  Env env{.now = Instant{} + std::chrono::hours(1), .rng = Rng(7), .stats = &stats};
};

// Of all devices, for a driver that EAL has probed keeps memory until it is opened; until the process ends.
const std::vector<std::unique_ptr<Bench>>& benches() {
  static const auto& all = *[] {
    set_log_level(LogLevel::off);
    auto* const made = new std::vector<std::unique_ptr<Bench>>;
    for (Subject* const subject : devmodel::subjects()) made->push_back(std::make_unique<Bench>(*subject));
    rte_log_set_global_level(RTE_LOG_EMERG);  // drivers complain of such devices at length
    return made;
  }();
  return all;
}

class Session {
 public:
  Session(Input& input, Bench& bench)
      : input_(input), bench_(bench), attacker_(*bench.attacker), choices_([&input](std::uint32_t bound) { return input.choose(bound); }) {}

  void run() {
    while (!input_.empty()) step();
    recover();
  }

 private:
  void step() {
    const std::uint32_t what = input_.choose(16);
    if (what < 5) attacker_.strike(choices_);
    else if (what < 8) arrive(1 + input_.choose(8), any_frame());
    else if (what < 10) poll(static_cast<std::uint16_t>(1 + input_.choose(32)));
    else if (what < 12) leave(1 + input_.choose(8), any_frame(), input_.choose(4));
    else if (what == 12) arrive(1, short_frame()), poll(32), leave(1, short_frame());
    else if (what == 13) attacker_.release_late();
    else if (what == 14) look();
    else seldom(input_.choose(8));
  }
  void seldom(std::uint32_t what) {
    if (what < 2) keeps_ = what == 0;
    if (what == 2) pkt::consume(kept_);
    if (what == 3) while (pkt::Packet packet = bench_.pool->allocate()) kept_.push_back(std::move(packet));
    if (what == 4) queue().arm();
    if (what == 5) queue().disarm();
    if (what == 6) attacker_.subject.device->set_link(input_.choose(2) != 0);
    // Without buffers, or with a device that does not answer, it fails, and says so.
    if (what == 7 && attacker_.can_be_stopped(!kept_.empty())) is_dead_ = !bench_.port->reset();
  }

  port::RxQueue& queue() { return bench_.port->rx_queue(0); }
  const Frame& any_frame() { return bench_.frames[input_.choose(static_cast<std::uint32_t>(bench_.frames.size()))]; }
  const Frame& short_frame() { return bench_.frames.front(); }

  void arrive(std::uint32_t frames, const Frame& frame) {
    for (; frames > 0; --frames) static_cast<void>(attacker_.subject.device->receive(frame.finished));
  }
  /// How many packets came.
  std::size_t poll(std::uint16_t budget) {
    pkt::Burst burst;
    const std::uint16_t count = queue().receive(bench_.env, burst, budget);
    MR_ASSERT(count == burst.size() && count <= budget);
    burst.take_all([&](pkt::Packet packet) {
      MR_ASSERT(devmodel::is_sound(packet));
      last_.resize(packet.length());
      packet.copy_out(0, last_);
      if (keeps_) return kept_.push_back(std::move(packet));
      pkt::consume(std::move(packet));
    });
    return count;
  }
  /// In buffers of `piece` bytes; null: there are no buffers.
  pkt::Packet make(const std::vector<std::uint8_t>& bytes, std::size_t piece) {
    pkt::Packet whole;
    for (std::size_t at = 0; at < bytes.size();) {
      pkt::Packet part = bench_.pool->allocate();
      if (!part) {
        if (whole) pkt::consume(std::move(whole));
        return {};
      }
      const std::size_t n = std::min(piece, bytes.size() - at);
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), n, part.append(static_cast<std::uint16_t>(n)));
      at += n;
      if (whole) whole.chain(std::move(part));
      else whole = std::move(part);
    }
    return whole;
  }
  /// Whether the port took all of them. Bits of `form`: the device finishes the sum; several buffers.
  bool leave(std::uint32_t frames, const Frame& frame, std::uint32_t form = 0) {
    pkt::Burst burst;
    for (; frames > 0; --frames) {
      pkt::Packet packet = make((form & 1) != 0 ? frame.unfinished : frame.finished, (form & 2) != 0 ? 200 : 1800);
      if (!packet) break;
      packet.meta().l3_offset = 14;
      packet.meta().l4_offset = frame.l4_offset;
      if ((form & 1) != 0) packet.meta().tx_checksum = frame.checksum;
      burst.push(std::move(packet));
    }
    bench_.port->tx_queue(0).transmit(bench_.env, burst);
    const bool all = burst.empty();
    burst.take_all([](pkt::Packet packet) { pkt::consume(std::move(packet)); });
    return all;
  }
  /// What an engine looks at once a second.
  std::optional<port::Fault> look() {
    bench_.env.now += std::chrono::seconds(1);
    static_cast<void>(bench_.port->device_stats());
    static_cast<void>(bench_.port->link());
    static_cast<void>(queue().waiting());
    return bench_.port->check(bench_.env.now);
  }

  void recover() {
    attacker_.release_late();
    attacker_.mend();
    attacker_.subject.device->set_link(true);
    keeps_ = false;
    pkt::consume(kept_);
    attacker_.settle();
    while (poll(32) != 0) {
    }
    // The last of them ends whatever frame the driver has begun.
    for (int i = 0; i < 4; ++i) arrive(1, short_frame()), poll(32);
    if (!is_dead_ && !leave(1, short_frame())) MR_ASSERT(is_told());
    start_anew();
    judge();
    for (const Frame& frame : {std::cref(bench_.frames.front()), std::cref(bench_.frames.back())}) MR_ASSERT(crosses(frame));
  }
  /// A port that takes nothing while frames are offered.
  bool is_told() {
    for (int second = 0; second < 8; ++second) {
      if (look() || leave(1, short_frame())) return true;
    }
    return false;
  }
  void start_anew() {
    const auto done = bench_.port->reset();
    if (!done) std::fprintf(stderr, "%s\n", done.error().message.c_str());
    MR_ASSERT(done);
    attacker_.settle();
    MR_ASSERT(bench_.port->link().up);
  }
  /// Each way, bit for bit.
  bool crosses(const Frame& frame) {
    MR_ASSERT(attacker_.subject.device->receive(frame.finished));
    const bool came = poll(32) == 1 && last_ == frame.finished;
    attacker_.subject.wire.clear();
    return came && leave(1, frame) && attacker_.subject.wire.size() == 1 && attacker_.subject.wire.front() == frame.finished;
  }
  void judge() {
    for (const std::string& what : attacker_.subject.slot.violations()) std::fprintf(stderr, "%s\n", what.c_str());
    MR_ASSERT(attacker_.subject.slot.violations().empty());
    MR_ASSERT(bench_.pool->in_use() == bench_.in_ring && pkt::freed_without_reason() == 0);
    MR_ASSERT(devmodel::has_each_once(*bench_.pool));
  }

  Input& input_;
  Bench& bench_;
  Attacker& attacker_;
  const devmodel::Choices choices_;
  bool keeps_ = false;
  bool is_dead_ = false;  ///< since a reset that failed
  pkt::PacketList kept_;
  std::vector<std::uint8_t> last_;  ///< of the packets that came
};

}  // namespace

// What drivers wait for is there at once in a model: an 82576 would be half a second in getting up. Comes before DPDK's own.
extern "C" void rte_delay_us_sleep(unsigned) {}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto& all = benches();
  Session(input, *all[input.choose(static_cast<std::uint32_t>(all.size()))]).run();
  return 0;
}

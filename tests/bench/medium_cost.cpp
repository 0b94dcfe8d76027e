// SPDX-License-Identifier: BSD-3-Clause
// B5 on one medium or one kind of device model: a program for each, over the subjects of the conformance suite. Frames come from the far
// end, 32 at a time, and go back to it; what happens there is not measured. Called by port_media.cpp and, under valgrind, callgrind.py.
#include "tests/bench/bare_loop.hpp"
#include "tests/bench/compare.hpp"
#include "tests/bench/port_loops.hpp"
#include "tests/bench/report.hpp"
#include "tests/conformance/subject.hpp"
#include "tests/support/raw_frame.hpp"

#include <rte_ethdev.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>

extern "C" {
// Not static and not inlined, so that they are in the profile under these names.
[[gnu::noinline]] std::uint64_t mr_count_bare(std::uint16_t port, std::uint64_t packets);
[[gnu::noinline]] std::uint64_t mr_count_port(const millrace::bench::PortEnds& ends, std::uint64_t packets);
[[gnu::noinline]] std::uint64_t mr_count_poll_loop(millrace::bench::PollLoop& loop, std::uint64_t packets);

std::uint64_t mr_count_bare(std::uint16_t port, std::uint64_t packets) { return millrace::bench::peer::bare_loop_avx2(port, packets); }
std::uint64_t mr_count_port(const millrace::bench::PortEnds& ends, std::uint64_t packets) { return millrace::bench::port_loop(ends, packets); }
std::uint64_t mr_count_poll_loop(millrace::bench::PollLoop& loop, std::uint64_t packets) { return loop.run(packets); }
}

namespace millrace::bench {
namespace {

constexpr std::uint16_t burst = PortEnds::burst_size;
constexpr double most_ns = 2;
constexpr unsigned give_up_after = 120;  // seconds; a frame that was lost on its way would be waited for without an end

/// A port on a subject, and the far end of it.
class Medium {
 public:
  explicit Medium(conformance::Subject& subject) : subject_(subject) {
    auto pool = pkt::Pool::create({.name = "bench_medium", .packets = 4095});
    if (!pool) throw std::runtime_error(pool.error().message);
    pool_ = std::move(*pool);
    auto port = subject.open({.name = {}, .ifindex = 1, .rx_ring = subject.traits.ring, .tx_ring = subject.traits.ring, .pools = {pool_.get()}});
    if (!port) throw std::runtime_error(port.error().message);
    port_ = std::move(*port);
    env_.pool = pool_.get();
    env_.stats = &stats_;
    if (rte_eth_dev_get_port_by_name(port_->info().name.c_str(), &port_id_) != 0) throw std::runtime_error("the port has no id");
    await_link();
    // 60 bytes, 64 with the frame check sequence.
    frame_ = test::RawFrame{.payload = 18, .destination = port_->info().mac}.bytes();
  }
  ~Medium() { subject_.close(std::move(port_)); }
  Medium(const Medium&) = delete;
  Medium& operator=(const Medium&) = delete;

  [[nodiscard]] PortEnds ends() { return {env_, port_->rx_queue(0), port_->tx_queue(0)}; }
  [[nodiscard]] std::uint16_t port_id() const { return port_id_; }
  /// A burst arrives.
  void offer() {
    for (std::uint16_t i = 0; i < burst; ++i)
      if (!subject_.inject(frame_)) throw std::runtime_error("the medium takes no frame");
  }
  /// Throws unless it has come back.
  void expect_back() {
    const std::vector<conformance::Frame> back = subject_.sent(burst);
    if (back.size() != burst) throw std::runtime_error(std::to_string(back.size()) + " frames came back instead of " + std::to_string(burst));
    for (const conformance::Frame& frame : back)
      if (frame != frame_) throw std::runtime_error("a frame did not come back as it was");
  }

 private:
  // A device may tell of its link by an interrupt, which EAL hears in a thread of its own.
  void await_link() const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3);
    while (!port_->link().up) {
      if (std::chrono::steady_clock::now() > end) throw std::runtime_error("the link stays down");
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

  conformance::Subject& subject_;
  std::unique_ptr<pkt::Pool> pool_;
  std::unique_ptr<port::Port> port_;
  std::uint16_t port_id_ = 0;
  stats::LcoreStats stats_;
  Env env_;
  std::vector<std::uint8_t> frame_;
};

void list() {
  for (const auto& subject : conformance::subjects()) {
    std::string name = subject->traits.driver + '/' + subject->traits.name;
    for (char& c : name) c = c == ' ' || c == ',' ? '_' : c;
    std::printf("%s\n", name.c_str());
  }
}

void count(std::uint64_t packets, std::size_t number) {
  Medium medium(*conformance::subjects().at(number));
  PollLoop loop(medium.ends());
  const auto turn = [&](const char* name, std::uint64_t bursts, auto&& through) {
    for (std::uint64_t i = 0; i < bursts; ++i) {
      medium.offer();
      through();
      medium.expect_back();
    }
    if (name != nullptr) std::printf("%s %llu\n", name, static_cast<unsigned long long>(bursts * burst));
  };
  const std::uint64_t bursts = packets / burst;
  turn(nullptr, 64, [&] { port_loop(medium.ends(), burst); });  // the rings have gone round
  turn("mr_count_bare", bursts, [&] { mr_count_bare(medium.port_id(), burst); });
  turn("mr_count_port", bursts, [&] { mr_count_port(medium.ends(), burst); });
  turn("mr_count_poll_loop", bursts, [&] { mr_count_poll_loop(loop, burst); });
}

void time_one(Control& control, Report& report, conformance::Subject& subject, std::string name) {
  Medium medium(subject);
  PollLoop loop(medium.ends());
  bool is_under_way = false;
  const auto prepare = [&] {
    if (is_under_way) medium.expect_back();
    medium.offer();
    is_under_way = true;
  };
  const Comparison result = compare(control, {.sections = 32, .units = burst}, {.prepare = prepare, .run = [&] { loop.run(burst); }},
                                    {.prepare = prepare, .run = [&] { peer::bare_loop(medium.port_id(), burst); }});
  medium.expect_back();
  report.comparison({.id = "B5", .name = std::move(name), .peer_name = "bare_loop", .goal = Goal::added_at_most(most_ns)}, result);
}

int time_all() {
  Load load;
  Report report(load);
  const auto& subjects = conformance::subjects();
  Control control(false);
  for (const auto& subject : subjects) {
    std::string name = "layer:poll_loop,medium:" + subject->traits.driver + '/' + subject->traits.name + ",burst:32";
    for (char& c : name) c = c == ' ' ? '_' : c;
    load.look();
    try {
      time_one(control, report, *subject, name);
    } catch (const std::exception& error) {
      report.failure("B5", name, error.what());
    }
  }
  return report.has_failed() ? 1 : 0;
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  alarm(millrace::bench::give_up_after);
  try {
    if (what == "--list") return millrace::bench::list(), 0;
    if (what == "--time") return millrace::bench::time_all();
    if (what == "--callgrind-child" && argc == 4) return millrace::bench::count(std::strtoull(argv[2], nullptr, 10), std::strtoull(argv[3], nullptr, 10)), 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench: %s\n", error.what());
    return 1;
  }
  std::fprintf(stderr, "usage: %s --list | --time | --callgrind-child PACKETS SUBJECT\n", argv[0]);
  return 2;
}

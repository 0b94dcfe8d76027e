// SPDX-License-Identifier: BSD-3-Clause
// Rx queues that go from lcore to lcore while an engine receives by them. Part of the suite.
#include <millrace/engine/engine.hpp>
#include <millrace/engine/port_control.hpp>
#include <millrace/pkt/packet.hpp>

#include "tests/conformance/opened.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

using namespace millrace;
using namespace millrace::conformance;
using namespace std::chrono_literals;
using test::RawFrame;

namespace {

constexpr std::uint16_t flows = 8;  // each keeps its queue, also where the far end goes from queue to queue: it comes round
constexpr std::uint16_t port_number = 2000;
constexpr std::array<std::uint8_t, 4> far_end{10, 77, 0, 1};
constexpr std::array<std::uint8_t, 4> our_end{10, 77, 0, 2};

/// Who has 10.77.0.2? RFC 826.
Frame arp_request() {
  Frame frame(60);
  constexpr std::array<std::uint8_t, 22> head{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1};
  std::copy(head.begin(), head.end(), frame.begin());
  std::copy_n(head.begin() + 6, 6, frame.begin() + 22);
  std::copy(far_end.begin(), far_end.end(), frame.begin() + 28);
  std::copy(our_end.begin(), our_end.end(), frame.begin() + 38);
  return frame;
}

bool is_arp_reply(const Frame& frame) { return frame.size() >= 42 && frame[12] == 0x08 && frame[13] == 0x06 && frame[21] == 2; }

/// An engine of two lcores with a port on the subject, whose queues are all on one of them. It is stepped by hand, and its clock
/// stands still: no watchdog finds what an interrupt has not told of.
class Receiver {
 public:
  Receiver(Subject& subject, config::RxMode mode) : subject_(subject), queues_(subject.traits.queues), mode_(mode) {
    const Result<void> made = subject.attach({.rx_queues = queues_, .tx_queues = queues_}, [this](const ethdev::Options& named) { return make(named); });
    if (!made && why_not_.empty()) FAIL(made.error().message);
  }
  ~Receiver() {
    if (engine_) subject_.detach([this] { engine_.reset(); });
    CHECK(Engine::unbalanced_ends() == unbalanced_before_);
    CHECK(pkt::freed_without_reason() == lost_before_);
    CHECK(subject_.violations() == std::vector<std::string>{});
  }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  /// Why an engine cannot have such a port; "": it can.
  [[nodiscard]] const std::string& why_not() const { return why_not_; }

  /// Is where the far end finds it.
  void begin() {
    listen();
    find();
  }
  /// With frames that were taken before, that wait in the device, and that come when it has been done.
  void move_under_traffic(std::uint16_t to) {
    bring(4);
    engine_->run_once(lcore_);
    bring(4);
    const std::uint16_t from = lcore_;
    const std::uint64_t taken = counted("port", "rx_packets", from);
    move(to);
    bring(4);
    await_all();
    CHECK(counted("port", "rx_packets", from) == taken);
  }
  /// With nothing that would have the queues polled but their interrupts, if it is by these that they are.
  void move_idle(std::uint16_t to) {
    become_idle();
    move(to);
    become_idle();
    const std::uint64_t interrupts = counted("softnet", "interrupts", to);
    bring(1);
    await_all();
    CHECK((counted("softnet", "interrupts", to) > interrupts) == (mode_ == config::RxMode::interrupt));
  }
  /// Of each flow everything, in the order in which it was sent.
  void check_order() const {
    for (const auto& numbers : received_) {
      std::vector<std::uint8_t> all(sent_);
      std::iota(all.begin(), all.end(), std::uint8_t{0});
      CHECK(numbers == all);
    }
  }

 private:
  Result<void> make(const ethdev::Options& named) {
    if (!named.checksum_offload) return failure(EOPNOTSUPP, why_not_ = "lib/engine/options.cpp: ethdev_options() leaves checksum_offload on");
    Config config;
    config.clock = config::ClockSource::manual;
    config.seed = 1;
    config.eal.pool_packets = packets_for(subject_, queues_);
    config.lcores.resize(2);
    config.ports.push_back({.name = "p0",
                            .driver = ethdev::is_pci_address(named.name) ? config::PortDriver::ethdev : config::PortDriver::vdev,
                            .device = named.name + (named.args.empty() ? "" : "," + named.args),
                            .rx_queues = queues_,
                            .tx_queues = queues_,
                            .rx_desc = subject_.traits.ring,
                            .tx_desc = subject_.traits.ring,
                            .rx_lcores = std::vector<std::uint16_t>(queues_),
                            .rx_mode = mode_});
    config.stacks.push_back({.name = "host", .interfaces = {{.port = "p0", .name = "eth0", .addresses = {*IpPrefix::parse("10.77.0.2/24")}}}, .routes = {}});
    return Engine::create(config).map([this](auto&& engine) { engine_ = std::move(engine); });
  }
  void listen() {
    const auto on_readable = [this](UdpSocket& socket) {
      std::array<std::uint8_t, 64> bytes;
      Endpoint from;
      while (socket.receive_from(bytes, from) > 0) received_.at(from.port - 1000u).push_back(bytes[0]);
    };
    REQUIRE(engine_->bind_udp({IpAddress::v4(10, 77, 0, 2), port_number}, [&](UdpSocket& socket) { socket.on_readable(on_readable); }));
  }
  /// The far end asks for our address until the link carries it.
  void find() {
    REQUIRE(step_until([this] {
      static_cast<void>(subject_.inject(arp_request()));
      std::this_thread::sleep_for(1ms);
      engine_->run_once();
      for (const Frame& frame : subject_.sent(0)) {
        if (!is_arp_reply(frame)) continue;
        std::copy_n(frame.begin() + 6, 6, mac_.bytes.begin());
        return true;
      }
      return false;
    }));
  }
  bool step_until(const std::function<bool()>& is_done) {
    const auto end = std::chrono::steady_clock::now() + 5s;
    while (std::chrono::steady_clock::now() < end) {
      if (is_done()) return true;
      engine_->run_once();
    }
    return false;
  }
  void bring(int rounds) {
    for (; rounds > 0; --rounds, ++sent_)
      for (std::uint16_t flow = 0; flow < flows; ++flow)
        REQUIRE(subject_.inject(RawFrame{.first_byte = sent_, .source_port = static_cast<std::uint16_t>(1000 + flow), .destination_port = port_number, .destination = mac_}.bytes()));
  }
  void await_all() {
    CHECK(step_until([this] { return std::all_of(received_.begin(), received_.end(), [this](const auto& numbers) { return numbers.size() >= sent_; }); }));
  }
  /// Polled once more, and then armed.
  void become_idle() {
    for (int passes = 0; passes < 3; ++passes) engine_->run_once();
  }
  void move(std::uint16_t to) {
    PortControl control = *engine_->port("p0");
    for (std::uint16_t queue = 0; queue < queues_; ++queue) {
      REQUIRE(control.set_smp_affinity(queue, config::LcoreMask().set(to)));
      CHECK(control.smp_affinity(queue) == config::LcoreMask().set(to));
    }
    lcore_ = to;
  }
  [[nodiscard]] std::uint64_t counted(std::string_view group, std::string_view name, std::uint16_t lcore) const { return engine_->stats().find(group, name)->by_lcore.at(lcore); }

  Subject& subject_;
  const std::uint16_t queues_;
  const config::RxMode mode_;
  const std::uint64_t unbalanced_before_ = Engine::unbalanced_ends();
  const std::uint64_t lost_before_ = pkt::freed_without_reason();
  std::string why_not_;
  std::unique_ptr<Engine> engine_;
  MacAddress mac_{};
  std::uint16_t lcore_ = 0;  ///< where the queues are
  std::uint8_t sent_ = 0;    ///< of each flow
  std::array<std::vector<std::uint8_t>, flows> received_{};
};

}  // namespace

TEST_CASE("conformance: an rx queue is moved from lcore to lcore and back under traffic; nothing is lost, nothing overtakes") {
  for_each_subject([](Subject& subject) {
    for (const auto mode : {config::RxMode::poll, config::RxMode::interrupt}) {
      if (mode == config::RxMode::interrupt && !subject.traits.has_rx_interrupts) continue;  // A13, B3 tells why
      INFO("by interrupts " << (mode == config::RxMode::interrupt));
      Receiver receiver(subject, mode);
      if (!receiver.why_not().empty()) return not_possible(subject, receiver.why_not());
      receiver.begin();
      for (int round = 0; round < 3; ++round) {
        for (const std::uint16_t to : {1, 0}) receiver.move_under_traffic(to);
        for (const std::uint16_t to : {1, 0}) receiver.move_idle(to);
      }
      receiver.check_order();
    }
  });
}

// SPDX-License-Identifier: BSD-3-Clause
// Whole engines on device models, cabled to each other: what the demo does, with DPDK's drivers and no hardware in between.
#include <millrace/base/rng.hpp>
#include <millrace/engine/port_control.hpp>

#include "tests/devmodel/subject.hpp"
#include "tests/devmodel/virtio/net.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"
#include "tests/support/two_engines.hpp"

#include <algorithm>
#include <array>

using namespace millrace;
using namespace millrace::test;
using namespace std::chrono_literals;
using devmodel::Subject;
using devmodel::subjects;

std::vector<std::unique_ptr<Subject>> devmodel::make_subjects() {
  std::vector<std::unique_ptr<Subject>> all;
  all.push_back(make_subject<virtio::Net>({.name = "virtio, split ring"}));
  all.push_back(make_subject<virtio::Net>({.name = "virtio, packed ring"}, virtio::Net::Options{.packed = true, .mac = {0x02, 0x00, 0x00, 0x1a, 0xf4, 0x02}}));
  return all;
}

namespace {

/// One end's frames are the other's, but for those that are lost: one in `loss`, 0: none.
void lay_cable(Subject& from, Subject& to, std::uint64_t loss, Rng& rng) {
  from.device->connect([&to, loss, &rng](devmodel::Frame frame) {
    if (loss == 0 || rng.next() % loss != 0) static_cast<void>(to.device->receive(frame));
  });
}

/// Two hosts, each with a device as its port.
struct Hosts {
  Subject& first;
  Subject& second;
  const std::uint64_t loss;
  Rng rng{seed()};
  std::unique_ptr<TwoEngines> world;

  Hosts(Subject& one, Subject& other, std::uint64_t frames_lost = 0) : first(one), second(other), loss(frames_lost) {
    devmodel::hear_faults();
    lay_cables();
    const auto put_on = [](Config& config, const Subject& subject) {
      config.ports[0].driver = config::PortDriver::ethdev;
      config.ports[0].device = subject.slot.name();
      config.ports[0].rx_mode = config::RxMode::poll;
    };
    world = std::make_unique<TwoEngines>(TwoEngines::Options{.adjust_a = [&](Config& config) { put_on(config, first); }, .adjust_b = [&](Config& config) { put_on(config, second); }});
  }
  void lay_cables() {
    lay_cable(first, second, loss, rng);
    lay_cable(second, first, loss, rng);
  }
  ~Hosts() {
    world.reset();
    for (const Subject* subject : {&first, &second}) CHECK(subject->slot.violations() == std::vector<std::string>{});
  }
  Hosts(const Hosts&) = delete;
  Hosts& operator=(const Hosts&) = delete;
};

/// A stream from the first host to the second and, echoed, back.
struct Transfer {
  TwoEngines& world;
  const std::string sent = pattern(200'000);
  Conversation client{};
  std::size_t at = 0;

  explicit Transfer(TwoEngines& of) : world(of) {
    REQUIRE(world.b->listen(endpoint("10.77.0.2:80"), [](Stream& stream) {
      stream.on_readable([](Stream& s) { echo(s); });
      stream.on_writable([](Stream& s) { echo(s); });
    }));
    auto connecting = TwoEngines::sockets(*world.a).connect(endpoint("10.77.0.2:80"));
    REQUIRE(connecting);
    client.join(**connecting);
  }
  bool run_until_received(std::size_t bytes_back) {
    return world.run_until([&] {
      if (client.stream != nullptr && client.connected && at < sent.size()) {
        const std::int64_t n = client.stream->write(bytes(std::string_view(sent).substr(at)));
        if (n > 0) at += static_cast<std::size_t>(n);
      }
      return client.received.size() >= bytes_back;
    });
  }
  void end() {
    CHECK(run_until_received(sent.size()));
    CHECK(client.received == sent);
    if (client.stream != nullptr) client.stream->close();
    world.run_for(120s);
  }
};

std::uint64_t counter(Engine& engine, const std::string& name) {
  for (const auto& [key, value] : engine.port("p0")->ethtool_statistics())
    if (key == name) return value;
  return 0;
}

/// A frame that nobody takes, with that VLAN's tag.
devmodel::Frame tagged(const MacAddress& to, std::uint8_t vlan) {
  devmodel::Frame frame(64);
  std::copy(to.bytes.begin(), to.bytes.end(), frame.begin());
  frame[6] = 2;
  frame[12] = 0x81;
  frame[15] = vlan;
  frame[16] = 0x88;
  frame[17] = 0xb5;
  return frame;
}

}  // namespace

TEST_CASE("two hosts on device models talk TCP, over a good cable and one that loses a frame in thirty") {
  for (const std::uint64_t loss : {std::uint64_t{0}, std::uint64_t{30}}) {
    INFO("MILLRACE_SEED=" << seed() << ", loss 1 in " << loss);
    Hosts hosts(*subjects()[0], *subjects()[1], loss);
    Transfer(*hosts.world).end();
  }
}

TEST_CASE("G10: the device below a VLAN port lets its tag in and no other, after a reset, too") {
  Subject& subject = *subjects()[0];
  subject.connect();
  Config config = host_config(1);
  config.ports[0].driver = config::PortDriver::ethdev;
  config.ports[0].device = subject.slot.name();
  config.ports[0].rx_mode = config::RxMode::poll;
  config.ports[0].mac = MacAddress{{2, 0, 0, 0, 0, 0x11}};
  config.ports.push_back({.name = "v5", .driver = config::PortDriver::vlan, .link = "p0", .vlan_id = 5});
  {
    auto engine = Engine::create(config);
    if (!engine) FAIL(engine.error().message);
    for (const bool is_reset : {false, true}) {
      if (is_reset) REQUIRE((*engine)->port("p0")->reset());
      CHECK(subject.device->receive(tagged(*config.ports[0].mac, 5)));
      CHECK_FALSE(subject.device->receive(tagged(*config.ports[0].mac, 6)));
    }
    REQUIRE((*engine)->port("p0")->set_promiscuous(true));
    CHECK(subject.device->receive(tagged(*config.ports[0].mac, 6)));
  }
  CHECK(subject.slot.violations() == std::vector<std::string>{});
}

TEST_CASE("a port's groups and all-multicast are those of its device") {
  Subject& subject = *subjects()[0];
  subject.connect();
  constexpr MacAddress group{{1, 0, 0x5e, 0, 0, 0xfb}};
  Config config = host_config(1);
  config.ports[0].driver = config::PortDriver::ethdev;
  config.ports[0].device = subject.slot.name();
  config.ports[0].rx_mode = config::RxMode::poll;
  {
    auto engine = Engine::create(config);
    if (!engine) FAIL(engine.error().message);
    auto port = (*engine)->port("p0");
    REQUIRE(port);
    CHECK(subject.device->receive(tagged(group, 0)));
    REQUIRE(port->set_allmulticast(false));
    CHECK_FALSE(subject.device->receive(tagged(group, 0)));
    REQUIRE(port->set_multicast(std::array{group}));
    CHECK(subject.device->receive(tagged(group, 0)));
  }
  CHECK(subject.slot.violations() == std::vector<std::string>{});
}

TEST_CASE("A14, a device that is pulled out takes its port down in a second; put back, its connections go on") {
  Hosts hosts(*subjects()[0], *subjects()[1]);
  TwoEngines& world = *hosts.world;
  Transfer transfer(world);
  REQUIRE(transfer.run_until_received(50'000));
  hosts.first.slot.pull_out();
  world.run_for(1s);
  CHECK(counter(*world.a, "reset_removed") == 1);
  CHECK(counter(*world.a, "resets") == 0);
  CHECK_FALSE(world.a->port("p0")->is_up());
  CHECK(world.b->port("p0")->is_up());
  world.run_for(5s);
  hosts.first.put_back();
  hosts.lay_cables();
  transfer.end();
  CHECK(counter(*world.a, "resets") == 1);
  CHECK(counter(*world.b, "resets") == 0);
}

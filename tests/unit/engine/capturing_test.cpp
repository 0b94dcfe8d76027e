// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/capturing.hpp>

#include <millrace/base/log.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"
#include "tests/unit/capture/pcapng_reader.hpp"

#include <cerrno>
#include <cstdio>
#include <unistd.h>

using namespace millrace;
using test::endpoint;
using test::PcapngFile;
using test::TwoEngines;

namespace {

/// A file name of this process's own, removed at the end.
struct File {
  File() { std::remove(path.c_str()); }
  ~File() { std::remove(path.c_str()); }
  std::string path = "capturing_test." + std::to_string(getpid()) + ".pcapng";
};

config::Capture capture_to(const File& file) { return {.enabled = true, .file = file.path}; }

/// b captures while a asks for its address and sends it `datagrams`, each answered.
void talk(TwoEngines& world, int datagrams) {
  (*TwoEngines::sockets(*world.b).bind_udp(endpoint("0.0.0.0:7")))->on_readable([](UdpSocket& socket) {
    std::array<std::uint8_t, 64> datagram;
    Endpoint from;
    while (socket.receive_from(datagram, from) >= 0) socket.send_to(test::bytes("answer"), from);
  });
  UdpSocket& sender = **TwoEngines::sockets(*world.a).bind_udp(endpoint("10.77.0.1:8"));
  for (int i = 0; i < datagrams; ++i) {
    sender.send_to(test::bytes("question"), endpoint("10.77.0.2:7"));
    world.run_for(1ms);
  }
}

}  // namespace

TEST_CASE("under the manual clock each pass brings its frames to the file, stamped by that clock") {
  File file;
  TwoEngines world({.lcores_b = 2, .adjust_b = [&](Config& config) { config.capture = capture_to(file); }});
  talk(world, 5);
  world.b.reset();
  const PcapngFile read(file.path);
  REQUIRE(read.interfaces.size() == 2);
  CHECK(read.interfaces[0].options.at(2) == "p0");
  CHECK(read.interfaces[1].options.at(2) == "lo");
  REQUIRE(read.packets.size() == 12);  // ARP twice, then five datagrams each way
  std::uint64_t last = 0;
  for (const auto& packet : read.packets) {
    CHECK(packet.time >= last);
    last = packet.time;
    CHECK(packet.bytes.size() == packet.original_length);
  }
  CHECK(last == static_cast<std::uint64_t>((world.now() - 1ms).time_since_epoch().count()));
  CHECK(read.packets.back().bytes.find("answer") != std::string::npos);
}

TEST_CASE("the file is written while the engine runs, not only at its end") {
  File file;
  TwoEngines world({.adjust_b = [&](Config& config) {
    config.capture = capture_to(file);
    config.capture.buffer_bytes = 262144;  // all of it would not fit
  }});
  talk(world, 2000);
  world.b.reset();
  CHECK(PcapngFile(file.path).packets.size() == 4002);
}

TEST_CASE("directions, ports and lengths are as the configuration says") {
  File file;
  struct Case {
    config::Capture capture;
    std::size_t packets;
  };
  const auto with = [&](auto&& change) {
    config::Capture capture = capture_to(file);
    change(capture);
    return capture;
  };
  for (const Case& c :
       {Case{with([](auto& k) { k.direction = config::CaptureDirection::in; }), 6},
        Case{with([](auto& k) { k.direction = config::CaptureDirection::out; }), 6},
        Case{with([](auto& k) { k.ports = {"p0"}; }), 12}, Case{with([](auto& k) { k.ports = {"p1"}; }), 0},
        Case{with([](auto& k) { k.snaplen = 40; }), 12}}) {
    {
      TwoEngines world({.adjust_b = [&](Config& config) {
        config.ports.push_back({.name = "p1"});
        config.capture = c.capture;
      }});
      talk(world, 5);
    }
    const PcapngFile read(file.path);
    CHECK(read.packets.size() == c.packets);
    for (const auto& packet : read.packets) CHECK((c.capture.snaplen == 0 || packet.bytes.size() <= 40));
  }
}

TEST_CASE("a file ends at its largest size") {
  File file;
  {
    TwoEngines world({.adjust_b = [&](Config& config) {
      config.capture = capture_to(file);
      config.capture.max_bytes = 4096;
    }});
    talk(world, 50);
  }
  const PcapngFile read(file.path);
  CHECK(read.size <= 4096);
  CHECK(read.size > 3500);
}

TEST_CASE("a file that cannot be made stops the engine from being built") {
  Config config = test::host_config(2);
  config.capture = {.enabled = true, .file = "/nonexistent/x.pcapng"};
  const auto engine = Engine::create(config);
  REQUIRE_FALSE(engine.has_value());
  CHECK(engine.error().code == ENOENT);
  CHECK(engine.error().message.find("/nonexistent/x.pcapng") != std::string::npos);
}

TEST_CASE("with lcores on threads a thread of its own writes, with the time of day") {
  File file;
  const auto before = std::chrono::system_clock::now().time_since_epoch() / std::chrono::milliseconds(1);
  {
    auto [here, there] = make_link(1);
    Config config = test::host_config(2, 2);
    config.clock = config::ClockSource::tsc;
    config.capture = capture_to(file);
    auto b = Engine::create(config, {{"p0", there}});
    REQUIRE(b.has_value());
    Config peer = test::host_config(1);
    peer.clock = config::ClockSource::tsc;
    auto a = Engine::create(peer, {{"p0", here}});
    REQUIRE(a.has_value());
    std::atomic<int> answers{0};
    REQUIRE((*b)->bind_udp(endpoint("0.0.0.0:7"), [&](UdpSocket& socket) {
      socket.on_readable([&](UdpSocket& s) {
        std::array<std::uint8_t, 64> datagram;
        Endpoint from;
        while (s.receive_from(datagram, from) >= 0) ++answers;
      });
    }));
    REQUIRE((*a)->start());
    REQUIRE((*b)->start());
    (*a)->post(0, [](Sockets& sockets) {
      UdpSocket& socket = **sockets.bind_udp(endpoint("10.77.0.1:8"));
      for (int i = 0; i < 50; ++i) socket.send_to(test::bytes("question"), endpoint("10.77.0.2:7"));
    });
    for (int i = 0; i < 60000 && answers < 50; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    CHECK(answers == 50);
    (*a)->stop();
  }
  const PcapngFile read(file.path);
  CHECK(read.packets.size() >= 52);
  for (const auto& packet : read.packets) CHECK(packet.time / 1000000 + 1000 >= static_cast<std::uint64_t>(before));
}

TEST_CASE("a capture that its file cannot take is told to who runs the program, once") {
  std::vector<std::string> said;
  set_log_sink([&](LogLevel level, std::string_view text) {
    if (level == LogLevel::error) said.emplace_back(text);
  });
  {
    TwoEngines world({.adjust_b = [](Config& config) { config.capture = {.enabled = true, .file = "/dev/full"}; }});
    talk(world, 5);
  }
  set_log_sink({});
  REQUIRE(said.size() == 1);
  CHECK(said[0].find("capture /dev/full: writing the capture: No space left on device; ") == 0);
  CHECK(said[0].find(" frames are not in it: make room, or name another file") != std::string::npos);
}

// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/engine.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"
#include "tests/unit/capture/pcapng_reader.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <unistd.h>

using namespace millrace;
using config::CapturePoint;
using test::endpoint;
using test::PcapngFile;
using test::TwoEngines;

namespace {

struct File {
  explicit File(const std::string& name) : path("captures_test_" + name + "." + std::to_string(getpid()) + ".pcapng") {}
  ~File() { std::remove(path.c_str()); }
  std::string path;
};

/// b has a socket on port 7 and none on port 9; a sends both `datagrams`.
struct Talk {
  explicit Talk(std::size_t lcores_b = 1) : world({.lcores_b = lcores_b}) {
    REQUIRE(world.b->bind_udp(endpoint("10.77.0.2:7"), [](UdpSocket&) {}));
    sender = *TwoEngines::sockets(*world.a).bind_udp(endpoint("10.77.0.1:8"));
  }
  void send(int datagrams) {
    for (int i = 0; i < datagrams; ++i)
      for (const char* to : {"10.77.0.2:7", "10.77.0.2:9"}) {
        sender->send_to(test::bytes("question"), endpoint(to));
        world.run_for(1ms);
      }
  }
  TwoEngines world;
  UdpSocket* sender = nullptr;
};

int count(const PcapngFile& file, const std::string& begin) {
  return static_cast<int>(std::count_if(file.packets.begin(), file.packets.end(), [&](const PcapngFile::Packet& p) { return p.options.at(1).starts_with(begin); }));
}

}  // namespace

TEST_CASE("G5: a capture of a running engine sees frames at the points that were asked for, with lcore, queue, hash and drop reason") {
  File file("points");
  Talk talk(2);
  talk.send(1);
  const auto id = talk.world.b->start_capture({.file = file.path,
                                               .points = {CapturePoint::driver, CapturePoint::gro, CapturePoint::steered, CapturePoint::socket, CapturePoint::out, CapturePoint::drop},
                                               .filter = "udp or icmp"});
  REQUIRE(id);
  talk.send(5);
  const auto totals = talk.world.b->stop_capture(*id);
  REQUIRE(totals);
  talk.send(3);  // after its end
  const PcapngFile read(file.path);
  CHECK(totals->written == read.packets.size());
  CHECK((totals->dropped == 0 && totals->over_limit == 0 && totals->failed == 0));
  CHECK(count(read, "driver lcore 0 queue 0") == 10);
  CHECK(count(read, "gro lcore 0 queue 0") == 10);
  CHECK(count(read, "steered lcore ") == 10);
  CHECK(count(read, "socket lcore ") == 5);
  CHECK(count(read, "out lcore ") == 5);  // port unreachable
  CHECK(count(read, "drop: udp_no_port lcore ") == 5);
  CHECK(read.packets.size() == 45);
  for (const auto& packet : read.packets) {
    CHECK(packet.bytes.size() == packet.original_length);
    CHECK(packet.bytes.substr(12, 2) == std::string("\x08\x00", 2));
  }
}

TEST_CASE("G5: several captures of an engine have their own filters and lengths, and end one by one") {
  File one("one"), other("other");
  Talk talk;
  const auto first = talk.world.b->start_capture({.file = one.path, .filter = "udp dst port 9"});
  const auto second = talk.world.b->start_capture({.file = other.path, .direction = config::CaptureDirection::in, .snaplen = 20});
  REQUIRE((first && second));
  talk.send(4);
  CHECK(talk.world.b->stop_capture(*first)->written == 4);
  talk.send(1);
  CHECK(talk.world.b->stop_capture(*second)->written == 11);  // ARP, too
  CHECK(PcapngFile(one.path).packets.size() == 4);
  CHECK(PcapngFile(other.path).packets.back().bytes.size() == 20);
  const auto again = talk.world.b->stop_capture(*first);
  REQUIRE_FALSE(again);
  CHECK(again.error().code == ENOENT);
}

TEST_CASE("G5: a slow capture loses its own copies, and no packet") {
  File file("slow");
  Talk talk;
  int arrived = 0;
  REQUIRE(talk.world.b->bind_udp(endpoint("10.77.0.2:5"), [&](UdpSocket& socket) {
    socket.on_readable([&](UdpSocket& s) {
      std::array<std::uint8_t, 2000> datagram;
      Endpoint from;
      while (s.receive_from(datagram, from) >= 0) ++arrived;
    });
  }));
  const auto id = talk.world.b->start_capture({.file = file.path, .buffer_bytes = 262144});
  REQUIRE(id);
  talk.send(1);
  const std::vector<std::uint8_t> large(1400);
  // The file is written between passes: a pass alone overtakes it.
  for (int i = 0; i < 600; ++i) talk.sender->send_to(large, endpoint("10.77.0.2:5"));
  talk.world.settle();
  const auto totals = talk.world.b->stop_capture(*id);
  REQUIRE(totals);
  CHECK(arrived == 600);
  CHECK(totals->dropped > 0);
  CHECK(talk.world.b->stats().total("tap", "dropped") == totals->dropped);
  CHECK(talk.world.b->stats().total("tap", "recorded") == totals->written);
}

TEST_CASE("G5: what is wrong in the wish for a capture is said, and nothing captures") {
  Talk talk;
  const auto error = [&](const config::Capture& wanted) {
    const auto id = talk.world.b->start_capture(wanted);
    return id ? std::string("none") : std::to_string(id.error().code) + " " + id.error().message;
  };
  CHECK(error({.file = ""}).find("capture.file") != std::string::npos);
  CHECK(error({.ports = {"eth9"}}).find("is not a port") != std::string::npos);
  CHECK(error({.points = {}}).find("must name at least one of driver, gro, steered, socket, out or drop") != std::string::npos);
  CHECK(error({.filter = "port port"}).find("capture.filter: filter 'port port': ") != std::string::npos);
  CHECK(error({.file = "/nonexistent/x.pcapng"}).find(std::to_string(ENOENT) + " ") == 0);
  talk.send(1);
  CHECK(talk.world.b->stats().total("tap", "recorded") == 0);
}

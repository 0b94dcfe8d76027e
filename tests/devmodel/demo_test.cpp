// SPDX-License-Identifier: BSD-3-Clause
// The demo's work without its hardware: a server on an ENA, a client on an 82576 and one on a virtio-net, each under DPDK's own
// driver, on one switch that loses a frame in fifty. HTTP both ways and UDP, over IPv4 and IPv6.
#include "apps/httpd/content.hpp"
#include "apps/httpd/exchange.hpp"

#include <millrace/base/rng.hpp>
#include <millrace/engine/port_control.hpp>

#include "tests/devmodel/ena/ena.hpp"
#include "tests/devmodel/igb/igb.hpp"
#include "tests/devmodel/subject.hpp"
#include "tests/devmodel/virtio/net.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"
#include "tests/support/two_engines.hpp"

#include <algorithm>

using namespace millrace;
using namespace millrace::test;
using devmodel::Frame;
using devmodel::Subject;
using devmodel::subjects;

std::vector<std::unique_ptr<Subject>> devmodel::make_subjects() {
  std::vector<std::unique_ptr<Subject>> all;
  all.push_back(make_subject<ena::Ena>({.name = "ena"}, ena::Profile{}));
  all.push_back(make_subject<igb::Igb>({.name = "igb"}));
  all.push_back(make_subject<virtio::Net>({.name = "virtio"}));
  return all;
}

namespace {

constexpr std::uint64_t size = 300'000;

/// A host on each device, and the switch between them: it gives each frame to all others, of which those whose it is not filter
/// it out.
struct Network {
  Rng rng{seed()};
  std::vector<std::unique_ptr<Engine>> hosts;
  Instant now{};
  std::uint64_t lost = 0;

  Network() {
    devmodel::hear_faults();
    for (Subject* const from : subjects()) from->device->connect([this, from](const Frame& frame) { pass_on(*from, frame); });
    for (std::uint16_t i = 0; i < subjects().size(); ++i) {
      Config config = host_config(static_cast<std::uint16_t>(i + 1));
      config.ports[0].driver = config::PortDriver::ethdev;
      config.ports[0].device = subjects()[i]->slot.name();
      config.ports[0].rx_mode = config::RxMode::poll;
      auto engine = Engine::create(config);
      if (!engine) FAIL(engine.error().message);
      hosts.push_back(std::move(*engine));
    }
  }
  ~Network() {
    hosts.clear();
    for (const Subject* const subject : subjects()) CHECK(subject->slot.violations() == std::vector<std::string>{});
  }
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  void pass_on(const Subject& from, const Frame& frame) {
    if (rng.next() % 50 == 0) {
      ++lost;
      return;
    }
    for (Subject* const to : subjects())
      if (to != &from) static_cast<void>(to->device->receive(frame));
  }
  bool run_until(const std::function<bool()>& done) {
    const Instant end = now + std::chrono::minutes(10);
    while (now < end) {
      bool worked = false;
      for (const auto& host : hosts) worked |= host->run_once();
      if (done()) return true;
      if (worked) continue;
      Instant next = now + std::chrono::milliseconds(1);
      for (const auto& host : hosts) next = std::min(next, host->next_deadline());
      now = std::max(now, next);
      for (const auto& host : hosts) host->set_clock(now);
    }
    return false;
  }
};

/// One request and its answer.
struct Request {
  Conversation talk{};
  std::string out;
  std::size_t at = 0;

  Request(Engine& client, std::string_view server, std::string text) : out(std::move(text)) {
    auto connecting = TwoEngines::sockets(client).connect(endpoint(server));
    REQUIRE(connecting);
    talk.join(**connecting);
  }
  bool is_answered() {
    if (talk.stream != nullptr && talk.connected && at < out.size()) {
      const std::int64_t n = talk.stream->write(bytes(std::string_view(out).substr(at)));
      if (n > 0) at += static_cast<std::size_t>(n);
    }
    return talk.ended || talk.closed >= 0;
  }
  [[nodiscard]] std::string body() const {
    const std::size_t end = talk.received.find("\r\n\r\n");
    return end == std::string::npos || talk.received.substr(9, 3) != "200" ? "" : talk.received.substr(end + 4);
  }
};

std::string content() {
  std::string text(size, 0);
  httpd::fill(0, {reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  return text;
}

void serve(Engine& server) {
  for (const char* any : {"0.0.0.0:80", "[::]:80"}) REQUIRE(server.listen(endpoint(any), [&](Stream& stream) { httpd::Exchange::begin(server, stream); }));
  REQUIRE(server.bind_udp(endpoint("10.77.0.1:7"), [](UdpSocket& socket) {
    socket.on_readable([](UdpSocket& s) {
      std::array<std::uint8_t, 2048> datagram;
      Endpoint from;
      for (std::int64_t n; (n = s.receive_from(datagram, from)) >= 0;) s.send_to({datagram.data(), static_cast<std::size_t>(n)}, from);
    });
  }));
}

}  // namespace

TEST_CASE("the demo's work on models of an ENA, an 82576 and a virtio-net, over a switch that loses frames") {
  INFO("MILLRACE_SEED=" << seed());
  Network network;
  serve(*network.hosts[0]);
  const std::string hash = httpd::content_sha256(size);
  const std::string get = "GET /bytes/" + std::to_string(size) + " HTTP/1.1\r\nConnection: close\r\n\r\n";
  const std::string put = "PUT /sink HTTP/1.1\r\nConnection: close\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" + content();
  std::vector<std::unique_ptr<Request>> downloads, uploads;
  for (std::size_t client = 1; client < network.hosts.size(); ++client) {
    for (const char* server : {"10.77.0.1:80", "[fd00:77::1]:80"}) {
      downloads.push_back(std::make_unique<Request>(*network.hosts[client], server, get));
      uploads.push_back(std::make_unique<Request>(*network.hosts[client], server, put));
    }
  }
  CHECK(network.run_until([&] {
    bool all = true;
    for (const auto& requests : {&downloads, &uploads})
      for (const auto& request : *requests) all &= request->is_answered();
    return all;
  }));
  for (const auto& request : downloads) CHECK(request->body() == content());
  for (const auto& request : uploads) CHECK(request->body() == hash + "\n");
  CHECK(network.lost != 0);

  int echoed = 0;
  std::vector<UdpSocket*> clients;
  for (std::size_t client = 1; client < network.hosts.size(); ++client) {
    REQUIRE(network.hosts[client]->bind_udp(endpoint("10.77.0." + std::to_string(client + 1) + ":40007"), [&](UdpSocket& socket) {
      clients.push_back(&socket);
      socket.on_readable([&](UdpSocket& s) {
        std::array<std::uint8_t, 2048> datagram;
        Endpoint from;
        while (s.receive_from(datagram, from) == 512) ++echoed;
      });
    }));
  }
  const std::vector<std::uint8_t> out(512, 7);
  for (int round = 0; round < 200; ++round) {
    for (UdpSocket* client : clients) client->send_to(out, endpoint("10.77.0.1:7"));
    const Instant end = network.now + std::chrono::milliseconds(1);
    static_cast<void>(network.run_until([&] { return network.now >= end; }));
  }
  // What is lost is sent again by nobody.
  CHECK(echoed > 300);
}

// SPDX-License-Identifier: BSD-3-Clause
// UDP by hand, as socat has it: does what the lines of its standard input say, and prints what it hears, until they end.
//   udp_host CONFIG PORT
//     join GROUP | leave GROUP       on the first port's interface; prints the result
//     send ADDRESS PORT TEXT         one datagram
//     groups                         prints a line for each, then an empty one
#include <millrace/config/loader.hpp>
#include <millrace/engine/engine.hpp>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>

namespace {

using namespace millrace;
using socket::Option;

class Host {
 public:
  Host(Engine& engine, std::uint16_t ifindex) : engine_(engine), ifindex_(ifindex) {}

  Result<void> bind(std::uint16_t port) {
    for (const bool v6 : {false, true}) {
      auto bound = engine_.bind_udp({*IpAddress::parse(v6 ? "::" : "0.0.0.0"), port}, [this, v6](UdpSocket& socket) {
        sockets_[v6] = &socket;
        socket.set_option(v6 ? Option::ipv6_multicast_if : Option::multicast_if, ifindex_);
        socket.set_option(v6 ? Option::ipv6_multicast_loop : Option::multicast_loop, 0);
        socket.on_readable(print_all);
      });
      if (!bound) return bound;
    }
    return {};
  }

  void obey(const std::string& line) {
    std::istringstream words(line);
    std::string verb, address;
    words >> verb >> address;
    if (verb == "groups") return print_groups();
    const auto parsed = IpAddress::parse(address);
    if (!parsed) return say("no address: " + line);
    if (verb == "join") return tell(line, *parsed, [&](UdpSocket& s) { return s.join_group(*parsed, ifindex_); });
    if (verb == "leave") return tell(line, *parsed, [&](UdpSocket& s) { return s.leave_group(*parsed, ifindex_); });
    std::uint16_t port = 0;
    std::string text;
    words >> port >> text;
    tell("send " + address, *parsed, [&](UdpSocket& s) {
      return s.send_to({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, {*parsed, port});
    });
  }

 private:
  static void say(const std::string& text) {
    std::printf("%s\n", text.c_str());
    std::fflush(stdout);
  }

  static void print_all(UdpSocket& socket) {
    std::array<char, 65536> bytes;
    Endpoint from;
    for (std::int64_t n; (n = socket.receive_from({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()}, from)) >= 0;)
      say("heard " + from.address.to_string() + " " + std::to_string(from.port) + " " + std::string(bytes.data(), static_cast<std::size_t>(n)));
  }

  // Does it on the socket's lcore, the only one, and says what came of it.
  void tell(const std::string& what, const IpAddress& address, const std::function<std::int64_t(UdpSocket&)>& f) {
    std::int64_t result = 0;
    static_cast<void>(engine_.on_each_lcore([&](Sockets&) -> Result<void> {
      result = f(*sockets_[!address.is_v4()]);
      return {};
    }));
    say(what + ": " + std::to_string(result));
  }

  void print_groups() const {
    for (const HostGroup& row : engine_.groups()) say(row.dev + " " + row.group.to_string() + " users " + std::to_string(row.users));
    say("");
  }

  Engine& engine_;
  std::uint16_t ifindex_;
  std::array<UdpSocket*, 2> sockets_{};  // by whether IPv6's
};

int fail(const std::string& message) { return std::fprintf(stderr, "%s\n", message.c_str()), 1; }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: udp_host CONFIG PORT\n"), 2;
  const auto loaded = config::load_yaml(argv[1]);
  if (!loaded) return fail(config::to_string(loaded.error()));
  auto engine = Engine::create(*loaded);
  if (!engine) return fail(engine.error().message);
  const auto ifindex = (*engine)->ifindex(loaded->ports.front().name);
  if (!ifindex) return fail(ifindex.error().message);
  Host host(**engine, *ifindex);
  if (auto bound = host.bind(static_cast<std::uint16_t>(std::atoi(argv[2]))); !bound) return fail(bound.error().message);
  if (auto started = (*engine)->start(); !started) return fail(started.error().message);
  std::puts("ready");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) host.obey(line);
  (*engine)->stop();
  std::fputs((*engine)->stats().to_text().c_str(), stdout);
}

// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/socket/raw_socket.hpp>

#include "tests/unit/stack/raw/raw_world.hpp"

#include <sstream>

using namespace millrace;
using namespace millrace::test;

TEST_CASE("L8, L10: raw and ping sockets stand in /proc/net/protocols; a callback may close its own socket and others") {
  TwoEngines world;
  Sockets& sockets = TwoEngines::sockets(*world.a);
  RawSocket* first = &opened(sockets.open_raw(1));
  RawSocket* second = &opened(sockets.open_raw(1));
  RawSocket& ping = opened(sockets.open_ping());
  const auto sockets_of = [&](const std::string& name) {
    std::istringstream lines(world.a->proc_net_protocols());
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string word;
      int size = 0, number = -1;
      words >> word >> size >> number;
      if (word == name) return number;
    }
    return -1;
  };
  CHECK((sockets_of("RAW") == 2 && sockets_of("PING") == 1 && sockets_of("RAWv6") == 0 && sockets_of("PINGv6") == 0));
  int heard = 0;
  first->on_readable([&](RawSocket& socket) {
    ++heard;
    second->close();
    socket.close();
    CHECK(socket.send_to(test::bytes("x"), b4) == -EBADF);
  });
  int replies = 0;
  ping.on_readable([&](RawSocket& socket) {
    ++replies;
    socket.close();
  });
  ping.send_to(echo_request(false, 0, 1), b4);
  world.run_for(5ms);
  CHECK(heard == 1);
  CHECK(replies == 1);
  world.check_pools();
}

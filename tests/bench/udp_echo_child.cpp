// SPDX-License-Identifier: BSD-3-Clause
// An engine that echoes UDP over virtio-user until it is killed: our side of udp_vhost.cpp, which starts this program again
// (--udp-echo-child). Called by main.
#include "tests/bench/bench.hpp"

#include "tests/bench/udp_load.hpp"

#include <millrace/engine/engine.hpp>

#include <stdexcept>
#include <unistd.h>

namespace millrace::bench {

void run_udp_echo(const std::string& socket, unsigned cpu) {
  Config config;
  config.seed = 1;
  config.eal.pool_packets = 8191;
  config.lcores[0].cpu = cpu;
  config.ports.push_back({.name = "virtio",
                          .driver = config::PortDriver::vdev,
                          .device = "net_virtio_user0,path=" + socket + ",queues=1,queue_size=1024,mac=02:00:00:00:00:02",
                          .rx_desc = 1024,
                          .tx_desc = 1024,
                          .rx_mode = config::RxMode::poll});
  config.stacks.push_back({.name = "echo", .interfaces = {{.port = "virtio", .name = "eth0", .addresses = {{IpAddress::v4(10, 77, 0, 2), 24}}}}, .routes = {}});
  auto engine = Engine::create(config);
  if (!engine) throw std::runtime_error(engine.error().message);
  const auto bound = (*engine)->bind_udp({IpAddress::v4(10, 77, 0, 2), UdpLoad::local_port}, [](UdpSocket& echo) {
    echo.set_option(socket::Option::rcvbuf, 4 << 20);
    echo.on_readable([](UdpSocket& readable) {
      pkt::PacketList datagrams;
      readable.receive_packets(datagrams);
      while (!datagrams.empty()) {
        Endpoint from;
        pkt::PacketList answers = UdpSocket::take_of_one_sender(datagrams, from);
        while (!answers.empty()) static_cast<void>(readable.send_packets(answers, from));
      }
    });
  });
  if (!bound) throw std::runtime_error(bound.error().message);
  if (const auto started = (*engine)->start(); !started) throw std::runtime_error(started.error().message);
  for (;;) pause();
}

}  // namespace millrace::bench

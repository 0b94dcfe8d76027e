// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/options.hpp>

#include "tests/support/catch.hpp"

#include <cerrno>

using namespace millrace;

TEST_CASE("the tunables of softirqs and NAPIs reach them, in their units") {
  config::Sysctl sysctl;
  sysctl.softirq_max_restart = 11;
  sysctl.softirq_max_time_us = 2001;
  sysctl.softirq_defer_when_deferred = 1;
  sysctl.softirq_force_thread = 1;
  const runtime::SoftirqLimits softirq = softnet_limits(sysctl).softirq;
  CHECK(softirq.max_restart == 11);
  CHECK(softirq.max_time == 2001us);
  CHECK(softirq.defer_when_deferred);
  CHECK(softirq.force_thread);
  config::Port port;
  port.gro_flush_timeout_ns = 20'000;
  port.napi_defer_hard_irqs = 2;
  CHECK(napi_tunables(port).gro_flush_timeout == 20us);
  CHECK(napi_tunables(port).defer_hard_irqs == 2);
  CHECK(coalesce_of({.rx_usecs = 50, .rx_frames = 32, .adaptive = true}) == runtime::Coalesce{50us, 32, true});
}

TEST_CASE("Linux's tunables reach the parts that obey them, in their units") {
  config::Sysctl sysctl;
  sysctl.netdev_budget = 301;
  sysctl.netdev_budget_usecs = 2001;
  sysctl.dev_weight = 65;
  sysctl.netdev_max_backlog = 1001;
  sysctl.netdev_tstamp_prequeue = 0;
  const runtime::SoftnetLimits limits = softnet_limits(sysctl);
  CHECK(limits.netdev_budget == 301);
  CHECK(limits.netdev_budget_usecs == 2001us);
  CHECK(limits.dev_weight == 65);
  CHECK(limits.netdev_max_backlog == 1001);
  CHECK_FALSE(limits.netdev_tstamp_prequeue);

  sysctl.gro_normal_batch = 9;
  sysctl.gro_tick_us = 1001;
  sysctl.gro_poll_hold_us = 11;
  config::Port port;
  CHECK(gro_config(sysctl, port).enabled);
  CHECK(gro_config(sysctl, port).table == gro::Config{}.table);
  sysctl.gro_compat = config::gro_compat_linux;
  port.gro = false;
  const gro::Config gro = gro_config(sysctl, port);
  CHECK_FALSE(gro.enabled);
  CHECK(gro.table == gro::Table::linux8x8);
  CHECK(gro.normal_batch == 9);
  CHECK(gro.tick == 1001us);
  CHECK(gro.poll_hold == 11us);

  sysctl.neigh_base_reachable_time_ms = 31000;
  sysctl.neigh_retrans_time_ms = 1001;
  sysctl.neigh_delay_first_probe_time = 6;
  sysctl.neigh_gc_thresh3 = 1025;
  sysctl.icmp_ratelimit = 1002;
  sysctl.icmp6_ratelimit = 102;
  sysctl.icmp_msgs_burst = 51;
  sysctl.ip_local_port_range = {40000, 40100};
  sysctl.somaxconn = 17;
  sysctl.tcp_rmem = {5000, 6000, 7000};
  sysctl.tcp_wmem = {5001, 6001, 7001};
  sysctl.tcp_timestamps = 0;
  sysctl.tcp_window_scaling = 0;
  sysctl.tcp_retries2 = 8;
  const socket::Stack::Options stack = stack_options(sysctl);
  CHECK(stack.neighbor.base_reachable == 31s);
  CHECK(stack.neighbor.retrans == 1001ms);
  CHECK(stack.neighbor.delay_first_probe == 6s);
  CHECK(stack.neighbor.entries == 1025);
  CHECK(stack.icmp.ratelimit == 1002ms);
  CHECK(stack.icmp.ratelimit6 == 102ms);
  CHECK(stack.icmp.msgs_burst == 51);
  CHECK(stack.udp.port_first == 40000);
  CHECK(stack.udp.port_last == 40100);
  CHECK(stack.tcp.port_low == 40000);
  CHECK(stack.tcp.port_high == 40100);
  CHECK(stack.tcp.somaxconn == 17);
  CHECK(stack.tcp.rmem.max == 7000);
  CHECK(stack.tcp.wmem.initial == 6001);
  CHECK_FALSE(stack.tcp.timestamps);
  CHECK_FALSE(stack.tcp.window_scaling);
  CHECK(stack.tcp.retries2 == 8);
}

TEST_CASE("fragments and path MTUs of both versions are kept as long as their tunables say") {
  config::Sysctl sysctl;
  sysctl.ipfrag_high_thresh = 500'000;
  sysctl.ipfrag_low_thresh = 400'000;
  sysctl.ipfrag_time = 31;
  sysctl.ip6frag_high_thresh = 600'000;
  sysctl.ip6frag_low_thresh = 450'000;
  sysctl.ip6frag_time = 61;
  sysctl.route_min_pmtu = 500;
  sysctl.route_mtu_expires = 601;
  sysctl.route6_mtu_expires = 602;
  const socket::Stack::Options stack = stack_options(sysctl);
  CHECK(stack.path_mtu.min_v4 == 500);
  CHECK(stack.path_mtu.expires_v4 == 601s);
  CHECK(stack.path_mtu.expires_v6 == 602s);
  CHECK(stack.fragments_v4.high_thresh == 500'000);
  CHECK(stack.fragments_v4.low_thresh == 400'000);
  CHECK(stack.fragments_v4.timeout == 31s);
  CHECK(stack.fragments_v6.high_thresh == 600'000);
  CHECK(stack.fragments_v6.low_thresh == 450'000);
  CHECK(stack.fragments_v6.timeout == 61s);
}

TEST_CASE("EAL gets what the configuration says") {
  Config config;
  config.eal = {.memory_mb = 300, .hugepages = true, .log_level = "info", .args = {"--legacy-mem"}};
  const runtime::EalConfig eal = eal_config(config);
  CHECK(eal.memory_mb == 300);
  CHECK(eal.hugepages);
  CHECK(eal.log_level == "info");
  CHECK(eal.extra == std::vector<std::string>{"--legacy-mem"});
  CHECK(eal.pci_devices.empty());
}

TEST_CASE("EAL may probe the PCI devices that are ports, and no others") {
  Config config;
  config.ports = {{.name = "a", .driver = config::PortDriver::ethdev, .device = "0000:00:05.0"},
                  {.name = "b", .driver = config::PortDriver::ethdev, .device = "net_null0"},
                  {.name = "c", .driver = config::PortDriver::vdev, .device = "net_ring0"},
                  {.name = "d", .driver = config::PortDriver::ethdev, .device = "81:00.1"}};
  CHECK(eal_config(config).pci_devices == std::vector<std::string>{"0000:00:05.0", "81:00.1"});
}

TEST_CASE("a TAP device, a virtual device and one that EAL found") {
  config::Port port{.name = "t0",
                    .driver = config::PortDriver::tap,
                    .iface = "mr0",
                    .mtu = 9000,
                    .rx_queues = 2,
                    .tx_queues = 3,
                    .rx_desc = 512};
  port.mac = MacAddress::parse("02:00:00:00:77:02");
  ethdev::Options options = ethdev_options(port, 4);
  CHECK(options.name == "net_tap_t0");
  CHECK(options.args == "iface=mr0,mac=02:00:00:00:77:02");
  CHECK_FALSE(options.mac);  // it is the kernel's end that has it
  CHECK(options.ifindex == 4);
  CHECK(options.mtu == 9000);
  CHECK(options.rx_queues == 2);
  CHECK(options.tx_queues == 3);
  CHECK(options.rx_ring == 512);
  CHECK(options.tso);
  CHECK_FALSE(options.lro);
  CHECK(ethdev_options({.name = "v", .driver = config::PortDriver::vdev, .device = "net_ring0", .lro = true}, 1).lro);
  CHECK_FALSE(ethdev_options({.name = "v", .driver = config::PortDriver::vdev, .device = "net_ring0", .tso = false}, 1).tso);
  options = ethdev_options(
      {.name = "v", .driver = config::PortDriver::vdev, .device = "net_virtio_user0,path=/run/s,queues=1"}, 1);
  CHECK(options.name == "net_virtio_user0");
  CHECK(options.args == "path=/run/s,queues=1");
  CHECK_FALSE(options.mac);
  options = ethdev_options({.name = "e", .driver = config::PortDriver::ethdev, .device = "0000:00:05.0", .mac = port.mac}, 1);
  CHECK(options.mac == port.mac);
  CHECK(options.name == "0000:00:05.0");
  CHECK(options.args.empty());
}

TEST_CASE("an in-memory port draws its MAC from the seed, unless it has one") {
  const config::Port port{.name = "p0", .mtu = 1400, .rx_queues = 3};
  const sim::EndOptions end = sim_options(port, 2, 7);
  CHECK(end.name == "p0");
  CHECK(end.ifindex == 2);
  CHECK(end.queues == 3);
  CHECK(end.mtu == 1400);
  CHECK(end.tso);
  CHECK_FALSE(end.lro);
  CHECK(sim_options({.name = "p0", .lro = true}, 2, 7).lro);
  CHECK_FALSE(sim_options({.name = "p0", .tso = false}, 2, 7).tso);
  CHECK((end.mac.bytes[0] & 3) == 2);  // locally administered, unicast
  CHECK(sim_options(port, 2, 7).mac == end.mac);
  CHECK(sim_options(port, 2, 8).mac != end.mac);
  CHECK(sim_options(port, 3, 7).mac != end.mac);
  config::Port fixed = port;
  fixed.mac = MacAddress::parse("02:00:00:00:00:09");
  CHECK(sim_options(fixed, 2, 7).mac == *fixed.mac);
}

TEST_CASE("RFC 4291 appendix A: an interface gets the link-local address of its MAC") {
  port::Info info;
  info.mac = *MacAddress::parse("02:01:02:03:04:05");
  info.mtu = 1400;
  struct Nowhere final : neighbor::LinkOutput {
    void transmit(pkt::Packet packet) override { pkt::consume(std::move(packet)); }
  } output;
  const neighbor::Interface interface =
      make_interface({.port = "p0", .name = "eth0", .addresses = {*IpPrefix::parse("10.77.0.2/24")}}, 3, {.gso_max_size = 20000, .gso_max_segs = 9}, info, output);
  CHECK(interface.gso_max_size == 20000);
  CHECK(interface.gso_max_segs == 9);
  CHECK(interface.ifindex == 3);
  CHECK(interface.name == "eth0");
  CHECK(interface.mac == info.mac);
  CHECK(interface.mtu == 1400);
  CHECK(interface.output == &output);
  CHECK(interface.addresses ==
        std::vector{*IpPrefix::parse("10.77.0.2/24"), *IpPrefix::parse("fe80::1:2ff:fe03:405/64")});
}

TEST_CASE("an interface has the number of its port") {
  Config config;
  config.ports = {{.name = "p0"}, {.name = "p1"}};
  CHECK(ifindex_of(config, "p0") == 1);
  CHECK(ifindex_of(config, "p1") == 2);
}

TEST_CASE("F10: with a queue for each lcore no two share one; with fewer each queue's first lcore owns it; masks say else") {
  config::Port port;
  for (std::uint16_t lcores = 1; lcores <= 8; ++lcores) {
    for (std::uint16_t queues = 1; queues <= 10; ++queues) {
      std::vector<int> senders(queues, 0);
      for (std::uint16_t id = 0; id < lcores; ++id) {
        const TxPlace place = tx_place(port, id, lcores, queues);
        REQUIRE(place.queue < queues);
        ++senders[place.queue];
        // The owner sends by the queue that it owns.
        const TxPlace of_owner = tx_place(port, place.owner, lcores, queues);
        CHECK(of_owner.queue == place.queue);
        CHECK(of_owner.owner == place.owner);
      }
      if (queues >= lcores)
        for (const int n : senders) CHECK(n <= 1);
      else
        for (const int n : senders) CHECK(n >= 1);
    }
  }
  port.tx_queues = 2;
  port.xps_cpus = {config::LcoreMask(0b0100), config::LcoreMask(0b1011)};
  CHECK(tx_place(port, 2, 4, 2).queue == 0);
  CHECK(tx_place(port, 2, 4, 2).owner == 2);
  for (const std::uint16_t id : {std::uint16_t{0}, std::uint16_t{1}, std::uint16_t{3}}) {
    CHECK(tx_place(port, id, 4, 2).queue == 1);
    CHECK(tx_place(port, id, 4, 2).owner == 0);
  }
}

TEST_CASE("B5: rx_frames is refused where the device does not tell how many packets wait") {
  const config::Port port{.name = "net0"};
  CHECK(check_coalesce(port, {.rx_usecs = 50, .rx_frames = 32}, true));
  CHECK(check_coalesce(port, {.rx_usecs = 50}, false));
  const Result<void> refused = check_coalesce(port, {.rx_frames = 32}, false);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == EOPNOTSUPP);
  CHECK(refused.error().message ==
        "port 'net0': coalesce.rx_frames: 32: the device does not tell how many packets wait; leave it 0, and use rx_usecs or adaptive");
}

TEST_CASE("D16: the queues of threaded ports get lcores behind those that are configured") {
  Config config;
  config.lcores.resize(2);
  config.ports = {{.name = "a", .rx_queues = 2, .threaded = true}, {.name = "b", .rx_queues = 3}, {.name = "c", .threaded = true}};
  const Config all = with_poll_threads(config);
  CHECK(all.lcores.size() == 5);
  CHECK(all.ports[0].rx_lcores == std::vector<std::uint16_t>{2, 3});
  CHECK(all.ports[1].rx_lcores.empty());
  CHECK(all.ports[2].rx_lcores == std::vector<std::uint16_t>{4});
  CHECK(with_poll_threads(all) == all);
}

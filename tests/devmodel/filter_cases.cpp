// SPDX-License-Identifier: BSD-3-Clause
// What a device can do that other media cannot: it filters, and it counts what it sees. Part of the suite.
#include "drivers/ethdev/profile.hpp"
#include "tests/conformance/opened.hpp"

#include <rte_ethdev.h>

#include <array>
#include <cerrno>
#include <optional>
#include <vector>

using namespace millrace;
using namespace millrace::conformance;

namespace {

constexpr MacAddress mdns{{1, 0, 0x5e, 0, 0, 0xfb}}, all_nodes{{0x33, 0x33, 0, 0, 0, 1}}, broadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

/// A port of its own on the subject, and what comes in there.
struct Listener {
  explicit Listener(Subject& of, std::optional<MacAddress> mac = {}) : subject(of), host(of), opened(of, with(mac)) {}

  [[nodiscard]] port::Port& port() const { return *opened.port; }
  [[nodiscard]] ethdev::Options with(std::optional<MacAddress> mac) {
    ethdev::Options options = options_for(host, subject);
    options.mac = mac;
    return options;
  }
  [[nodiscard]] bool hears(const Frame& frame) {
    static_cast<void>(subject.inject(frame));
    pkt::PacketList got = receive_all(host, opened);
    const bool any = !got.empty();
    pkt::consume(got);
    return any;
  }
  [[nodiscard]] bool hears(const MacAddress& destination) {
    test::RawFrame frame = opened.to_us(false, 17, 100);
    frame.destination = destination;
    return hears(frame.bytes());
  }
  [[nodiscard]] bool filters_vlans() const {
    rte_eth_dev_info device{};
    std::uint16_t id = 0;
    REQUIRE(rte_eth_dev_get_port_by_name(port().info().name.c_str(), &id) == 0);
    REQUIRE(rte_eth_dev_info_get(id, &device) == 0);
    return (device.rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_FILTER) != 0;
  }
  [[nodiscard]] bool hears_vlan(std::uint8_t id) {
    Frame frame = opened.to_us(false, 17, 100).bytes();
    const std::uint8_t tag[] = {0x81, 0, 0x60, id};
    frame.insert(frame.begin() + 12, std::begin(tag), std::end(tag));
    return hears(frame);
  }

  Subject& subject;
  Host host;
  Opened opened;
};

/// What the device said, from that word on.
std::string behind(const Error& error, const char* word) { return error.message.substr(std::min(error.message.size(), error.message.find(word))); }

}  // namespace

TEST_CASE("device: frames to other hosts come in while the port is promiscuous, after a reset, too, and not else") {
  for_each_subject([](Subject& subject) {
    Listener listener(subject);
    constexpr MacAddress other{{2, 9, 9, 9, 9, 9}};
    const Result<void> set = listener.port().set_promiscuous(true);
    if (!set) return not_possible(subject, behind(set.error(), "promiscuous"));
    CHECK(listener.hears(other));
    REQUIRE(listener.port().reset());
    CHECK(listener.hears(other));
    REQUIRE(listener.port().set_promiscuous(false));
    CHECK_FALSE(listener.hears(other));
  });
}

TEST_CASE("device: frames to all groups come in, or to those that were given alone, after a reset, too") {
  for_each_subject([](Subject& subject) {
    Listener listener(subject);
    CHECK((listener.hears(mdns) && listener.hears(all_nodes)));
    CHECK(listener.port().set_multicast(std::array{mdns, MacAddress{{2, 9, 9, 9, 9, 9}}}).error().code == EINVAL);
    const Result<void> set = listener.port().set_allmulticast(false);
    if (!set) {
      CHECK(set.error().code == EOPNOTSUPP);
      CHECK(listener.port().set_multicast(std::array{mdns}).error().code == EOPNOTSUPP);
      CHECK((listener.hears(mdns) && listener.hears(all_nodes)));
      return not_possible(subject, behind(set.error(), "allmulticast"));
    }
    CHECK_FALSE((listener.hears(mdns) || listener.hears(all_nodes)));
    REQUIRE(listener.port().set_multicast(std::array{mdns}));
    const auto hears_mdns_alone = [&] { return listener.hears(mdns) && !listener.hears(all_nodes) && listener.hears(broadcast) && listener.hears(listener.port().info().mac); };
    CHECK(hears_mdns_alone());
    REQUIRE(listener.port().reset());
    CHECK(hears_mdns_alone());
    REQUIRE(listener.port().set_multicast(std::array{all_nodes}));
    CHECK((listener.hears(all_nodes) && !listener.hears(mdns)));
    REQUIRE(listener.port().set_allmulticast(true));
    CHECK(listener.hears(mdns));
  });
}

TEST_CASE("device: more groups than it can keep are refused, and those before stay") {
  for_each_subject([](Subject& subject) {
    Listener listener(subject);
    if (const Result<void> set = listener.port().set_allmulticast(false); !set) return not_possible(subject, behind(set.error(), "allmulticast"));
    REQUIRE(listener.port().set_multicast(std::array{mdns}));
    std::vector<MacAddress> many;
    for (std::uint8_t i = 0; i < 100; ++i) many.push_back({{1, 0, 0x5e, 1, 1, i}});
    const Result<void> set = listener.port().set_multicast(many);
    CHECK(listener.hears(many.front()) == set.has_value());
    CHECK(listener.hears(many.back()) == set.has_value());
    CHECK(listener.hears(mdns) == !set.has_value());
    if (!set) CHECK(set.error().code == ENOSPC);
  });
}

TEST_CASE("device: tagged frames come in, unless it cannot but filter; once a VLAN was asked for, none of another, after a reset, too, but while promiscuous") {
  for_each_subject([](Subject& subject) {
    Listener listener(subject);
    const MacAddress own = listener.port().info().mac;
    const bool hears_all = !ethdev::profile_of(subject.traits.driver).begins_without_vlans || !listener.filters_vlans();
    CHECK((listener.hears(own) && listener.hears_vlan(0)));
    CHECK((listener.hears_vlan(5) == hears_all && listener.hears_vlan(6) == hears_all));
    CHECK(listener.port().set_vlan(0, true).error().code == EINVAL);
    CHECK(listener.port().set_vlan(4095, true).error().code == EINVAL);
    const Result<void> set = listener.port().set_vlan(5, true);
    if (!set) {
      CHECK(set.error().code == EOPNOTSUPP);
      CHECK((listener.hears_vlan(5) && listener.hears_vlan(6)));
      return not_possible(subject, "rx_offload_capa has no VLAN_FILTER");
    }
    const auto hears_5_alone = [&] { return listener.hears(own) && listener.hears_vlan(0) && listener.hears_vlan(5) && !listener.hears_vlan(6); };
    CHECK(hears_5_alone());
    REQUIRE(listener.port().reset());
    CHECK(hears_5_alone());
    REQUIRE(listener.port().set_promiscuous(true));
    CHECK((listener.hears_vlan(5) && listener.hears_vlan(6)));
    REQUIRE(listener.port().reset());
    CHECK((listener.hears_vlan(5) && listener.hears_vlan(6)));
    REQUIRE(listener.port().set_vlan(7, true));
    CHECK((listener.hears_vlan(6) && listener.hears_vlan(7)));
    REQUIRE(listener.port().set_promiscuous(false));
    CHECK((hears_5_alone() && listener.hears_vlan(7)));
    REQUIRE(listener.port().set_vlan(5, false));
    CHECK((listener.hears(own) && !listener.hears_vlan(5) && listener.hears_vlan(7)));
  });
}

TEST_CASE("device: the port has the address that was asked for, after a reset, too") {
  for_each_subject([](Subject& subject) {
    constexpr MacAddress asked{{2, 0, 0, 0x77, 0, 1}};
    const MacAddress own = Listener(subject).port().info().mac;
    Host host(subject);
    ethdev::Options options = options_for(host, subject);
    options.mac = asked;
    if (const std::string why = refusal(subject, options); !why.empty()) {
      CHECK(why.find("(" + subject.traits.driver + "): mac 02:00:00:77:00:01: the device keeps its own, " + own.to_string()) != std::string::npos);
      return not_possible(subject, "its driver has no mac_addr_set()");
    }
    Listener listener(subject, asked);
    for (const bool is_reset : {false, true}) {
      if (is_reset) REQUIRE(listener.port().reset());
      CHECK(listener.port().info().mac == asked);
      CHECK((listener.hears(asked) && !listener.hears(own)));
    }
  });
}

TEST_CASE("device: what the driver counts stands under Linux's names, too, after a reset as well") {
  for_each_subject([](Subject& subject) {
    Host host(subject);
    const Opened opened(subject, options_for(host, subject));
    const auto& known = ethdev::profile_of(subject.traits.driver).stable_counters;
    if (known.empty()) return not_possible(subject, "its xstats count nothing that Linux has a name for");
    const stats::NamedValues names = opened.port->xstats();
    for (const drivers::StableCounter& one : known) {
      INFO(one.begin << "..." << one.end);
      CHECK(std::any_of(names.begin(), names.end(), [&](const auto& named) { return named.first.starts_with(one.begin) && named.first.ends_with(one.end); }));
    }
    test::RawFrame to_group = opened.to_us(false, 17, 100);
    to_group.destination = {{1, 0, 0x5e, 0, 0, 1}};
    const auto come = [&](std::size_t frames) {
      for (std::size_t n = 0; n < frames; ++n) REQUIRE(subject.inject(to_group.bytes()));
      pkt::PacketList got = receive_all(host, opened);
      CHECK(got.size() == frames);
      pkt::consume(got);
    };
    come(3);
    CHECK(opened.port->device_stats().multicast == 3);
    REQUIRE(opened.port->reset());
    come(2);
    CHECK(opened.port->device_stats().multicast == 5);
    CHECK(opened.port->device_stats().rx_crc_errors == 0);
  });
}

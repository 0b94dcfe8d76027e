// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/config/lcore_mask.hpp>
#include <millrace/config/sysctl.hpp>
#include <millrace/stack/ip/hook.hpp>
#include <millrace/wire/address.hpp>
#include <millrace/wire/rss.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::config {

/// What DPDK's environment layer gets, when it is the engine that starts it.
struct Eal {
  std::uint32_t memory_mb = 256;
  bool hugepages = false;
  std::string log_level = "error";    ///< DPDK's: emergency alert critical error warning notice info debug
  std::uint32_t pool_packets = 8192;  ///< packet buffers of each receiving lcore
  std::uint16_t data_room = 2048;     ///< bytes in each; a longer frame spans several
  std::vector<std::string> args{};    ///< further EAL arguments, as on a DPDK command line
  bool operator==(const Eal&) const = default;
};

/// One poll lcore; its number is its place in Config::lcores. Its memory comes from the NUMA node of its CPU.
struct Lcore {
  std::optional<std::uint32_t> cpu{};  ///< pinned to this CPU; none: floats
  bool operator==(const Lcore&) const = default;
};

enum class PortDriver : std::uint8_t {
  sim,     ///< in-memory port, driven by the application or linked to another
  tap,     ///< a TAP device of the kernel, made at start
  vdev,    ///< a DPDK virtual device, made at start from Port::device ("net_ring0", "net_virtio_user0,path=/run/s")
  ethdev,  ///< a PCI device by its address, Port::device ("0000:00:05.0"); or what the application has probed, by its name
  vlan,    ///< a VLAN on top of another port, Port::link (IEEE 802.1Q)
};

/// How an lcore comes to poll a port's rx queues.
enum class RxMode : std::uint8_t {
  poll,       ///< at every pass; its lcore never sleeps
  interrupt,  ///< when the queue's interrupt fired; the port must have them
  adaptive,   ///< at every pass under load; when idle by interrupt if the port has them, else after a short sleep
};

/// ethtool -c: how long the unmasking of an rx interrupt is held off.
struct Coalesce {
  std::uint32_t rx_usecs = 0;
  std::uint32_t rx_frames = 0;  ///< the hold-off ends earlier when so many packets wait, if the device can tell; 0: never
  bool adaptive = false;        ///< the hold-off follows the load, rx_usecs does not count
  bool operator==(const Coalesce&) const = default;
};

/// ethtool -X and -N: how the device spreads received packets over its rx queues. What is not given stays as the device
/// has it.
struct Rss {
  std::vector<std::uint8_t> key{};          ///< 40 or 52 bytes; empty: not given
  bool symmetric = false;                   ///< the key is 0x6d5a repeated: both directions of a flow to one queue
  std::optional<wire::RssFields> fields{};  ///< which protocols' ports are hashed
  std::uint16_t equal = 0;                  ///< equal shares for the first so many queues; 0: not given
  std::vector<std::uint32_t> weights{};     ///< the share of each queue, from the first on; empty: not given
  bool operator==(const Rss&) const = default;
};

struct Port {
  std::string name{};
  PortDriver driver = PortDriver::sim;
  std::string device{};             ///< vdev, ethdev: the device, with its arguments
  std::string iface{};              ///< tap: name of the kernel's interface, at most 15 characters
  std::string link{};               ///< vlan: the port by which its frames go, given before it
  std::uint16_t vlan_id = 0;        ///< vlan: 1..4094
  std::optional<MacAddress> mac{};  ///< none: the device's own, or one drawn from the seed
  std::uint16_t mtu = 1500;
  std::uint16_t rx_queues = 1;
  std::uint16_t tx_queues = 1;
  std::uint16_t rx_desc = 256;  ///< a power of two
  std::uint16_t tx_desc = 256;
  LcoreMask rps_cpus{};  ///< of each rx queue; empty: off
  std::uint32_t rps_flow_cnt = 0;  ///< of each rx queue: flows whose lcore RFS keeps, rounded up to a power of two; 0: off
  bool gro = true;       ///< merge received TCP segments
  bool lro = false;      ///< have the device merge received TCP segments, or be refused; ethtool -K lro. GRO merges on
  bool tso = true;       ///< let the port cut TCP segments if it can; ethtool -K tso
  std::uint32_t gso_max_size = 65536;   ///< bytes of an IP packet that is cut behind the stack; ip link's
  std::uint16_t gso_max_segs = 65535;   ///< segments of one; 1: the stack makes every segment itself
  std::vector<std::uint16_t> rx_lcores{};  ///< of each rx queue; empty: queue i on lcore i modulo their number
  RxMode rx_mode = RxMode::adaptive;
  Coalesce coalesce{};                      ///< rx_mode interrupt
  std::uint64_t gro_flush_timeout_ns = 0;   ///< how long GRO may hold packets after a poll; Linux's sysfs file
  std::uint32_t napi_defer_hard_irqs = 0;   ///< empty polls, a gro_flush_timeout apart, before the interrupt is unmasked
  Rss rss{};                                ///< default: all as the device has it
  std::vector<LcoreMask> xps_cpus{};        ///< of each tx queue: the lcores that send by it, each lcore by one; empty:
                                            ///< lcore i by queue i modulo their number
  bool tx_handoff = true;                   ///< lcores may share a tx queue: its owner sends for the others
  std::uint32_t bql_limit_max = 1879048192;  ///< most bytes that a tx queue's device may hold unsent, where the driver can tell
  std::uint32_t bql_limit_min = 0;           ///< and fewest: between them the limit adapts itself
  std::uint32_t bql_hold_time = 1000;        ///< milliseconds for which it was too high before it goes down
  std::uint32_t txqueuelen = 1000;          ///< frames that wait before each tx queue, at most; ip link's
  bool ntuple = false;                      ///< RFS has the device bring flows to the rx queue of the lcore that reads them
  bool threaded = false;                    ///< each rx queue is polled by an lcore made for it, beyond Config::lcores
  bool rx_timestamp = false;                ///< the device stamps what it receives (SIOCSHWTSTAMP, HWTSTAMP_FILTER_ALL)
  bool operator==(const Port&) const = default;
};

struct StackInterface {
  std::string port{};
  std::string name{};  ///< as routes and counters call it
  std::vector<IpPrefix> addresses{};
  bool autoconf = false;  ///< IPv6 as a Linux host has it: duplicate address detection, what routers advertise
  bool dhcp = false;      ///< gets an IPv4 address, routes, MTU and name servers by DHCP, beside `addresses`
  std::optional<IpAddress> dhcp_address{};  ///< of its lease when it ran last: asked for before any other
  bool dhcp_release = true;                 ///< at the engine's end the lease is given back
  bool operator==(const StackInterface&) const = default;
};

/// What a route does with a packet; Linux's RTN_*.
enum class RouteType : std::uint8_t {
  unicast,      ///< it goes to via, or onto the link of dev
  local,        ///< it is for this host: AnyIP
  blackhole,    ///< dropped, and nobody is told
  unreachable,  ///< dropped; its sender is told: host unreachable
  prohibit,     ///< dropped; its sender is told: administratively prohibited
};

struct Route {
  IpPrefix to{};                   ///< 0.0.0.0/0 or ::/0: the default route
  std::optional<IpAddress> via{};  ///< unicast; none: on link
  std::string dev{};               ///< unicast: interface; empty: the one on whose link `via` is
  RouteType type = RouteType::unicast;
  std::optional<std::uint32_t> metric{};  ///< of several routes to a prefix the least is taken; none: 0, of IPv6 1024
  std::optional<IpAddress> src{};  ///< unicast: the own address that packets come from; none: chosen (RFC 6724)
  bool operator==(const Route&) const = default;
};

using ip::Hook;
using ip::HookVerdict;

/// What is done with packets at one of IP's hooks, as a line of iptables; what is not said matches all. The first rule of a
/// hook that fits decides; what none fits goes on.
struct Rule {
  struct Ports {
    std::uint16_t first = 0;
    std::uint16_t last = 65535;
    bool operator==(const Ports&) const = default;
    /// "53" or "1000-2000"; null when the text is neither.
    [[nodiscard]] static std::optional<Ports> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;
  };
  Hook hook = Hook::local_in;
  HookVerdict verdict = HookVerdict::drop;   ///< not stolen
  std::optional<IpPrefix> source{};
  std::optional<IpPrefix> destination{};
  std::uint8_t proto = 0;                    ///< 0: any
  std::optional<Ports> source_ports{};       ///< proto 6 or 17
  std::optional<Ports> destination_ports{};
  std::string in{};                          ///< interface; not in local_out
  std::string out{};                         ///< not in pre_routing and local_in
  bool operator==(const Rule&) const = default;
};

/// One IP host: its interfaces, routes and rules.
struct Stack {
  std::string name{};
  std::vector<StackInterface> interfaces{};
  std::vector<Route> routes{};
  std::vector<Rule> rules{};
  bool operator==(const Stack&) const = default;
};

enum class CaptureDirection : std::uint8_t { both, in, out };

/// Where on its way a frame is captured.
enum class CapturePoint : std::uint8_t {
  driver,   ///< as the port brought it, before GRO
  gro,      ///< after GRO, before steering
  steered,  ///< on the lcore that processes it: where Linux captures
  socket,   ///< queued for a socket
  out,      ///< on its way to the port
  drop,     ///< dropped, with the reason
};

/// A pcapng file of frames as they pass between ports and stacks: received ones after GRO, as on Linux. Each has a comment:
/// where it was seen, by which lcore, of which rx queue, with which hash, why it was dropped.
struct Capture {
  bool enabled = false;
  std::string file = "millrace.pcapng";
  std::vector<std::string> ports{};  ///< empty: all
  CaptureDirection direction = CaptureDirection::both;  ///< in: without the point `out`; out: that alone
  std::vector<CapturePoint> points{CapturePoint::steered, CapturePoint::out};  ///< a frame is in the file once for each
  std::string filter{};                  ///< which frames, as for tcpdump; empty: all
  std::uint64_t max_bytes = 64 << 20;    ///< the file ends here, what comes later is counted
  std::uint32_t snaplen = 0;             ///< bytes kept of each frame; 0: all
  std::uint32_t buffer_bytes = 4 << 20;  ///< of each lcore, between the data path and the file
  bool operator==(const Capture&) const = default;
};

enum class ClockSource : std::uint8_t {
  tsc,
  manual,  ///< the application sets the time and steps the engine
};

struct Config {
  Eal eal;
  std::vector<Lcore> lcores{Lcore{}};
  std::vector<Port> ports{};
  std::vector<Stack> stacks{};
  Sysctl sysctl;
  Capture capture;
  ClockSource clock = ClockSource::tsc;
  std::uint64_t seed = 0;  ///< of everything random; 0: drawn at start and printed
  bool operator==(const Config&) const = default;
};

/// One thing wrong in a configuration.
struct Problem {
  std::string file{};     ///< empty when the Config was made in code
  int line = 0;           ///< from 1; 0: not of one line
  std::string key{};      ///< "ports[0].mtu"
  std::string value{};    ///< as it was written
  std::string message{};  ///< what is wrong and what would be valid

  /// "demo.yaml:12: ports[0].mtu: 20: must be 68..9600".
  [[nodiscard]] std::string to_string() const;
};

/// Checks ranges and combinations; empty when the configuration can work. Rights, devices and memory of this machine
/// are not looked at: starting tells.
[[nodiscard]] std::vector<Problem> validate(const Config& config);

}  // namespace millrace::config

namespace millrace {
using config::Config;
}

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/stack/neighbor/entry.hpp>
#include <millrace/stack/neighbor/host_config.hpp>
#include <millrace/wire/arp.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace millrace::neighbor {

/// Linux's defaults: net.ipv4.neigh.default.* and net.ipv4.conf.*.
struct Options {
  Duration base_reachable = 30s;     ///< each entry draws 0.5 to 1.5 of it (RFC 4861 section 6.3.2)
  Duration delay_first_probe = 5s;
  Duration retrans = 1s;
  Duration locktime = 1s;            ///< ARP: how long an answer stands against a different one
  std::uint8_t ucast_solicit = 3;
  std::uint8_t mcast_solicit = 3;
  std::uint32_t queue_bytes = 212992;  ///< unres_qlen_bytes: truesize waiting at one entry
  std::uint32_t queue_packets = 256;
  std::uint32_t gc_thresh1 = 128;      ///< fewer entries are left alone
  std::uint32_t gc_thresh2 = 512;      ///< more of them, and what is not in use goes at the next new one
  std::uint32_t entries = 1024;        ///< gc_thresh3: no more than these
  Duration gc_stale_time = 60s;        ///< how long an entry nobody uses is kept
  Duration gc_interval = 30s;
  std::uint8_t arp_accept = 0;         ///< gratuitous ARP makes entries: 1 of all, 2 of senders on our prefixes; 0: of none
  bool arp_notify = false;             ///< an address that is added is announced
  bool arp_defend = true;              ///< one that somebody else claims is announced, once in 10 s (RFC 5227 section 2.4)
};

/// Hears of packets that cannot be sent because their next hop does not answer. ip::Stack implements it.
class Unreachable {
 public:
  virtual ~Unreachable() = default;
  /// Takes back a packet, data() at its IP header, to tell its sender and drop it.
  virtual void unreachable(Interface& interface, pkt::Packet ip_packet) = 0;
};

/// One line of `ip neigh`.
struct Row {
  std::uint16_t ifindex;
  IpAddress address;
  MacAddress mac;
  State state;
  std::uint32_t waiting;
};

/// What an ND message came in, for its validity checks (RFC 4861 section 7.1).
struct NdSource {
  IpAddress source;
  IpAddress destination;
  std::uint8_t hop_limit;
};

/// Hears what is said of an IPv4 address that is being probed (AddressProbe).
class ArpListener {
 public:
  virtual ~ArpListener() = default;
  /// A valid ARP message of another station that came in on `interface`.
  virtual void heard_arp(const Interface& interface, const wire::ArpPacket& arp) = 0;
  ListHook hook;
};

/// ARP (RFC 826) and neighbour discovery (RFC 4861) of one lcore's stack: who stands at which link address, and the
/// last step of the output path. Behaves as net/core/neighbour.c. One thread. What it hears of router discovery,
/// redirects and tentative addresses goes to a HostConfig.
class Neighbors {
 public:
  /// `env` and `upward` outlive the table.
  Neighbors(Env& env, Unreachable& upward, const Options& options = {});
  /// Drops what still waits.
  ~Neighbors();
  Neighbors(const Neighbors&) = delete;
  Neighbors& operator=(const Neighbors&) = delete;

  /// Sends an IP packet, data() at its IP header, to `next_hop` on the link; Meta offsets are already those of the
  /// finished frame. An address not yet known is asked for while the packet waits.
  void send(Interface& interface, const IpAddress& next_hop, pkt::Packet ip_packet);
  /// Whom the last packet went to by send(), if that was it; else null.
  [[nodiscard]] Entry* last_sent_to(const Interface& interface, const IpAddress& next_hop) const {
    return last_ != nullptr && last_->address == next_hop && last_->interface == &interface ? last_ : nullptr;
  }
  /// Whether the entry, which was that of `next_hop` once, still is, and a packet may go to it without a change of its state.
  [[nodiscard]] static bool is_at_hand(const Entry& entry, const Interface& interface, const IpAddress& next_hop) {
    return entry.address == next_hop && entry.interface == &interface && is_valid(entry.state) && entry.state != State::stale;
  }
  /// send() of each to such a one.
  void send_at_hand(Entry& entry, pkt::PacketList& ip_packets);
  /// Advertisements say so from now on (RFC 4861 section 4.4, R).
  void set_router(bool is_router) { is_router_ = is_router; }
  /// An ARP frame, Ethernet header included.
  void receive_arp(Interface& interface, pkt::Packet frame);
  /// A neighbour solicitation or advertisement: data() at the ICMPv6 header, checksum already verified.
  void receive_nd(Interface& interface, const NdSource& from, pkt::Packet message);
  /// Null: nobody configures the host; router advertisements and redirects are dropped.
  void set_host_config(HostConfig* config) { host_config_ = config; }
  /// Looks for who else has the address, from no address (RFC 4862 section 5.4.2).
  void send_dad_solicitation(Interface& interface, const IpAddress& target, const wire::Nonce& nonce);
  /// Asks the link's routers to say what they have, from the interface's link-local address.
  void send_router_solicitation(Interface& interface);
  /// A message of the neighbour named its link address: STALE, until it proves itself.
  void heard(Interface& interface, const IpAddress& address, const MacAddress& mac);
  /// Between two solicitations, as the interface's router says, if it does.
  [[nodiscard]] Duration retrans_time(const Interface& interface) const {
    return interface.retrans != Duration{0} ? interface.retrans : options_.retrans;
  }
  /// The neighbour was heard to receive what we sent (RFC 4861 section 7.3.1).
  void confirm_reachable(Interface& interface, const IpAddress& address);

  /// `ip neigh replace ... lladdr mac nud state`: permanent, reachable or stale. False when the table is full.
  bool put(Interface& interface, const IpAddress& address, const MacAddress& mac, State state);
  bool add_permanent(Interface& interface, const IpAddress& address, const MacAddress& mac) {
    return put(interface, address, mac, State::permanent);
  }
  /// `ip neigh del`. False when there is no such entry. What waits there is dropped.
  bool remove(Interface& interface, const IpAddress& address);
  [[nodiscard]] std::optional<Row> find(const Interface& interface, const IpAddress& address) const;
  /// Every entry, in order of interface and address.
  [[nodiscard]] std::vector<Row> rows() const;
  [[nodiscard]] std::uint32_t size() const { return size_; }

  /// Tells everybody on the link that the address is ours (RFC 5227 section 2.3): a request of it for itself.
  void announce(Interface& interface, const IpAddress& address);
  /// Asks whether anybody has it, without claiming it (RFC 5227 section 2.1.1).
  void send_arp_probe(Interface& interface, const IpAddress& address);
  /// It hears ARP from now on, until it unlinks its hook or is gone.
  void add_listener(ArpListener& listener) { listeners_.push_back(listener); }
  /// net.ipv4.conf.*.arp_notify: announces what has become ours, if it is to be announced.
  void address_added(Interface& interface, const IpAddress& address) {
    if (options_.arp_notify && address.is_v4() && interface.speaks && !interface.is_loopback) announce(interface, address);
  }

 private:
  friend struct Entry;
  struct News;

  // table.cpp
  [[nodiscard]] Entry* lookup(const Interface& interface, const IpAddress& address) const;
  Entry* create(Interface& interface, const IpAddress& address);
  void destroy(Entry& entry);
  void touch(Entry& entry);
  [[nodiscard]] std::uint32_t bucket_of(std::uint16_t ifindex, const IpAddress& address) const;

  // gc.cpp
  static void on_gc_timer(void* self, Instant now);
  bool make_room();
  std::uint32_t forced_gc();
  void periodic_gc();
  void arm_gc();

  // neighbors.cpp: the state machine of net/core/neighbour.c
  void output(Entry& entry, pkt::Packet ip_packet);
  void start_resolution(Entry& entry);
  void enqueue(Entry& entry, pkt::Packet ip_packet);
  void update(Entry& entry, const News& news);
  void set_mac(Entry& entry, const MacAddress& mac);
  void on_timer(Entry& entry);
  void probe_again(Entry& entry);
  void probe(Entry& entry, bool unicast);
  void fail(Entry& entry);
  void flush(Entry& entry);
  void drop_waiting(Entry& entry, stats::DropReason reason);
  [[nodiscard]] Duration draw_reachable_time(const Entry& entry);
  [[nodiscard]] Duration retrans_of(const Entry& entry) const {
    return entry.address.is_v4() ? options_.retrans : retrans_time(*entry.interface);
  }

  // arp.cpp
  void send_arp_request(Entry& entry, bool unicast);
  void answer_arp(Interface& interface, const wire::ArpPacket& request, pkt::Packet frame);
  void claimed_by_another(Interface& interface, const wire::ArpPacket& arp, pkt::Packet frame);
  [[nodiscard]] bool makes_entry(const Interface& interface, const wire::ArpPacket& arp) const;
  void send_arp(Interface& interface, const MacAddress& to, const wire::ArpPacket& arp);

  // nd.cpp
  void send_solicitation(Entry& entry, bool unicast);
  void send_advertisement(Interface& interface, const IpAddress& to, const IpAddress& target, bool solicited);
  void receive_solicitation(Interface& interface, const NdSource& from, pkt::Packet message);
  void receive_advertisement(Interface& interface, const NdSource& from, pkt::Packet message);
  void receive_from_router(Interface& interface, const NdSource& from, pkt::Packet message);
  [[nodiscard]] bool concerns_tentative(Interface& interface, const TargetNews& news) {
    return host_config_ != nullptr && host_config_->heard_of(interface, news);
  }

  Env& env_;
  Unreachable& upward_;
  HostConfig* host_config_ = nullptr;
  const Options options_;
  std::unique_ptr<Entry[]> entries_;
  std::vector<Entry*> free_;
  std::vector<Entry*> buckets_;
  List<Entry, &Entry::lru> unused_longest_first_;  ///< all but permanent ones
  List<ArpListener, &ArpListener::hook> listeners_;
  timer::Timer gc_timer_{&Neighbors::on_gc_timer, this};
  Instant last_forced_gc_{};
  Instant defended_{};
  Entry* last_ = nullptr;  ///< of the previous send: bursts go to one next hop
  std::uint32_t size_ = 0;
  bool is_router_ = false;
};

}  // namespace millrace::neighbor

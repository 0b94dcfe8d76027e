// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/stack/group/groups.hpp>
#include <millrace/stack/ip/error_sender.hpp>
#include <millrace/stack/ip/hooks.hpp>
#include <millrace/stack/ip/igmp.hpp>
#include <millrace/stack/ip/ip.hpp>
#include <millrace/stack/ip/known_flows.hpp>
#include <millrace/stack/ip/known_path.hpp>
#include <millrace/stack/ip/local_table.hpp>
#include <millrace/stack/ip/path_mtu.hpp>
#include <millrace/stack/ip/policy.hpp>
#include <millrace/stack/ip/raw_receiver.hpp>
#include <millrace/stack/ip/reassembly.hpp>
#include <millrace/stack/ip/redirects.hpp>
#include <millrace/stack/ip/resteer.hpp>
#include <millrace/stack/ip/routes.hpp>
#include <millrace/stack/neighbor/neighbors.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace millrace::ip {

struct ExtHeaders;

/// IPv4 (RFC 791, 1122) and IPv6 (RFC 8200) of one lcore's stack: checks what arrives and delivers it to the
/// transports, gives what they send a header, a route and a next hop. What is for others is forwarded where that is
/// switched on (receive_path H6), else dropped. What is sent to an own address goes by the loopback interface, if there is
/// one (receive_path H5). One thread.
class Stack final : public Output, private neighbor::Unreachable, private Reassembly::Timeouts {
 public:
  /// `routes`: those of the host, which its other lcores' stacks share; null: they are this stack's alone.
  explicit Stack(Env& env, const neighbor::Options& options = {}, Routes* routes = nullptr);

  // Addresses and routes, at any time. Everything given by reference outlives the stack.
  /// Makes the interface's addresses ours and its prefixes routes on its link. ENOSPC: the route table is full.
  [[nodiscard]] Result<void> add_interface(neighbor::Interface& interface);
  /// `ip addr add`, `ip addr del`, of this lcore's view of the interface, with the route to the prefix. EEXIST: a host has an
  /// address once; EADDRNOTAVAIL: it has not; ENOSPC.
  [[nodiscard]] Result<void> add_address(neighbor::Interface& interface, const IpPrefix& address);
  [[nodiscard]] Result<void> remove_address(neighbor::Interface& interface, const IpPrefix& address);
  /// Interface::addresses was changed by others: what is derived from it is made anew. Their routes are left to them.
  void addresses_changed();
  /// `ip route add`. EEXIST, ENOSPC; EINVAL when the families differ; ENETUNREACH: the gateway is on no link.
  [[nodiscard]] Result<void> add_route(const Route& route);
  /// The same to a gateway or, without one, on the interface's link.
  [[nodiscard]] Result<void> add_route(const IpPrefix& prefix, const std::optional<IpAddress>& gateway, neighbor::Interface& interface);
  /// `ip route del`: the first route of the prefix, of that metric if one is given. ESRCH.
  [[nodiscard]] Result<void> remove_route(const IpPrefix& prefix, std::optional<std::uint32_t> metric = std::nullopt);

  // Set-up, before the first packet.
  /// inet_add_protocol(): `transport` takes what carries this protocol number, in IPv4 and IPv6.
  void add_protocol(std::uint8_t proto, Transport& transport) { protocols_[proto] = &transport; }
  /// Who sees packets before their transport; null: nobody.
  void set_raw(RawReceiver* raw) { raw_ = raw; }
  [[nodiscard]] RawReceiver* raw() const { return raw_; }
  void set_error_sender(ErrorSender& sender) { error_sender_ = &sender; }
  /// Who knows the other lcores' sockets; null, as when never called: there are none.
  void set_resteer(Resteer* resteer) { resteer_ = resteer; }
  void configure_reassembly(const Reassembly::Options& v4, const Reassembly::Options& v6);
  void configure_early_demux(const EarlyDemux& early_demux) { early_demux_ = early_demux; }
  void configure_forwarding(const Forwarding& forwarding);
  void configure_path_mtu(const PathMtus::Options& options) { path_mtus_.configure(options); }
  void configure_redirects(const RedirectPolicy& policy) { redirect_policy_ = policy; }
  /// net.ipv4.ip_default_ttl, for both versions; 64 when never called.
  void set_default_hop_limit(std::uint8_t hop_limit) { default_hop_limit_ = hop_limit; }

  /// The hooks, between two packets; made when first asked for. forget_idle_hooks() afterwards, where functions went: where
  /// there are none a packet costs one test of a pointer.
  [[nodiscard]] Hooks& hooks();
  void forget_idle_hooks();
  /// nf_reinject(): what is to happen to a packet that waits at a hook. False: none of that number waits.
  bool reinject(std::uint32_t id, HookVerdict verdict);

  /// A received frame with an IPv4 or IPv6 packet at Meta::l3_offset; Meta::ifindex says where it came in.
  void input(pkt::Packet frame);
  /// Takes frames off the front as long as they are datagrams of known flows to one socket (receive_path H3); how many.
  std::uint32_t input_known(pkt::PacketList& frames) { return KnownFlows::may_have(frames.front()->meta) ? input_datagrams(frames) : 0; }

  // Output
  SendVerdict send(pkt::Packet datagram, const SendHeader& header) override;
  void send_known(pkt::PacketList& datagrams, KnownPath& path) override;
  SendVerdict send_whole(pkt::Packet packet, const IpAddress& destination) override;
  [[nodiscard]] std::optional<IpAddress> source_for(const IpAddress& destination) const override;
  [[nodiscard]] SendVerdict way_to(const IpAddress& destination) const override;
  [[nodiscard]] std::uint32_t mtu_for(const IpAddress& destination) const override;
  [[nodiscard]] std::uint32_t link_mtu_for(const IpAddress& destination) const override;
  void learn_path_mtu(const IpAddress& destination, std::uint32_t mtu) override { path_mtus_.learn(destination, mtu); }
  [[nodiscard]] GsoLimits gso_limits_for(const IpAddress& destination) const override;
  [[nodiscard]] Leads leads(const FlowKey& flow) const override;
  [[nodiscard]] std::uint32_t queued_bytes(const FlowKey& flow) const override;
  [[nodiscard]] bool is_local(const IpAddress& address) const override;
  [[nodiscard]] bool is_broadcast(const IpAddress& address) const override;
  void send_port_unreachable(const pkt::Packet& datagram, const Delivery& delivery) override;
  void count_unclaimed_error(const IpAddress& remote) override;
  void confirm_reachable(const IpAddress& destination) override;
  void forget_flows() override { known_flows_.clear(); }
  [[nodiscard]] neighbor::Interface* group_interface(const IpAddress& group, std::uint16_t ifindex) const override;
  int join_group(neighbor::Interface& interface, const IpAddress& group, std::uint64_t listener, group::Filter wanted) override;

  /// The transport registered for a protocol number, or null.
  [[nodiscard]] Transport* protocol(std::uint8_t proto) const { return protocols_[proto]; }
  [[nodiscard]] neighbor::Interface* interface(std::uint16_t ifindex) const {
    return ifindex < by_ifindex_.size() ? by_ifindex_[ifindex] : nullptr;
  }
  [[nodiscard]] neighbor::Interface* interface(std::string_view name) const;
  [[nodiscard]] const std::vector<neighbor::Interface*>& interfaces() const { return interfaces_; }
  [[nodiscard]] group::Groups& groups() { return groups_; }
  /// The first hop `reporter` says that datagrams to `destination` better go to `target`, a neighbour on the interface's link
  /// (RFC 1122 section 3.2.2.2, RFC 4861 section 8.3). False: it is not obeyed.
  bool accept_redirect(neighbor::Interface& interface, const IpAddress& reporter, const IpAddress& destination, const IpAddress& target);
  [[nodiscard]] neighbor::Neighbors& neighbors() { return neighbors_; }
  [[nodiscard]] const Routes& routes() const { return routes_; }
  [[nodiscard]] const PathMtus& path_mtus() const { return path_mtus_; }
  /// Incomplete datagrams of a version.
  [[nodiscard]] const Reassembly& fragments(bool v4) const { return v4 ? fragments_v4_ : fragments_v6_; }

 private:
  struct Hop {
    neighbor::Interface* interface;
    IpAddress next_hop;
    IpAddress source{};  ///< the route's
  };

  // input_v4.cpp, input_v6.cpp
  void input_v4(neighbor::Interface& interface, pkt::Packet packet);
  void route_v4(neighbor::Interface& interface, pkt::Packet packet);
  [[nodiscard]] std::optional<std::uint8_t> pass_options(neighbor::Interface& interface, pkt::Packet& packet);
  void deliver_local_v4(neighbor::Interface& interface, pkt::Packet packet, const Demuxed& demuxed = {});
  [[nodiscard]] pkt::Packet reassemble_v4(pkt::Packet packet);
  void deliver_v4(neighbor::Interface& interface, pkt::Packet packet, void* socket = nullptr);
  void input_v6(neighbor::Interface& interface, pkt::Packet packet);
  void route_v6(neighbor::Interface& interface, pkt::Packet packet);
  void deliver_local_v6(neighbor::Interface& interface, pkt::Packet packet, const Demuxed& demuxed = {});
  [[nodiscard]] bool passes(const ExtHeaders& ext, pkt::Packet& packet);
  void follow_headers(neighbor::Interface& interface, pkt::Packet packet, void* socket = nullptr);
  [[nodiscard]] pkt::Packet reassemble_v6(pkt::Packet packet, const ExtHeaders& ext);
  void deliver_v6(neighbor::Interface& interface, pkt::Packet packet, const ExtHeaders& ext, void* socket);

  // known_flows.cpp, known_path.cpp
  [[nodiscard]] bool may_know_flows() const;
  std::uint32_t input_datagrams(pkt::PacketList& frames);
  template <class V>
  std::uint32_t input_known_of(pkt::PacketList& frames);
  void know_flow(const pkt::Packet& packet, Delivery& delivery);
  void know_path(KnownPath& path, const Hop& hop, const KnownPath::Header& ip, const IpAddress& source, const SendHeader& header);

  // early_demux.cpp
  [[nodiscard]] std::uint64_t generation() const { return std::uint64_t{address_generation_} << 32 | routes_.generation(); }
  [[nodiscard]] Demuxed demux(std::span<const std::uint8_t> transport, std::uint8_t proto, const IpAddress& local, const IpAddress& remote);
  [[nodiscard]] bool is_current(const Demuxed& demuxed, const neighbor::Interface& interface) const;
  void remember(const Demuxed& demuxed, const neighbor::Interface& interface);
  [[nodiscard]] std::optional<Hop> cached_route(RouteCache& cache, const IpAddress& destination, const IpAddress& source);

  // forward.cpp
  [[nodiscard]] const NextHop* look_up(const IpAddress& destination) const {
    env_.stats->ip.add(stats::Ip::FibLookups);
    return routes_.lookup(destination);
  }
  [[nodiscard]] bool is_expected(const neighbor::Interface& in, const IpAddress& source);
  [[nodiscard]] bool is_on_link(const neighbor::Interface& in, const IpAddress& source);
  void forward_v4(neighbor::Interface& in, pkt::Packet packet, const NextHop* hop, std::uint8_t route_at);
  void forward_v6(neighbor::Interface& in, pkt::Packet packet, const NextHop* hop);
  void cannot_forward(pkt::Packet packet, const NextHop* hop);
  void finish_forward(neighbor::Interface& in, neighbor::Interface& out, const IpAddress& next_hop, pkt::Packet packet);
  void send_cut(neighbor::Interface& out, const IpAddress& next_hop, const IpAddress& destination, pkt::Packet packet);
  void send_pieces(neighbor::Interface& out, const IpAddress& next_hop, pkt::Packet packet);

  // hook_points.cpp
  void go_on(const HookState& state, pkt::Packet packet);
  [[nodiscard]] HookVerdict pass_output(const Hop& hop, const IpAddress& destination, pkt::Packet& packet);

  // stack.cpp
  void hand_over(Transport& transport, pkt::Packet packet, std::uint16_t header_bytes, Delivery& delivery);
  void report(const pkt::Packet& packet, const Problem& problem);
  void unreachable(neighbor::Interface& interface, pkt::Packet ip_packet) override;
  [[nodiscard]] pkt::Packet begin_anew(pkt::Packet whole);
  void on_reassembly_timeout(const pkt::Packet& first) override;

  // multicast.cpp
  [[nodiscard]] bool is_wanted(const neighbor::Interface& interface, const IpAddress& group, const IpAddress& source, std::uint8_t proto) const;
  void loop_back(neighbor::Interface& out, const pkt::Packet& packet);

  // addresses.cpp
  [[nodiscard]] static Route connected(const neighbor::Interface& interface, const IpPrefix& address);
  [[nodiscard]] std::string describe(const Route& route) const;
  [[nodiscard]] bool leads_by_default(const IpAddress& gateway) const;
  [[nodiscard]] Result<void> check(const Route& route) const;

  // output.cpp
  [[nodiscard]] std::optional<Hop> route_to(const IpAddress& destination, const IpAddress& source) const;
  [[nodiscard]] std::optional<Hop> hop_for(const SendHeader& header) const;
  [[nodiscard]] std::optional<IpAddress> source_for(const IpAddress& destination, const std::optional<Hop>& hop) const;
  [[nodiscard]] std::optional<Hop> on_link(const IpAddress& destination, const IpAddress& source) const;
  [[nodiscard]] SendVerdict refusal(const IpAddress& destination) const;
  SendVerdict refuse(pkt::Packet datagram, const IpAddress& destination);
  void finish_output(neighbor::Interface& out, const IpAddress& next_hop, const IpAddress& destination, pkt::Packet packet);
  SendVerdict send_fragments(const Hop& hop, const IpAddress& source, pkt::Packet datagram, const SendHeader& header, std::uint32_t mtu);
  [[nodiscard]] HookVerdict pass_whole(const Hop& hop, const IpAddress& source, pkt::Packet& datagram, const SendHeader& header, std::uint16_t id);
  void write_v4(pkt::Packet& datagram, const IpAddress& source, const SendHeader& header, std::uint16_t id);
  void write_v6(pkt::Packet& datagram, const IpAddress& source, const SendHeader& header, std::uint8_t hop_limit);
  [[nodiscard]] std::uint16_t& id_counter(const IpAddress& source, const SendHeader& header);
  [[nodiscard]] std::uint16_t next_id(const IpAddress& source, const SendHeader& header, std::uint16_t segments);
  [[nodiscard]] std::uint32_t next_fragment_id(const IpAddress& source, const SendHeader& header);

  [[nodiscard]] std::uint8_t hop_limit_of(const SendHeader& header) const {
    return header.hop_limit != 0 ? header.hop_limit : default_hop_limit_;
  }
  [[nodiscard]] std::uint8_t hop_limit_of(const SendHeader& header, const neighbor::Interface& out) const {
    const bool is_told = header.hop_limit == 0 && !header.destination.is_v4() && out.hop_limit_v6 != 0;
    return is_told ? out.hop_limit_v6 : hop_limit_of(header);
  }

  Env& env_;
  std::uint8_t default_hop_limit_ = 64;
  Forwarding forwarding_;
  EarlyDemux early_demux_;
  neighbor::Neighbors neighbors_;
  std::unique_ptr<Routes> own_routes_;
  Routes& routes_;
  LocalTable local_;
  group::Groups groups_{env_, neighbors_};
  Igmp igmp_{groups_};
  Redirects redirects_{env_, routes_};
  RedirectPolicy redirect_policy_;
  KnownFlows known_flows_;
  FragmentRoute fragment_route_;
  std::uint32_t address_generation_ = 1;
  std::vector<neighbor::Interface*> interfaces_;
  std::vector<neighbor::Interface*> by_ifindex_;
  neighbor::Interface* loopback_ = nullptr;
  std::array<Transport*, 256> protocols_{};  ///< inet_protos[]
  ErrorSender* error_sender_ = nullptr;
  RawReceiver* raw_ = nullptr;
  Resteer* resteer_ = nullptr;
  PathMtus path_mtus_{env_};
  std::unique_ptr<Hooks> hooks_;  ///< null: there are none
  Reassembly fragments_v4_{env_, *this, true};
  Reassembly fragments_v6_{env_, *this, false};  ///< 30 s until configured
  std::array<std::uint16_t, 256> ids_{};         ///< IPv4 identification counters, by keyed hash of the flow
  std::uint64_t fragment_ids_ = 0;               ///< IPv6 packets cut so far
};

}  // namespace millrace::ip

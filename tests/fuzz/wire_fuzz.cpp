// SPDX-License-Identifier: BSD-3-Clause
// Gives arbitrary bytes to dissect() and every parser of wire/. Called by libFuzzer, or by replay.cpp with the corpus.
// Sanitizers find a read too far; the checks here find offsets that lead outside and emitters that do not invert.
#include <millrace/base/assert.hpp>
#include <millrace/wire/arp.hpp>
#include <millrace/wire/dhcp.hpp>
#include <millrace/wire/dhcp6.hpp>
#include <millrace/wire/dissect.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/icmp4.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/membership.hpp>
#include <millrace/wire/nd.hpp>
#include <millrace/wire/tcp.hpp>
#include <millrace/wire/udp.hpp>

#include <string_view>

using namespace millrace;
using namespace millrace::wire;

namespace {

using Bytes = std::span<const std::uint8_t>;

/// Whatever was read must be read back the same after it was written.
template <class View>
void check_header(Bytes bytes) {
  const auto view = View::parse(bytes);
  if (!view) return;
  std::uint8_t out[64];
  emit(view->header(), out);
  std::uint8_t again[64];
  emit(View::parse({out, sizeof out})->header(), again);
  MR_ASSERT(std::equal(out, out + 8, again));
}

template <class Message>
void check_discovery(Bytes bytes) {
  const auto message = Message::parse(bytes);
  if (!message) return;
  std::uint8_t out[nd_max_bytes];
  const std::size_t length = emit(*message, out);
  MR_ASSERT(length <= sizeof out && Message::parse({out, length}) == message);
}

void check_membership(Bytes bytes) {
  for (const bool v4 : {false, true}) {
    const auto query = v4 ? MembershipQuery::parse_igmp(bytes) : MembershipQuery::parse_mld(bytes);
    if (query) MR_ASSERT(query->sources.size() * (v4 ? 4 : 16) <= bytes.size());
    const auto records = read_membership_report(bytes, v4);
    if (!records.empty()) MR_ASSERT(read_membership_report(make_membership_report(records), v4) == records);
  }
}

void check_dhcp(Bytes bytes) {
  if (const auto message = DhcpMessage::parse(bytes)) MR_ASSERT(DhcpMessage::parse(make_dhcp(*message)) == message);
  if (const auto message = Dhcp6Message::parse(bytes)) MR_ASSERT(Dhcp6Message::parse(make_dhcp6(*message)) == message);
}

void check_options(Bytes bytes) {
  const TcpOptions options = TcpOptions::parse(bytes);
  std::uint8_t out[tcp_options_max_bytes];
  const std::size_t length = emit(options, out);
  MR_ASSERT(length == emitted_length(options) && length <= sizeof out && length % 4 == 0);
  const TcpOptions again = TcpOptions::parse({out, length});
  MR_ASSERT(again.mss == options.mss && again.window_scale == options.window_scale && again.ts_echo == options.ts_echo);
}

void check_frame(Bytes frame) {
  const Layers layers = dissect(frame);
  MR_ASSERT(layers.l3_offset <= frame.size() && layers.l4_offset <= frame.size() &&
            layers.payload_offset <= frame.size());
  const FlowKey key = flow_key(frame, layers);
  MR_ASSERT(layers.payload_offset != 0 || (key.local_port == 0 && key.remote_port == 0));
  Sum sum;
  sum.add(frame);
  MR_ASSERT(sum.checksum() == checksum(frame));
}

void check_views(Bytes bytes) {
  check_header<EthernetView>(bytes);
  check_header<Ipv4View>(bytes);
  check_header<Ipv6View>(bytes);
  check_header<UdpView>(bytes);
  check_header<TcpView>(bytes);
  check_header<Icmp4View>(bytes);
  check_header<Icmp6View>(bytes);
  check_discovery<NeighborSolicitation>(bytes);
  check_discovery<NeighborAdvertisement>(bytes);
  check_discovery<RouterSolicitation>(bytes);
  check_discovery<RouterAdvertisement>(bytes);
  check_discovery<Redirect>(bytes);
  check_membership(bytes);
  check_options(bytes);
  if (const auto ip = Ipv4View::parse(bytes)) (void)ip->checksum_valid();
  if (const auto tcp = TcpView::parse(bytes)) check_options(tcp->options());
  if (const auto arp = ArpView::parse(bytes)) {
    std::uint8_t out[arp_bytes];
    emit(arp->packet(), out);
    MR_ASSERT(std::equal(out, out + arp_bytes, bytes.begin()));
  }
  if (Ipv6View::parse(bytes)) MR_ASSERT(walk_ipv6(bytes).offset <= bytes.size());
}

void check_text(std::string_view text) {
  if (const auto address = IpAddress::parse(text)) MR_ASSERT(IpAddress::parse(address->to_string()) == address);
  if (const auto prefix = IpPrefix::parse(text)) MR_ASSERT(IpPrefix::parse(prefix->to_string()) == prefix);
  if (const auto endpoint = Endpoint::parse(text)) MR_ASSERT(Endpoint::parse(endpoint->to_string()) == endpoint);
  if (const auto mac = MacAddress::parse(text)) MR_ASSERT(MacAddress::parse(mac->to_string()) == mac);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes(data, size);
  check_frame(bytes);
  // A frame carries its headers at these depths, so that one corpus of frames reaches every view.
  const Layers layers = dissect(bytes);
  for (const std::size_t at : {std::size_t{0}, std::size_t{layers.l3_offset}, std::size_t{layers.l4_offset}})
    check_views(bytes.subspan(at));
  for (const std::size_t at : {std::size_t{0}, std::size_t{layers.payload_offset}}) check_dhcp(bytes.subspan(at));
  check_text({reinterpret_cast<const char*>(data), size});
  return 0;
}

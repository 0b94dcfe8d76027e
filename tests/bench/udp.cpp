// SPDX-License-Identifier: BSD-3-Clause
// UDP: datagrams received to a callback, and sent from one, beside lwIP in this process. Called by main.
#include "tests/bench/udp.hpp"
#include "tests/bench/udp_vhost.hpp"

#include <millrace/wire/checksum.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/protocol.hpp>

namespace millrace::bench {
namespace {

constexpr unsigned sections = 200;

/// Runs a side once over all frames but that one, whose last byte is spoiled; empty when exactly the others came through.
template <class Receiver>
std::string fault_of(Receiver& side, const std::vector<FrameBytes>& frames, bool echoes, const std::function<void(UdpLoad&)>& receive) {
  std::vector<FrameBytes> spoiled = frames;
  spoiled[1].back() ^= 1;
  UdpTotals expected = side.totals();
  for (std::size_t i = 0; i < frames.size(); ++i) {
    bool is_right = false;
    const std::uint64_t digest = digest_of_sent(frames[i], is_right);
    if (i == 1 || !is_right) continue;
    ++expected.datagrams;
    expected.bytes += frames[i].size() - 42;
    expected.digest += digest;
    if (echoes) ++expected.sent, expected.sent_bytes += frames[i].size();
  }
  std::vector<FrameBytes> sent;
  side.verify(&sent);
  UdpLoad load(spoiled);
  load.prepare();
  receive(load);
  side.verify(nullptr);
  if (!(side.totals() == expected)) return side.totals().text() + ", expected " + expected.text();
  std::uint64_t digest = 0;
  for (const FrameBytes& frame : sent) {
    bool is_right = false;
    digest += digest_of_sent(frame, is_right);
    if (!is_right) return "a frame with a wrong checksum was sent";
  }
  return !echoes || digest == expected.digest ? "" : "other bytes were sent than came";
}

}  // namespace

void introduce(UdpOurs& ours, peer::Lwip& lwip) {
  UdpLoad arp({arp_request()});
  arp.prepare();
  ours.receive(arp.packets());
  arp.prepare();
  lwip.receive(rte(arp.packets()));
}

namespace {

struct Case {
  UdpWork work;
  std::size_t payload;
  UdpOurs::From from = UdpOurs::From::poll;
  bool merges = false;
  bool lwip_sums = false;  ///< with the sum that it brings along
  [[nodiscard]] std::string name() const {
    const char* const works = work == UdpWork::take ? "take" : work == UdpWork::copy ? "copy" : "echo";
    return std::string("to:callback,work:") + works + ",bytes:" + std::to_string(payload) + (from == UdpOurs::From::poll ? ",from:poll" : ",from:netif_receive") + (merges ? ",UDP_GRO:on" : "");
  }
};

void beside_lwip(Bench& bench, const Case& c) {
  Figure figure{.id = "UDP", .name = c.name(), .peer_name = c.lwip_sums ? "lwIP_own_sum" : lwip_name, .goal = Goal::ratio_at_least(3)};
  lwip_sums_itself = c.lwip_sums;
  if (!peer::Lwip::is_there()) {
    figure.skip = lwip_missing;
    return bench.report.figure(std::move(figure));
  }
  UdpLoad load(datagrams(udp_section, c.payload));
  const auto ours = std::make_unique<UdpOurs>(load.pool(), UdpOurs::Wanted{.work = c.work, .from = c.from, .merges = c.merges});
  peer::Lwip lwip(c.work);
  introduce(*ours, lwip);
  const bool echoes = c.work == UdpWork::echo;
  std::string fault = fault_of(*ours, load.frames(), echoes, [&](UdpLoad& l) { ours->receive(l.packets()); });
  if (!fault.empty()) return bench.report.failure("UDP", figure.name, "ours: " + fault);
  fault = fault_of(lwip, load.frames(), echoes, [&](UdpLoad& l) { lwip.receive(rte(l.packets())); });
  if (!fault.empty()) return bench.report.failure("UDP", figure.name, "lwIP: " + fault);
  bench.load.look();
  const UdpTotals ours_before = ours->totals(), lwip_before = lwip.totals();
  const Comparison result = compare(bench.control, {.sections = sections, .units = static_cast<double>(udp_section)},
                                    {.prepare = [&] { load.prepare(); }, .run = [&] { ours->receive(load.packets()); }},
                                    {.prepare = [&] { load.prepare(); }, .run = [&] { lwip.receive(rte(load.packets())); }});
  if (ours->totals().datagrams - ours_before.datagrams != lwip.totals().datagrams - lwip_before.datagrams || ours->totals().sent - ours_before.sent != lwip.totals().sent - lwip_before.sent)
    return bench.report.failure("UDP", figure.name, "in the rounds ours had " + ours->totals().text() + ", lwIP " + lwip.totals().text());
  bench.report.comparison(std::move(figure), result);
}

/// What no stack can do without: both checksums are verified, and the buffer is freed.
void take_at_least(std::span<pkt::Mbuf* const> packets, std::uint64_t& right) {
  constexpr std::size_t ip_at = 14, udp_at = 34;
  for (pkt::Mbuf* m : packets) {
    pkt::Packet packet = pkt::Packet::adopt(m);
    const std::span<const std::uint8_t> frame = packet.data();
    const auto ip = wire::Ipv4View::parse(frame.subspan(ip_at));
    wire::Sum sum = wire::pseudo_header(ip->source(), ip->destination(), wire::ip_proto::udp, static_cast<std::uint32_t>(frame.size() - udp_at));
    sum.add(frame.subspan(udp_at));
    right += ip->checksum_valid() && sum.is_valid() ? 1u : 0u;
    pkt::consume(std::move(packet));
  }
}

void floor_beside_lwip(Bench& bench, std::size_t payload) {
  Figure figure{.id = "UDP", .name = "floor:sums_and_free,bytes:" + std::to_string(payload), .peer_name = lwip_name, .goal = Goal::ratio_at_least(3)};
  if (!peer::Lwip::is_there()) return;
  UdpLoad load(datagrams(udp_section, payload));
  peer::Lwip lwip(UdpWork::take);
  std::uint64_t right = 0;
  load.prepare();
  take_at_least(load.packets(), right);
  if (right != udp_section) return bench.report.failure("UDP", figure.name, "a checksum is wrong");
  bench.load.look();
  bench.report.note("what is left of lwIP's cost when nothing but the checksums and the buffers' end is done: no stack is faster");
  bench.report.comparison(std::move(figure), compare(bench.control, {.sections = sections, .units = static_cast<double>(udp_section)},
                                                     {.prepare = [&] { load.prepare(); }, .run = [&] { take_at_least(load.packets(), right); }},
                                                     {.prepare = [&] { load.prepare(); }, .run = [&] { lwip.receive(rte(load.packets())); }}));
}

}  // namespace

void run_udp(Bench& bench) {
  using From = UdpOurs::From;
  for (const std::size_t payload : {64u, 1472u}) {
    floor_beside_lwip(bench, payload);
    for (const UdpWork work : {UdpWork::take, UdpWork::copy, UdpWork::echo}) beside_lwip(bench, {work, payload, From::poll});
    beside_lwip(bench, {UdpWork::take, payload, From::stack});
    for (const UdpWork work : {UdpWork::take, UdpWork::copy}) beside_lwip(bench, {work, payload, From::poll, true});
    for (const bool merges : {false, true}) beside_lwip(bench, {UdpWork::take, payload, From::poll, merges, true});
    lwip_sums_itself = false;
  }
  run_udp_sending(bench);
  run_udp_thread(bench);
  run_udp_vhost(bench);
}

}  // namespace millrace::bench

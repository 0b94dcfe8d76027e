// SPDX-License-Identifier: BSD-3-Clause
// UDP: datagrams sent one by one, in trains (UDP_SEGMENT) and in fragments, and put together of fragments, beside lwIP.
// Called by udp.cpp.
#include "tests/bench/udp.hpp"

#include <algorithm>

namespace millrace::bench {
namespace {

constexpr std::size_t headers = 34;  // Ethernet, IPv4
constexpr std::size_t fragmented = 5888;  // with its UDP header four fragments
constexpr std::size_t fragments = 4;
constexpr std::size_t trains = 16;
constexpr unsigned rounds_of_sections = 50;

/// Sum of what follows the IPv4 headers.
std::uint64_t digest_of(const std::vector<FrameBytes>& frames) {
  std::uint64_t sum = 0;
  for (const FrameBytes& frame : frames)
    for (std::size_t i = headers; i < frame.size(); ++i) sum += frame[i];
  return sum;
}

/// Both have a socket that has heard from the other host, to whom they send.
struct Senders {
  explicit Senders(std::size_t bytes, std::uint16_t segment)
      : load(datagrams(1, 64)), ours(std::make_unique<UdpOurs>(load.pool(), UdpOurs::Wanted{})), lwip(UdpWork::take), payload(bytes) {
    introduce(*ours, lwip);
    load.prepare();
    ours->receive(load.packets());
    load.prepare();
    lwip.receive(rte(load.packets()));
    for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<std::uint8_t>(i);
    ours->socket().set_option(socket::Option::udp_segment, segment);
    if (segment != 0) piece = segment;
  }
  void run_ours(std::size_t times) {
    for (std::size_t i = 0; i < times; ++i) {
      static_cast<void>(ours->socket().send_to(payload, to));
      ours->flush();
    }
  }
  void run_lwip(std::size_t times) {
    const std::span<const std::uint8_t> bytes(payload);
    for (std::size_t i = 0; i < times; ++i)
      for (std::size_t at = 0; at < bytes.size(); at += piece) lwip.send(bytes.subspan(at, std::min(piece, bytes.size() - at)), 1);
  }
  /// What is wrong with what the two send, or "".
  std::string fault(std::size_t frames) {
    std::vector<FrameBytes> from_ours, from_lwip;
    ours->verify(&from_ours);
    run_ours(1);
    ours->verify(nullptr);
    lwip.verify(&from_lwip);
    run_lwip(1);
    lwip.verify(nullptr);
    if (from_ours.size() != frames || from_lwip.size() != frames)
      return "ours sent " + std::to_string(from_ours.size()) + " frames, lwIP " + std::to_string(from_lwip.size()) + ", not " + std::to_string(frames);
    return digest_of(from_ours) == digest_of(from_lwip) ? "" : "the two did not send the same bytes";
  }

  UdpLoad load;
  std::unique_ptr<UdpOurs> ours;
  peer::Lwip lwip;
  std::vector<std::uint8_t> payload;
  std::size_t piece = 65536;
  Endpoint to{IpAddress::v4(10, 77, 0, 1), UdpLoad::remote_port};
};

void send(Bench& bench, const std::string& name, std::size_t bytes, std::uint16_t segment, std::size_t frames) {
  Figure figure{.id = "UDP", .name = name, .peer_name = lwip_name, .goal = Goal::ratio_at_least(1)};
  Senders both(bytes, segment);
  if (const std::string fault = both.fault(frames); !fault.empty()) return bench.report.failure("UDP", name, fault);
  bench.load.look();
  bench.report.comparison(std::move(figure), compare(bench.control, {.sections = rounds_of_sections, .units = static_cast<double>(trains * frames)},
                                                     {.run = [&] { both.run_ours(trains); }}, {.run = [&] { both.run_lwip(trains); }}));
}

void reassemble(Bench& bench) {
  Figure figure{.id = "UDP", .name = "reassemble,bytes:5888,fragments:4", .peer_name = lwip_name, .goal = Goal::ratio_at_least(1)};
  std::vector<FrameBytes> frames;
  for (std::uint16_t id = 0; id < trains; ++id)
    for (FrameBytes& frame : fragments_of(fragmented, id)) frames.push_back(std::move(frame));
  UdpLoad load(frames);
  const auto ours = std::make_unique<UdpOurs>(load.pool(), UdpOurs::Wanted{});
  peer::Lwip lwip(UdpWork::take);
  std::vector<FrameBytes> sent;
  ours->verify(&sent);
  lwip.verify(&sent);
  load.prepare();
  ours->receive(load.packets());
  load.prepare();
  lwip.receive(rte(load.packets()));
  ours->verify(nullptr);
  lwip.verify(nullptr);
  if (!(ours->totals() == lwip.totals()) || ours->totals().datagrams != trains || ours->totals().bytes != trains * fragmented)
    return bench.report.failure("UDP", figure.name, "ours had " + ours->totals().text() + ", lwIP " + lwip.totals().text());
  bench.load.look();
  const Comparison result = compare(bench.control, {.sections = rounds_of_sections, .units = static_cast<double>(trains * fragments)},
                                    {.prepare = [&] { load.prepare(); }, .run = [&] { ours->receive(load.packets()); }},
                                    {.prepare = [&] { load.prepare(); }, .run = [&] { lwip.receive(rte(load.packets())); }});
  if (ours->totals().datagrams != lwip.totals().datagrams) return bench.report.failure("UDP", figure.name, "not every datagram was put together in the rounds");
  bench.report.comparison(std::move(figure), result);
}

}  // namespace

void run_udp_sending(Bench& bench) {
  if (!peer::Lwip::is_there()) return;
  send(bench, "send,bytes:64", 64, 0, 1);
  send(bench, "send,bytes:1472", 1472, 0, 1);
  send(bench, "send,bytes:1472,UDP_SEGMENT:16", std::size_t{16} * 1472, 1472, 16);
  send(bench, "fragment,bytes:5888,fragments:4", fragmented, 0, fragments);
  reassemble(bench);
}

}  // namespace millrace::bench

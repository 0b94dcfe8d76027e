// SPDX-License-Identifier: BSD-3-Clause
// The applications of the simulated world: opens the streams, sends and judges the datagrams. Called by World and by
// the engines' callbacks; calls Engine, StreamEnd.
#include "tests/sim/traffic.hpp"

#include "tests/sim/content.hpp"
#include "tests/sim/stream_end.hpp"

#include <millrace/base/byte_order.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace millrace::test {
namespace {

constexpr std::uint16_t first_tcp_port = 5000;     // stream i is accepted at first_tcp_port + i
constexpr std::uint16_t datagram_port = 7;
constexpr std::uint16_t first_sender_port = 6000;  // flow i comes from first_sender_port + i
constexpr std::uint32_t datagram_head = 8;         // flow, number

}  // namespace

/// The datagrams of one lcore, seen from both sides.
struct Traffic::Flow {
  std::uint32_t index;
  DatagramPlan plan;
  UdpSocket* socket = nullptr;
  std::uint32_t next = 0;                 ///< to be sent
  std::uint32_t expected = 0;             ///< by the receiver, when the link keeps the order
  std::vector<std::uint8_t> arrivals{};   ///< by number
};

Traffic::Traffic(const Plan& plan, const std::array<Engine*, 2>& engines, Trace& trace)
    : plan_(plan), engines_(engines), trace_(trace), rng_(~plan.seed), block_(64 << 10) {
  for (std::size_t i = 0; i < plan.streams.size(); ++i)
    for (std::size_t host = 0; host < 2; ++host) ends_.push_back(std::make_unique<StreamEnd>(*this, i, host));
  for (const DatagramPlan& datagrams : plan.datagrams) {
    flows_.push_back(std::make_unique<Flow>(Flow{.index = static_cast<std::uint32_t>(flows_.size()), .plan = datagrams}));
    flows_.back()->arrivals.resize(datagrams.count);
  }
}

Traffic::~Traffic() = default;

void Traffic::begin() {
  for (std::size_t host = 0; host < 2; ++host) {
    const auto bound = engines_[host]->bind_udp({plan_.address(host), datagram_port}, [this, host](UdpSocket& socket) {
      socket.on_readable([this, host](UdpSocket& ready) { receive_datagrams(host, ready); });
    });
    if (!bound) complain(bound.error().message);
  }
  for (std::size_t i = 0; i < plan_.streams.size(); ++i) {
    listen(i);
    open(i);
  }
  for (std::size_t i = 0; i < flows_.size(); ++i) bind(i);
}

void Traffic::listen(std::size_t index) {
  const std::size_t host = 1u - plan_.streams[index].opener;
  const auto port = static_cast<std::uint16_t>(first_tcp_port + index);
  const auto listening = engines_[host]->listen({plan_.address(host), port}, [this, index, host](Stream& stream) {
    StreamEnd& end = *ends_[2 * index + host];
    end.attach(stream);
    end.begin_writing();
  });
  if (!listening) complain(listening.error().message);
}

void Traffic::open(std::size_t index) {
  const StreamPlan& plan = plan_.streams[index];
  const auto connect = [this, index](Sockets& sockets) {
    const std::size_t opener = plan_.streams[index].opener;
    const auto port = static_cast<std::uint16_t>(first_tcp_port + index);
    const Result<Stream*> stream = sockets.connect({plan_.address(1 - opener), port});
    if (!stream) return complain(stream.error().message);
    ends_[2 * index + opener]->attach(**stream);
  };
  engines_[plan.opener]->post(plan.lcore, [connect, delay = plan.opens_after](Sockets& sockets) {
    sockets.after(delay, [connect, &sockets] { connect(sockets); });
  });
}

void Traffic::bind(std::size_t index) {
  Flow& flow = *flows_[index];
  engines_[flow.plan.host]->post(flow.plan.lcore, [this, &flow](Sockets& sockets) {
    const auto port = static_cast<std::uint16_t>(first_sender_port + flow.index);
    const Result<UdpSocket*> socket = sockets.bind_udp({plan_.address(flow.plan.host), port});
    if (!socket) return complain(socket.error().message);
    flow.socket = *socket;
    send_datagrams(flow);
  });
}

std::uint32_t Traffic::datagram_bytes(const Flow& flow, std::uint32_t number) const {
  const std::uint64_t drawn = content_word(plan_.seed ^ flow.index, number);
  return datagram_head + static_cast<std::uint32_t>(drawn % (flow.plan.longest_bytes - datagram_head + 1));
}

void Traffic::send_datagrams(Flow& flow) {
  for (std::uint32_t burst = 1 + rng_.below(10); burst > 0 && flow.next < flow.plan.count; --burst) {
    const std::span<std::uint8_t> datagram(block_.data(), datagram_bytes(flow, flow.next));
    store_be32(&datagram[0], flow.index);
    store_be32(&datagram[4], flow.next);
    fill_content(plan_.seed + flow.index, std::uint64_t{flow.next} << 20, datagram.subspan(datagram_head));
    const std::int64_t n = flow.socket->send_to(datagram, {plan_.address(1 - flow.plan.host), datagram_port});
    if (n == -ENOBUFS) break;  // no buffer is free: later
    if (n != static_cast<std::int64_t>(datagram.size())) return complain("send_to: " + std::to_string(n));
    trace_.datagram(now(), flow.plan.host, "sent", flow.index, flow.next++);
    ++progress_;
  }
  if (flow.next < flow.plan.count) flow.socket->sockets().after(Duration(rng_.below(30'000'000)), [this, &flow] { send_datagrams(flow); });
}

void Traffic::receive_datagrams(std::size_t host, UdpSocket& socket) {
  Endpoint from;
  for (std::int64_t n; (n = socket.receive_from(block_, from)) >= 0;)
    judge_datagram(host, {block_.data(), static_cast<std::size_t>(n)}, from);
}

void Traffic::judge_datagram(std::size_t host, std::span<const std::uint8_t> datagram, const Endpoint& from) {
  const auto wrong = [&](const char* what) { complain("host " + std::to_string(host) + ", a datagram from " + from.to_string() + ": " + what); };
  if (datagram.size() < datagram_head || load_be32(&datagram[0]) >= flows_.size()) return wrong("corrupted head");
  Flow& flow = *flows_[load_be32(&datagram[0])];
  const std::uint32_t number = load_be32(&datagram[4]);
  const Endpoint sender{plan_.address(flow.plan.host), static_cast<std::uint16_t>(first_sender_port + flow.index)};
  if (flow.plan.host == host || from != sender) return wrong("not from there");
  if (number >= flow.next || datagram.size() != datagram_bytes(flow, number)) return wrong("wrong number or length");
  std::vector<std::uint8_t> expected(datagram.size() - datagram_head);
  fill_content(plan_.seed + flow.index, std::uint64_t{number} << 20, expected);
  if (!std::equal(expected.begin(), expected.end(), datagram.begin() + datagram_head)) return wrong("corrupted");
  const Impairment& faults = plan_.impairments[flow.plan.host];
  if (flow.arrivals[number]++ > (faults.duplicate > 0 ? 1 : 0)) return wrong("delivered too often");
  if (faults.reorder == 0 && number < flow.expected) return wrong("overtaken by a later one of its flow");
  flow.expected = faults.duplicate > 0 ? number : number + 1;
  trace_.datagram(now(), host, "delivered", flow.index, number);
  ++datagrams_delivered_;
}

bool Traffic::is_done() const {
  return std::all_of(ends_.begin(), ends_.end(), [](const auto& end) { return end->is_done(); }) &&
         std::all_of(flows_.begin(), flows_.end(), [](const auto& flow) { return flow->next == flow->plan.count; });
}

void Traffic::complain(const std::string& what) {
  if (complaint_.empty()) complaint_ = what;
}

std::string Traffic::to_string() const {
  std::string text;
  for (const auto& end : ends_) text += end->to_string() + "\n";
  for (const auto& flow : flows_)
    text += "datagrams of host " + std::to_string(flow->plan.host) + " lcore " + std::to_string(flow->plan.lcore) + ": sent " +
            std::to_string(flow->next) + " of " + std::to_string(flow->plan.count) + "\n";
  return text;
}

}  // namespace millrace::test

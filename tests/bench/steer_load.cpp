// SPDX-License-Identifier: BSD-3-Clause
// Our side of B3's choice of lcore, compiled as the library is shipped. Called by steer.cpp; calls gro::arrive and
// steer::Steer as rx poller and Receive do.
#include "tests/bench/steer_load.hpp"

#include "tests/support/raw_frame.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace millrace::bench {
namespace {

constexpr gro::Arrival arrival{.mac = {{2, 0, 0, 0, 0, 2}}, .ifindex = 1, .napi_id = 1, .has_verdicts = true};

}  // namespace

void SteerLoad::choose_flows(std::uint32_t count, steer::LcoreId owner) {
  const test::RawFrame frame;
  const steer::RpsMap both = steer::RpsMap::parse("3").value();
  for (std::uint32_t i = 0; flows_.size() < count; ++i) {
    const FlowKey key{.local = IpAddress::v4(10, 77, 0, frame.destination_host),
                      .remote = IpAddress::v4(10, 77, 0, static_cast<std::uint8_t>(3 + i / 50000)),
                      .local_port = frame.destination_port,
                      .remote_port = static_cast<std::uint16_t>(1024 + i % 50000),
                      .proto = 17};
    if (steer::rps_lcore(both.lcores(), steer::flow_hash(key, toeplitz_), directory_, here) == owner) flows_.push_back(key);
  }
}

SteerLoad::SteerLoad(std::uint32_t flows, steer::LcoreId owner, bool rps) {
  auto pool = pkt::Pool::create({.name = "bench_steer", .packets = flows + 1023, .data_room = 512});
  if (!pool) throw std::runtime_error(pool.error().message);
  pool_ = std::move(*pool);
  env_.stats = &stats_;
  env_.lcore = here;
  if (rps) steer_.set_rps(1, 0, steer::RpsMap::parse("3").value());
  choose_flows(flows, owner);
  for (const FlowKey& key : flows_) {
    const auto bytes = test::RawFrame{.payload = 22, .source_port = key.remote_port, .source_host = key.remote.bytes[15]}.bytes();
    pkt::Packet packet = pool_->allocate();
    if (!packet) throw std::runtime_error("the pool of B3 is empty");
    std::copy(bytes.begin(), bytes.end(), packet.append(static_cast<std::uint16_t>(bytes.size())));
    packet.meta().ifindex = arrival.ifindex;
    packet.meta().rx_queue = 0;
    packets_.push_back(packet.release());
    if (!tables_[owner].insert(key, this)) throw std::runtime_error("the flow table of B3 is full");
  }
}

SteerLoad::~SteerLoad() {
  for (pkt::Mbuf* m : packets_) pkt::consume(pkt::Packet::adopt(m));
}

template <class Choose>
void SteerLoad::steer_by(steer::LcoreId* owners, Choose&& choose) {
  for (std::size_t at = 0; at < packets_.size(); at += burst) {
    const auto part = std::span(packets_).subspan(at, burst);
    for (pkt::Mbuf* m : part) static_cast<void>(gro::arrive(*m, arrival));
    std::array<steer::Steer::Choice, burst> choices;
    choose(part, choices.data());
    for (const steer::Steer::Choice& choice : choices) *owners++ = choice.lcore;
  }
}

void SteerLoad::steer(steer::LcoreId* owners) {
  steer_by(owners, [this](std::span<pkt::Mbuf* const> part, steer::Steer::Choice* choices) { steer_.choose(env_, part, choices); });
}

std::uint64_t SteerLoad::steer_all_without_rps(std::uint64_t packets) {
  std::vector<steer::LcoreId> owners(packets_.size());
  std::uint64_t done = 0;
  for (; done < packets; done += packets_.size())
    steer_by(owners.data(), [this](std::span<pkt::Mbuf* const> part, steer::Steer::Choice* choices) { steer_.choose_all<false>(env_, part, choices); });
  return done;
}

std::uint64_t SteerLoad::steer_all(std::uint64_t packets) {
  std::vector<steer::LcoreId> owners(packets_.size());
  std::uint64_t done = 0;
  for (; done < packets; done += packets_.size()) steer(owners.data());
  return done;
}

}  // namespace millrace::bench

// SPDX-License-Identifier: BSD-3-Clause
// B1: the Toeplitz hash of tuples that are read from packets, a burst at a time, beside rte_softrss_be and
// rte_thash_gfni_bulk. Called by main; calls hash_peer.cpp.
#include "tests/bench/bench.hpp"
#include "tests/bench/hash_peer.hpp"

#include <millrace/base/rng.hpp>
#include <millrace/pkt/pool.hpp>
#include <millrace/wire/toeplitz.hpp>

#include <array>
#include <stdexcept>
#include <vector>

namespace millrace::bench {
namespace {

using wire::Toeplitz;
using wire::ToeplitzVariant;

constexpr std::size_t burst = 32;
constexpr std::size_t bursts = 4;
constexpr unsigned repeats = 100;

/// Packets with random addresses and ports; the first ones are those of Microsoft's "Verifying the RSS Hash Calculation".
class Packets {
 public:
  Packets(pkt::Pool& pool, int family) {
    Rng rng(static_cast<std::uint64_t>(family));
    const std::size_t header = family == 4 ? 20 : 40;
    const std::size_t source = family == 4 ? 12 : 8;
    for (std::size_t i = 0; i < burst * bursts; ++i) {
      pkt::Packet packet = pool.allocate();
      if (!packet) throw std::runtime_error("the pool of B1 is empty");
      std::uint8_t* const frame = packet.append(static_cast<std::uint16_t>(14 + header + 8));
      for (std::size_t n = 14; n < 14 + header + 8; ++n) frame[n] = static_cast<std::uint8_t>(rng.next());
      places_.push_back(frame + 14 + source);
      packets_.push_back(std::move(packet));
    }
  }
  ~Packets() {
    for (pkt::Packet& packet : packets_) pkt::consume(std::move(packet));
  }
  Packets(const Packets&) = delete;
  Packets& operator=(const Packets&) = delete;

  void write(std::size_t i, std::span<const std::uint8_t> tuple) {
    std::copy(tuple.begin(), tuple.end(), const_cast<std::uint8_t*>(places_[i]));
  }
  [[nodiscard]] peer::Places places(std::size_t nth_burst) const { return std::span(places_).subspan(nth_burst * burst, burst); }

 private:
  std::vector<pkt::Packet> packets_;
  std::vector<const std::uint8_t*> places_;
};

/// One way to hash a burst.
struct Way {
  std::string name;
  std::function<void(peer::Places, std::uint32_t*)> hash;
};

std::vector<std::uint32_t> hash_all(const Packets& packets, const Way& way) {
  std::vector<std::uint32_t> hashes(burst * bursts);
  for (std::size_t b = 0; b < bursts; ++b) way.hash(packets.places(b), &hashes[b * burst]);
  return hashes;
}

Side side_of(const Packets& packets, const Way& way, std::vector<std::uint32_t>& hashes) {
  return {.run = [&packets, &hashes, hash = way.hash] {
    for (unsigned i = 0; i < repeats; ++i)
      for (std::size_t b = 0; b < bursts; ++b) hash(packets.places(b), &hashes[b * burst]);
  }};
}

struct Vector {
  std::vector<std::uint8_t> tuple;
  std::uint32_t hash;
};

// The published ones with ports, TCP/IPv4 and TCP/IPv6.
const std::vector<Vector> vectors_v4{
    {{66, 9, 149, 187, 161, 142, 100, 80, 2794 >> 8, 2794 & 255, 1766 >> 8, 1766 & 255}, 0x51ccc178},
    {{199, 92, 111, 2, 65, 69, 140, 83, 14230 >> 8, 14230 & 255, 4739 >> 8, 4739 & 255}, 0xc626b0ea},
    {{24, 19, 198, 95, 12, 22, 207, 184, 12898 >> 8, 12898 & 255, 38024 >> 8, 38024 & 255}, 0x5c2b394a},
    {{38, 27, 205, 30, 209, 142, 163, 6, 48228 >> 8, 48228 & 255, 2217 >> 8, 2217 & 255}, 0xafc7327f},
    {{153, 39, 163, 191, 202, 188, 127, 2, 44251 >> 8, 44251 & 255, 1303 >> 8, 1303 & 255}, 0x10e828a2},
};
const std::vector<Vector> vectors_v6{
    {{0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x1f, 0xff, 0, 0, 0, 0, 0, 0, 0, 7, 0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0, 3,
      0, 0, 0, 0, 0, 0, 0, 1, 2794 >> 8, 2794 & 255, 1766 >> 8, 1766 & 255},
     0x40207d3d},
    {{0x3f, 0xfe, 0x05, 0x01, 0, 8, 0, 0, 0x02, 0x60, 0x97, 0xff, 0xfe, 0x40, 0xef, 0xab, 0xff, 0x02, 0, 0, 0, 0, 0, 0,
      0, 0, 0, 0, 0, 0, 0, 1, 14230 >> 8, 14230 & 255, 4739 >> 8, 4739 & 255},
     0xdde51bbf},
};

/// What is wrong with what the ways say, or "": each has to give the published hashes, and all the same ones.
std::string verify(const Packets& packets, const std::vector<Way>& ways, const std::vector<Vector>& vectors) {
  const std::vector<std::uint32_t> first = hash_all(packets, ways.front());
  for (const Way& way : ways) {
    const std::vector<std::uint32_t> hashes = hash_all(packets, way);
    for (std::size_t i = 0; i < vectors.size(); ++i)
      if (hashes[i] != vectors[i].hash) return way.name + " differs from Microsoft's vector " + std::to_string(i);
    if (hashes != first) return way.name + " differs from " + ways.front().name;
  }
  return "";
}

struct Goals {
  double over_gfni;
  double over_softrss;
};
constexpr double elsewhere_over_softrss = 20;

class Race {
 public:
  Race(Bench& bench, pkt::Pool& pool, int family) : bench_(bench), family_(family), packets_(pool, family) {
    const auto& vectors = family == 4 ? vectors_v4 : vectors_v6;
    for (std::size_t i = 0; i < vectors.size(); ++i) packets_.write(i, vectors[i].tuple);
    softrss_ = {"softrss_be", family == 4 ? peer::softrss_be_v4 : peer::softrss_be_v6};
    gfni_ = {"thash_gfni_bulk", family == 4 ? peer::gfni_bulk_v4 : peer::gfni_bulk_v6};
    std::vector<Way> ways{softrss_};
    if (peer::has_gfni()) ways.push_back(gfni_);
    for (const auto variant : {ToeplitzVariant::scalar, ToeplitzVariant::pclmul, ToeplitzVariant::avx2, ToeplitzVariant::vpclmul})
      if (is_supported(variant)) ways.push_back(ours(variant));
    fault_ = verify(packets_, ways, vectors);
  }

  void run(const Goals& goals) {
    if (!fault_.empty()) return bench_.report.failure("B1", "ip:" + std::to_string(family_), fault_);
    beside(ToeplitzVariant::vpclmul, gfni_, peer::has_gfni(), goals.over_gfni);
    beside(ToeplitzVariant::vpclmul, softrss_, true, goals.over_softrss);
    beside(ToeplitzVariant::avx2, softrss_, true, elsewhere_over_softrss);
    beside(ToeplitzVariant::pclmul, softrss_, true, elsewhere_over_softrss);
    beside(ToeplitzVariant::scalar, softrss_, true, elsewhere_over_softrss);
  }

 private:
  [[nodiscard]] Way ours(ToeplitzVariant variant) const {
    return {name(variant), [toeplitz = std::make_shared<Toeplitz>(wire::microsoft_key, variant), v4 = family_ == 4](peer::Places at, std::uint32_t* hashes) {
              v4 ? toeplitz->hash_v4(at, {hashes, at.size()}) : toeplitz->hash_v6(at, {hashes, at.size()});
            }};
  }

  void beside(ToeplitzVariant variant, const Way& other, bool has_peer, double goal) {
    Figure figure{.id = "B1",
                  .name = "ip:" + std::to_string(family_) + ",variant:" + name(variant) + ",burst:32",
                  .peer_name = other.name.c_str(),
                  .goal = Goal::ratio_at_least(goal)};
    if (!is_supported(variant) || !has_peer) {
      figure.skip = std::string("this CPU does not run ") + (has_peer ? name(variant) : other.name.c_str());
      return bench_.report.figure(std::move(figure));
    }
    bench_.load.look();
    std::vector<std::uint32_t> hashes(burst * bursts);
    const Plan plan{.sections = 10, .units = static_cast<double>(repeats * bursts * burst)};
    const Comparison result =
        compare(bench_.control, plan, side_of(packets_, ours(variant), hashes), side_of(packets_, other, hashes));
    bench_.report.comparison(std::move(figure), result);
  }

  Bench& bench_;
  int family_;
  Packets packets_;
  Way softrss_;
  Way gfni_;
  std::string fault_;
};

}  // namespace

void run_hash(Bench& bench) {
  auto pool = pkt::Pool::create({.name = "bench_hash", .packets = 1023});
  if (!pool) throw std::runtime_error(pool.error().message);
  peer::set_hash_key(wire::microsoft_key);
  bench.report.note(std::string("what this machine chooses: ") + name(wire::best_toeplitz_variant()));
  Race(bench, **pool, 4).run({.over_gfni = 1.6, .over_softrss = 50});
  Race(bench, **pool, 6).run({.over_gfni = 1.3, .over_softrss = 60});
}

}  // namespace millrace::bench

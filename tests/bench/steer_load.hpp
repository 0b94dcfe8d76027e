// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/gro/arrival.hpp>
#include <millrace/pkt/pool.hpp>
#include <millrace/steer/steer.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace millrace::bench {

/// UDP packets of 64 bytes, one of each flow, and the steering of the lcore that receives them, as the engine makes it:
/// two lcores, rps_cpus names both, one of them owns all flows: those that rps_cpus brings it.
class SteerLoad {
 public:
  static constexpr std::uint16_t burst = 32;
  static constexpr std::uint32_t table_flows = 1 << 17;
  static constexpr steer::LcoreId here = 0;

  /// `flows`: a multiple of 32.
  SteerLoad(std::uint32_t flows, steer::LcoreId owner, bool rps = true);
  ~SteerLoad();
  SteerLoad(const SteerLoad&) = delete;
  SteerLoad& operator=(const SteerLoad&) = delete;

  [[nodiscard]] std::span<const FlowKey> flows() const { return flows_; }
  [[nodiscard]] std::span<pkt::Mbuf* const> packets() const { return packets_; }
  /// Parses and steers each packet; writes whither.
  void steer(steer::LcoreId* owners);
  /// The same over and over; returns how many packets it was.
  std::uint64_t steer_all(std::uint64_t packets);
  /// The same as it is compiled without RPS (receive_path F21).
  std::uint64_t steer_all_without_rps(std::uint64_t packets);

 private:
  template <class Choose>
  void steer_by(steer::LcoreId* owners, Choose&& choose);
  void choose_flows(std::uint32_t count, steer::LcoreId owner);

  std::unique_ptr<pkt::Pool> pool_;
  std::vector<FlowKey> flows_;
  std::vector<pkt::Mbuf*> packets_;
  steer::FlowTable tables_[2]{{table_flows, 1}, {table_flows, 1}};
  steer::Directory directory_{{&tables_[0], &tables_[1]}};
  steer::Toeplitz toeplitz_;
  steer::Steer steer_{directory_, toeplitz_};
  stats::LcoreStats stats_;
  Env env_;
};

}  // namespace millrace::bench

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/bench/udp_load.hpp"

#include <millrace/env/env.hpp>
#include <millrace/gro/gro.hpp>
#include <millrace/port/tx_offload.hpp>
#include <millrace/runtime/hand_over.hpp>
#include <millrace/runtime/receive.hpp>
#include <millrace/runtime/tx_path.hpp>
#include <millrace/timer/wheel.hpp>

#include <array>
#include <memory>

namespace millrace::bench {

using socket::UdpSocket;

/// Where our frames go: a device that has sent each at once. It sends chains, and finishes no checksums.
class UdpSink final : public port::TxQueue {
 public:
  explicit UdpSink(UdpTotals& totals) : totals_(totals) {}
  std::uint16_t transmit(Env& env, pkt::Burst& burst) override;
  /// Set while verifying: every frame is kept.
  std::vector<FrameBytes>* kept = nullptr;

 private:
  UdpTotals& totals_;
};

/// Our side of UDP: one lcore's receive side with a stack of 10.77.0.2 and a socket, compiled as the library is shipped.
/// A burst goes the way that rx poller and Lcore have it go.
class UdpOurs {
 public:
  using Buffer = pkt::Mbuf;
  enum class From : std::uint8_t {
    poll,   ///< what follows rx_burst: GRO, steering, delivery
    stack,  ///< the packet is dissected and goes to netif_receive: what lwIP's input has to do, too
  };
  struct Wanted {
    UdpWork work = UdpWork::take;
    From from = From::poll;
    bool merges = false;  ///< UDP_GRO
  };
  UdpOurs(pkt::Pool& pool, const Wanted& wanted);
  ~UdpOurs();
  UdpOurs(const UdpOurs&) = delete;
  UdpOurs& operator=(const UdpOurs&) = delete;

  void receive(std::span<pkt::Mbuf* const> packets);
  /// The end of a burst, or of the application's calls.
  void flush();
  [[nodiscard]] UdpSocket& socket() { return *socket_; }
  [[nodiscard]] const UdpTotals& totals() const { return totals_; }
  /// Also sums the bytes that arrive, and keeps what is sent.
  void verify(std::vector<FrameBytes>* sent) {
    verifies_ = sent != nullptr;
    sink_.kept = sent;
  }

 private:
  void receive_burst(std::span<pkt::Mbuf* const> burst);
  void take(UdpSocket& socket);
  void work(UdpSocket& socket);

  UdpTotals totals_;
  Wanted wanted_;
  bool verifies_ = false;
  stats::LcoreStats stats_;
  timer::Wheel wheel_{Instant(1s)};
  Env env_;
  runtime::WorkerRings rings_{1, 1024};
  runtime::Waker waker_;
  std::array<runtime::Waker*, 1> wakers_{&waker_};
  runtime::SoftnetLimits limits_;
  runtime::HandOver hand_over_{rings_, 0};
  steer::FlowTable flows_{1024, 1};
  steer::Directory directory_{{&flows_}};
  steer::Toeplitz toeplitz_;
  steer::Steer steer_{directory_, toeplitz_, &hand_over_};
  gro::UdpPorts gro_ports_;
  gro::Gro gro_;
  UdpSink sink_{totals_};
  runtime::TxPath tx_;
  std::unique_ptr<socket::Stack> stack_;
  std::array<socket::Stack*, 2> stacks_{};
  std::unique_ptr<runtime::Receive> receive_;
  UdpSocket* socket_ = nullptr;
  std::array<std::uint8_t, 65536> bytes_{};
  pkt::Burst burst_;
  pkt::PacketList up_;
};

}  // namespace millrace::bench

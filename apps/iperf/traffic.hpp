// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/engine/engine.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace millrace::iperf {

struct Options {
  bool udp = false;
  double seconds = 10;
  double interval = 1;
  std::uint32_t length = 0;  ///< bytes of a write or a datagram; 0: 128 KiB of TCP, 1472 bytes of UDP
  std::uint16_t streams = 1;
  std::uint16_t lcores = 1;  ///< clients are on the first, servers on the last
  bool v6 = false;
  std::string flame_file;
  std::string folded_file;
  bool json = false;
};

/// What has gone through so far, of all streams. Counted by the lcores, read by any thread.
struct Totals {
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t sent_datagrams = 0;
  std::uint64_t received_datagrams = 0;
};

/// Clients and servers over lo, as fast as the lcores go, from begin() until the engine stops. It outlives the engine's
/// threads.
class Traffic {
 public:
  Traffic(Engine& engine, const Options& options);
  /// Opens servers and clients, before the engine's start.
  [[nodiscard]] Result<void> begin();
  [[nodiscard]] Totals totals() const;

 private:
  void send(Stream& stream);
  void receive(Stream& stream);
  void receive(UdpSocket& socket);
  void send_burst(Sockets& sockets);
  [[nodiscard]] Result<void> serve(Sockets& sockets);
  [[nodiscard]] Result<void> connect(Sockets& sockets);
  static void add(std::atomic<std::uint64_t>& counter, std::uint64_t n) { counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }

  Engine& engine_;
  Options options_;
  Endpoint server_;
  std::vector<std::uint8_t> out_, in_;
  std::vector<UdpSocket*> clients_;
  // Each has one writer: the clients' lcore, or the servers'.
  alignas(64) std::atomic<std::uint64_t> sent_bytes_{0};
  std::atomic<std::uint64_t> sent_datagrams_{0};
  alignas(64) std::atomic<std::uint64_t> received_bytes_{0};
  std::atomic<std::uint64_t> received_datagrams_{0};
};

}  // namespace millrace::iperf

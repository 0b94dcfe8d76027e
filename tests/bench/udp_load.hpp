// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/pool.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

struct rte_mempool;

namespace millrace::bench {

using FrameBytes = std::vector<std::uint8_t>;

/// What both sides of UDP get: the same frames, in fresh buffers of one pool for each section.
class UdpLoad {
 public:
  static constexpr std::uint16_t local_port = 2000;
  static constexpr std::uint16_t remote_port = 1000;

  explicit UdpLoad(std::vector<FrameBytes> frames);
  ~UdpLoad();
  UdpLoad(const UdpLoad&) = delete;
  UdpLoad& operator=(const UdpLoad&) = delete;

  [[nodiscard]] pkt::Pool& pool() { return *pool_; }
  [[nodiscard]] rte_mempool* pool_handle() const { return static_cast<rte_mempool*>(pool_->handle()); }
  [[nodiscard]] const std::vector<FrameBytes>& frames() const { return frames_; }
  /// Fills a buffer with each frame; who receives them frees them.
  void prepare();
  [[nodiscard]] std::span<pkt::Mbuf* const> packets() const { return packets_; }
  /// The same buffers as `Buffer`, which is how a side calls them.
  template <class Buffer>
  [[nodiscard]] static std::span<Buffer* const> as(std::span<pkt::Mbuf* const> packets) {
    return {reinterpret_cast<Buffer* const*>(packets.data()), packets.size()};
  }

 private:
  std::vector<FrameBytes> frames_;
  std::unique_ptr<pkt::Pool> pool_;
  std::vector<pkt::Mbuf*> packets_;
};

/// `count` datagrams of one flow, each with other bytes.
[[nodiscard]] std::vector<FrameBytes> datagrams(std::size_t count, std::size_t payload);
/// The fragments of one datagram, in order, on a link of 1500 bytes.
[[nodiscard]] std::vector<FrameBytes> fragments_of(std::size_t payload, std::uint16_t id);
/// Asks who has 10.77.0.2, so that both learn the asker's address.
[[nodiscard]] FrameBytes arp_request();
/// What went through, as both sides count it.
struct UdpTotals {
  std::uint64_t datagrams = 0;  ///< given to the application
  std::uint64_t bytes = 0;      ///< of their payloads
  std::uint64_t digest = 0;     ///< sum of those bytes; only while verifying
  std::uint64_t sent = 0;       ///< frames to the device
  std::uint64_t sent_bytes = 0;
  bool operator==(const UdpTotals&) const = default;
  [[nodiscard]] std::string text() const;
};
/// Sum of the UDP payload's bytes of a frame that one of the sides has sent, or nothing when a checksum of it is wrong.
[[nodiscard]] std::uint64_t digest_of_sent(std::span<const std::uint8_t> frame, bool& is_right);

/// What a side does with a datagram in its callback.
enum class UdpWork : std::uint8_t {
  take,  ///< is given the buffers, and frees them
  copy,  ///< has the bytes copied into its own memory
  echo,  ///< sends the bytes back
};

}  // namespace millrace::bench

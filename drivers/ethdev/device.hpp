// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "drivers/ethdev/ethdev_port.hpp"
#include "drivers/ethdev/pci.hpp"
#include "drivers/ethdev/profile.hpp"

#include <vector>

struct rte_eth_dev_info;

namespace millrace::ethdev {

/// An ethdev on its way from a name to a started port, and back. Each step that fails leaves the earlier ones to the
/// destructor, which undoes them in reverse.
class Device {
 public:
  explicit Device(const Options& options) : options_(options) {}
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  /// Finds or makes the device, configures and starts it. Once.
  [[nodiscard]] Result<void> bring_up();

  /// Has it be known by an address that another was known by; false: it cannot.
  [[nodiscard]] bool take_mac(const MacAddress& mac);

  [[nodiscard]] std::uint16_t port_id() const { return port_id_; }
  [[nodiscard]] const port::Info& info() const { return info_; }
  /// The length of the shortest buffer that it is given, headroom and all.
  [[nodiscard]] std::uint32_t buffer_bytes() const;
  /// Whether it was told to hash, for its queues or for the hash alone.
  [[nodiscard]] bool hashes() const { return rss_types_ != 0; }
  /// Of an rx queue's interrupt; -1: there is none.
  [[nodiscard]] int event_fd(std::uint16_t queue) const { return event_fds_[queue]; }
  /// Whether it is a PCI device that is gone, or whose every register reads all ones.
  [[nodiscard]] bool is_mute() const;

 private:
  void end();
  void let_vhost_settle() const;
  void fill_rx_rings() const;
  Result<void> attach();
  [[nodiscard]] Result<void> probe() const;
  Result<void> negotiate();
  void mind_packed_rings(rte_eth_dev_info& device, const Profile& profile);
  void fill(port::Offloads& offloads, const rte_eth_dev_info& device, const Profile& profile) const;
  Result<void> negotiate_lro(std::uint64_t rx_offload_capa, std::uint32_t max_lro_bytes);
  Result<void> negotiate_stamps(std::uint64_t rx_offload_capa);
  Result<void> configure();
  Result<void> set_up_queues();
  [[nodiscard]] int set_up_tx_queue(std::uint16_t queue) const;
  Result<void> set_mtu();
  Result<void> start();
  Result<void> set_mac();
  Result<void> find_interrupts();
  [[nodiscard]] tl::unexpected<Error> refused(const char* step, int code) const;

  const Options options_;
  port::Info info_;
  std::uint16_t port_id_ = 0;
  std::uint16_t configured_mtu_ = 0;
  std::uint16_t rx_ring_ = 0;
  std::uint16_t tx_ring_ = 0;
  std::uint64_t rx_offloads_ = 0;
  std::uint64_t tx_offloads_ = 0;
  std::uint64_t rss_types_ = 0;
  std::uint32_t max_lro_bytes_ = 0;  ///< of a frame that the device merged; 0: not limited, or not asked for
  bool frees_received_ = false;  ///< those places in its rx rings that are not filled when it is closed
  bool wants_interrupts_ = false;
  std::vector<int> event_fds_;
  std::vector<Bar> bars_;  ///< of a PCI device
  bool made_here_ = false;
  bool has_queues_ = false;
  bool attached_ = false;
  bool started_ = false;
};

}  // namespace millrace::ethdev

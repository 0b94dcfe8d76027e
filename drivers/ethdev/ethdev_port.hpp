// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/pkt/pool.hpp>
#include <millrace/port/port.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millrace::ethdev {

/// What is asked of a device that DPDK drives.
struct Options {
  /// A virtual device to make ("net_tap0", "net_virtio_user0"), a PCI device's address that EAL may probe, or the name of an
  /// ethdev that the application made. The first two are closed and removed with the port; the last is stopped and left to the
  /// application, which closes it before the pools go.
  std::string name{};
  std::string args{};         ///< the virtual device's arguments: "iface=mr0"
  std::uint16_t ifindex = 0;  ///< put into Meta::ifindex of what is received
  std::uint16_t rx_queues = 1;
  std::uint16_t tx_queues = 1;
  std::uint16_t rx_ring = 1024;  ///< descriptors a queue; brought within the device's limits
  std::uint16_t tx_ring = 1024;
  std::uint16_t mtu = 1500;
  std::optional<MacAddress> mac{};  ///< the address that it is to have; null: its own. EOPNOTSUPP if it takes no other
  bool tso = true;   ///< let the device cut TCP segments, if it can
  bool lro = false;  ///< have the device merge received TCP segments; EOPNOTSUPP if it cannot
  bool rx_timestamp = false;  ///< have the device stamp what it receives; EOPNOTSUPP if it cannot
  /// Rx interrupts for every queue: not asked for, used if the device has them, or needed.
  enum class Interrupts : std::uint8_t { off, if_possible, needed } interrupts = Interrupts::off;
  bool checksum_offload = true;  ///< false: all checksums in software, whatever the device offers
  /// Where received packets are put: one pool for each rx queue, or a single one for all. They outlive the port.
  std::vector<pkt::Pool*> pools{};
};

/// Opens and starts the device; EAL must be up. Control thread only. Info tells what was settled: a TAP device has as
/// many rx as tx queues, an AF_PACKET device all that it was made with, so rx_queues can be more than was asked, and every one of them
/// has to be polled. Errors name
/// the device, the cause and the remedy; a device made for a failed open is removed again.
///
/// Destroying the port stops the device and, when it was made here, closes and removes it; a device that existed
/// before is left to its owner. Of a virtio-user and vhost pair, the virtio-user side goes first.
///
/// A net_tap device: Info::mac is an address of our own beside that of the kernel's interface. DPDK's TAP driver would
/// have the kernel raise a real-time signal for each arriving packet; it is kept from that (drivers/ethdev/tap.hpp),
/// and each poll reads the device instead. No signal handler is installed.
[[nodiscard]] Result<std::unique_ptr<port::Port>> open(const Options& options);

/// Whether DPDK takes it for the address of a PCI device: "0000:01:00.0", "01:00.0".
[[nodiscard]] bool is_pci_address(const std::string& name);

}  // namespace millrace::ethdev

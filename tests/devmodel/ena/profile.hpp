// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace millrace::devmodel::ena {

/// ena_admin_ena_hw_hints. 0: the driver keeps its own value; 0xffff as a time: it need not watch.
struct Hints {
  std::uint16_t mmio_read_timeout_ms = 0;
  std::uint16_t driver_watchdog_timeout_ms = 0;
  std::uint16_t missing_tx_completion_timeout_ms = 0;
  std::uint16_t missed_tx_completions_to_reset = 0;
  std::uint16_t admin_completion_timeout_ms = 0;
  std::uint16_t netdev_watchdog_timeout_ms = 0;
  std::uint16_t max_tx_sgl = 0;
  std::uint16_t max_rx_sgl = 0;
};

/// What a device offers; instances differ in it.
struct Profile {
  std::array<std::uint8_t, 6> mac{0x02, 0x45, 0x4e, 0x41, 0x00, 0x01};
  std::uint32_t max_mtu = 9216;
  std::uint16_t queues = 16;  ///< of each direction; as many interrupt vectors and one for management
  std::uint16_t max_rx_depth = 8192;
  std::uint16_t max_tx_depth = 1024;
  std::uint16_t max_rx_descriptors_per_packet = 8;
  std::uint16_t max_tx_descriptors_per_packet = 17;  ///< its meta descriptor is one of them

  bool llq = true;            ///< low latency queues: descriptors and headers in the device's memory
  bool wide_llq = true;       ///< entries of 256 bytes too
  bool meta_caching = true;   ///< false: each packet brings its meta descriptor (ENA_ADMIN_DISABLE_META_CACHING)
  std::uint16_t max_tx_burst_bytes = 0;  ///< between two LLQ doorbells (ENA_ADMIN_LIMIT_TX_BURST); 0: no limit
  bool cq_head_doorbell = false;         ///< completion queues have a register for how far the driver has read

  bool rss_key = true;     ///< the hash function and its key can be set
  bool rss_fields = true;  ///< what is hashed can be chosen

  /// ena_admin_feature_offload_desc. tx: 0 IPv4 header, 1 and 2 TCP and UDP over IPv4 from a pseudo header's sum and in full, 3 and 4
  /// the same over IPv6, 5 TSO over IPv4, 6 over IPv6. rx: 0 IPv4 header, 1 and 2 TCP and UDP over IPv4 and IPv6, 3 the hash.
  std::uint32_t tx_offloads = 0x7f;
  std::uint32_t rx_offloads = 0x0f;

  Hints hints{};
  std::uint32_t link_mbps = 25000;
  std::vector<std::string> extra_properties{};  ///< names of flags, up to 31 characters each
  std::uint32_t extra_property_flags = 0;

  std::uint8_t reset_timeout_100ms = 31;  ///< CAPS: how long a driver shall wait, at most 31
  std::uint8_t admin_timeout_100ms = 10;  ///< at most 15
  std::uint64_t reset_ns = 0;             ///< how long a reset takes, from the moment that the driver lets go of it

  /// ENA_ADMIN_LIST_ENTRY_SIZE_*: a narrow ring as deep as max_tx_depth, or a wide one half as deep.
  static constexpr std::uint32_t narrow_llq_entry_bytes = 128;
  static constexpr std::uint32_t wide_llq_entry_bytes = 256;
  [[nodiscard]] std::size_t llq_bytes_per_queue() const {
    return std::size_t{max_tx_depth} * narrow_llq_entry_bytes;
  }
};

}  // namespace millrace::devmodel::ena

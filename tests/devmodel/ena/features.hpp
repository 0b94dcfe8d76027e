// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/ena/admin_queue.hpp"
#include "tests/devmodel/ena/profile.hpp"
#include "tests/devmodel/ena/rss.hpp"

#include <cstdint>

namespace millrace::devmodel::ena {

/// ena_admin_aq_feature_id.
enum class Feature : std::uint8_t {
  device_attributes = 1, max_queues_num = 2, hw_hints = 3, llq = 4, extra_properties_strings = 5, extra_properties_flags = 6,
  max_queues_ext = 7, rss_hash_function = 10, stateless_offload_config = 11, rss_table = 12, mtu = 14, rss_hash_input = 18,
  interrupt_moderation = 20, aenq_config = 26, link_config = 27, host_attributes = 28
};

/// How the driver has set the low latency queues up.
struct LlqConfig {
  std::uint32_t entry_bytes = Profile::narrow_llq_entry_bytes;
  std::uint32_t descriptors_before_header = 2;
  bool meta_caching = true;
  std::uint32_t most_burst_bytes = 0;
};

/// What the driver has set; a reset makes it all new.
struct Settings {
  explicit Settings(const Profile& profile) : mtu(profile.max_mtu) {}
  std::uint32_t mtu;
  Rss rss;
  LlqConfig llq;
  std::uint32_t event_groups = 0;
  std::uint32_t host_os = 0;  ///< ena_admin_os_type of ena_admin_host_info
};

/// The commands GET_FEATURE and SET_FEATURE.
class Features {
 public:
  Features(Machine& machine, const Profile& profile) : settings(profile), machine_(machine), profile_(profile) {}

  Settings settings;
  bool link_up = true;

  [[nodiscard]] std::uint32_t supported() const;  ///< a bit per ena_admin_aq_feature_id
  Response get(const Command& command);
  Response set(const Command& command);

 private:
  Response device_attributes() const;
  Response max_queues_num() const;
  Response max_queues_ext() const;
  Response llq() const;
  Response link() const;
  Response extra_property_strings(const Command& command);
  Response get_hash_function(const Command& command);
  Response get_hash_input(const Command& command);
  Response get_table(const Command& command);

  Response set_llq(const Command& command);
  Response set_mtu(const Command& command);
  Response set_host_attributes(const Command& command);
  Response set_hash_function(const Command& command);
  Response set_hash_input(const Command& command);
  Response set_table(const Command& command);

  /// The driver's control buffer, of at least that size; empty when there is none.
  MutableBytes control_buffer(const Command& command, std::size_t bytes);
  /// One that this profile does not have: known, but refused.
  [[nodiscard]] bool is_left_out(Feature feature) const;

  Machine& machine_;
  const Profile& profile_;
};

/// ena_admin_ena_hw_hints, as the feature and the notification both carry it.
void put_hints(MutableBytes to, const Hints& hints);

}  // namespace millrace::devmodel::ena

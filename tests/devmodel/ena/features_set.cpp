// SPDX-License-Identifier: BSD-3-Clause
// SET_FEATURE. Called by the admin queue; calls nothing. ena_admin_set_feat_cmd has its feature_id at 17 and the feature's
// struct from 20 on.
#include "tests/devmodel/ena/event_queue.hpp"
#include "tests/devmodel/ena/features.hpp"

#include <algorithm>

namespace millrace::devmodel::ena {
namespace {

constexpr std::size_t data_at = 20;
constexpr std::uint32_t least_mtu = 68;  // RFC 791: what every link carries

Response illegal() { return Response::failure(Status::illegal_parameter); }

}  // namespace

Response Features::set(const Command& command) {
  const auto feature = static_cast<Feature>(command.u8(17));
  if (is_left_out(feature)) return Response::failure(Status::unsupported_opcode);
  switch (feature) {
    case Feature::llq: return set_llq(command);
    case Feature::mtu: return set_mtu(command);
    case Feature::host_attributes: return set_host_attributes(command);
    case Feature::rss_hash_function: return set_hash_function(command);
    case Feature::rss_hash_input: return set_hash_input(command);
    case Feature::rss_table: return set_table(command);
    case Feature::aenq_config: {
      const std::uint32_t groups = command.u32(data_at + 4);  // ena_admin_feature_aenq_desc::enabled_groups
      if ((groups & ~supported_event_groups) != 0) return illegal();
      settings.event_groups = groups;
      return {};
    }
    default: break;
  }
  machine_.violation("ena: SET_FEATURE of " + std::to_string(command.u8(17)) + " is not modelled");
  return Response::failure(Status::unsupported_opcode);
}

// ena_admin_feature_llq_desc: of each choice the *_enabled half. The drivers ask for all accelerations (accel_mode) whether
// offered or not, so what is not offered is not switched on.
Response Features::set_llq(const Command& command) {
  const std::uint16_t header_location = command.u16(data_at + 10);
  const std::uint16_t entry_size = command.u16(data_at + 14);
  const std::uint16_t before_header = command.u16(data_at + 18);
  const std::uint16_t stride = command.u16(data_at + 22);
  const bool wide = entry_size == 4;
  if (header_location != 1 || before_header != 2 || stride != 2) return illegal();
  if (entry_size != 1 && !(wide && profile_.wide_llq)) return illegal();
  const std::uint16_t accelerations = command.u16(data_at + 28);
  settings.llq.entry_bytes = wide ? Profile::wide_llq_entry_bytes : Profile::narrow_llq_entry_bytes;
  settings.llq.descriptors_before_header = before_header;
  settings.llq.meta_caching = profile_.meta_caching || !bit(accelerations, 0);
  settings.llq.most_burst_bytes = bit(accelerations, 1) ? profile_.max_tx_burst_bytes : 0;
  return {};
}

// ena_admin_set_feature_mtu_desc, without the Ethernet header
Response Features::set_mtu(const Command& command) {
  const std::uint32_t mtu = command.u32(data_at);
  if (mtu < least_mtu || mtu > profile_.max_mtu) return illegal();
  settings.mtu = mtu;
  return {};
}

// ena_admin_set_feature_host_attr_desc: a page about the host, and an area that the device may be asked to look at
Response Features::set_host_attributes(const Command& command) {
  const MutableBytes host_info = machine_.dma(command.address(data_at), 4096);
  if (host_info.empty()) return illegal();
  settings.host_os = le32(host_info, 0);
  const std::uint32_t debug_bytes = command.u32(data_at + 16);
  if (debug_bytes != 0 && machine_.dma(command.address(data_at + 8), debug_bytes).empty()) return illegal();
  return {};
}

// ena_admin_feature_rss_flow_hash_function; the key in the control buffer
Response Features::set_hash_function(const Command& command) {
  constexpr std::uint32_t toeplitz = 1U << 1;
  if (command.u32(data_at + 4) != toeplitz) return illegal();
  const MutableBytes control = control_buffer(command, 8 + Rss::key_bytes);
  if (control.empty() || le32(control, 0) != Rss::key_bytes / 4) return illegal();
  std::copy_n(control.begin() + 8, Rss::key_bytes, settings.rss.key.begin());
  settings.rss.key_was_set = true;
  settings.rss.initial_value = command.u32(data_at + 8);
  return {};
}

// The drivers always ask for both sorts (enabled_input_sort); this device supports none and goes on.
Response Features::set_hash_input(const Command& command) {
  const MutableBytes control = control_buffer(command, 4 * 4 * hash_protocols);
  if (control.empty()) return Response::failure(Status::malformed_request);
  HashFields chosen{};
  for (std::size_t i = 0; i < hash_protocols; ++i) {
    chosen[i] = le16(control, 4 * (hash_protocols + i));
    if ((chosen[i] & ~Rss::supported_fields[i]) != 0) return illegal();
  }
  settings.rss.fields = chosen;
  return {};
}

// ena_admin_feature_rss_ind_table: one entry inline, or all of them in the control buffer. What an entry names may be created
// later; until then its packets are dropped.
Response Features::set_table(const Command& command) {
  const std::uint32_t one = command.u32(data_at + 8);  // inline_index
  if (one != 0xffffffff) {
    if (one >= Rss::table_entries || command.u16(data_at + 12) >= profile_.queues) return illegal();
    settings.rss.table[one] = command.u16(data_at + 12);
    return {};
  }
  const MutableBytes control = control_buffer(command, 4 * Rss::table_entries);
  if (command.u16(data_at + 4) != Rss::log_table_entries || control.empty()) return illegal();
  std::array<std::uint16_t, Rss::table_entries> table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    table[i] = le16(control, 4 * i);
    if (table[i] >= profile_.queues) return illegal();
  }
  settings.rss.table = table;
  return {};
}

}  // namespace millrace::devmodel::ena

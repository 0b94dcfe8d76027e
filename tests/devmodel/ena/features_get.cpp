// SPDX-License-Identifier: BSD-3-Clause
// GET_FEATURE: what the device is and how it is set. Called by the admin queue; calls nothing. ena_admin_get_feat_cmd has its
// feature_id at 17 and ena_admin_get_feat_resp its data behind the common part; the structs are named at each function.
#include "tests/devmodel/ena/event_queue.hpp"
#include "tests/devmodel/ena/features.hpp"

#include <algorithm>

namespace millrace::devmodel::ena {
namespace {

constexpr std::size_t property_name_bytes = 32;  // ENA_ADMIN_EXTRA_PROPERTIES_STRING_LEN
constexpr std::uint32_t eni_stats_capability = 1U << 0;  // ENA_ADMIN_ENI_STATS of ena_admin_aq_caps_id

Response of_words(std::initializer_list<std::uint32_t> words) {
  Response response;
  std::size_t at = 0;
  for (const std::uint32_t word : words) {
    put_le32(response.data, at, word);
    at += 4;
  }
  return response;
}

}  // namespace

void put_hints(MutableBytes to, const Hints& hints) {
  const std::array<std::uint16_t, 8> in_order{
      hints.mmio_read_timeout_ms,        hints.driver_watchdog_timeout_ms,
      hints.missing_tx_completion_timeout_ms, hints.missed_tx_completions_to_reset,
      hints.admin_completion_timeout_ms, hints.netdev_watchdog_timeout_ms,
      hints.max_tx_sgl,                  hints.max_rx_sgl};
  for (std::size_t i = 0; i < in_order.size(); ++i) put_le16(to, 2 * i, in_order[i]);
}

std::uint32_t Features::supported() const {
  const auto of = [](Feature feature) { return 1U << static_cast<unsigned>(feature); };
  std::uint32_t all = of(Feature::device_attributes) | of(Feature::max_queues_num) | of(Feature::hw_hints) |
                      of(Feature::extra_properties_strings) | of(Feature::extra_properties_flags) |
                      of(Feature::max_queues_ext) | of(Feature::stateless_offload_config) | of(Feature::rss_table) |
                      of(Feature::mtu) | of(Feature::interrupt_moderation) | of(Feature::aenq_config) |
                      of(Feature::link_config) | of(Feature::host_attributes);
  for (const Feature optional : {Feature::llq, Feature::rss_hash_function, Feature::rss_hash_input})
    if (!is_left_out(optional)) all |= of(optional);
  return all;
}

bool Features::is_left_out(Feature feature) const {
  return (feature == Feature::llq && !profile_.llq) || (feature == Feature::rss_hash_function && !profile_.rss_key) ||
         (feature == Feature::rss_hash_input && !profile_.rss_fields);
}

Response Features::get(const Command& command) {
  const auto feature = static_cast<Feature>(command.u8(17));
  if (is_left_out(feature)) return Response::failure(Status::unsupported_opcode);
  switch (feature) {
    case Feature::device_attributes: return device_attributes();
    case Feature::max_queues_num: return max_queues_num();
    case Feature::max_queues_ext: return max_queues_ext();
    case Feature::llq: return llq();
    case Feature::link_config: return link();
    case Feature::extra_properties_strings: return extra_property_strings(command);
    case Feature::extra_properties_flags: return of_words({profile_.extra_property_flags});
    case Feature::rss_hash_function: return get_hash_function(command);
    case Feature::rss_hash_input: return get_hash_input(command);
    case Feature::rss_table: return get_table(command);
    // ena_admin_feature_offload_desc; there is no way to switch one off.
    case Feature::stateless_offload_config:
      return of_words({profile_.tx_offloads, profile_.rx_offloads, profile_.rx_offloads});
    case Feature::aenq_config: return of_words({supported_event_groups, settings.event_groups});
    case Feature::interrupt_moderation: return of_words({1});  // intr_delay_resolution, in microseconds
    case Feature::mtu: return of_words({settings.mtu});
    case Feature::hw_hints: {
      Response response;
      put_hints(response.data, profile_.hints);
      return response;
    }
    case Feature::host_attributes: break;  // can only be set
  }
  machine_.violation("ena: GET_FEATURE of " + std::to_string(command.u8(17)) + " is not modelled");
  return Response::failure(Status::unsupported_opcode);
}

// ena_admin_device_attr_feature_desc
Response Features::device_attributes() const {
  Response response = of_words({1, 1, supported(), eni_stats_capability, 48, 48});
  std::copy(profile_.mac.begin(), profile_.mac.end(), response.data.begin() + 24);
  put_le32(response.data, 32, profile_.max_mtu);
  return response;
}

// ena_admin_queue_feature_desc, for drivers that know of one limit for both directions
Response Features::max_queues_num() const {
  const std::uint32_t depth = std::min(profile_.max_rx_depth, profile_.max_tx_depth);
  Response response = of_words({profile_.queues, depth, profile_.queues, depth, 0, 0, Profile::narrow_llq_entry_bytes - 32});
  put_le16(response.data, 28, profile_.max_tx_descriptors_per_packet);
  put_le16(response.data, 30, profile_.max_rx_descriptors_per_packet);
  return response;
}

// ena_admin_queue_ext_feature_desc, version 1
Response Features::max_queues_ext() const {
  const std::uint32_t queues = profile_.queues, tx = profile_.max_tx_depth, rx = profile_.max_rx_depth;
  Response response = of_words({1, queues, queues, queues, queues, tx, tx, rx, rx, Profile::narrow_llq_entry_bytes - 32});
  put_le16(response.data, 40, profile_.max_tx_descriptors_per_packet);
  put_le16(response.data, 42, profile_.max_rx_descriptors_per_packet);
  return response;
}

// ena_admin_feature_llq_desc: headers inside the entries, several descriptors to an entry, two before the header
Response Features::llq() const {
  Response response = of_words({profile_.queues, profile_.max_tx_depth});
  put_le16(response.data, 8, 1);                           // ENA_ADMIN_INLINE_HEADER
  put_le16(response.data, 12, profile_.wide_llq ? 5 : 1);  // ENA_ADMIN_LIST_ENTRY_SIZE_128B, _256B
  put_le16(response.data, 16, 2);                          // ENA_ADMIN_LLQ_NUM_DESCS_BEFORE_HEADER_2
  put_le16(response.data, 20, 2);                          // ENA_ADMIN_MULTIPLE_DESCS_PER_ENTRY
  response.data[24] = 1;                                   // feature_version
  response.data[25] = 1;                                   // entry_size_recommended
  put_le16(response.data, 26, profile_.wide_llq ? profile_.max_tx_depth / 2 : 0);  // max_wide_llq_depth
  const int accelerated = (profile_.meta_caching ? 0 : 1) | (profile_.max_tx_burst_bytes != 0 ? 2 : 0);
  put_le16(response.data, 28, static_cast<std::uint32_t>(accelerated));
  put_le16(response.data, 30, profile_.max_tx_burst_bytes);
  return response;
}

// ena_admin_get_feature_link_desc
Response Features::link() const {
  constexpr std::uint32_t speed_25g = 0x10, full_duplex = 2;
  return of_words({link_up ? profile_.link_mbps : 0, speed_25g, full_duplex});
}

// ena_admin_get_extra_properties_strings_desc: bit n of the flags has name n
Response Features::extra_property_strings(const Command& command) {
  const std::size_t count = profile_.extra_properties.size();
  const MutableBytes names = control_buffer(command, count * property_name_bytes);
  for (std::size_t i = 0; !names.empty() && i < count; ++i) {
    const MutableBytes name = names.subspan(i * property_name_bytes, property_name_bytes);
    std::fill(name.begin(), name.end(), std::uint8_t{0});
    const std::string& text = profile_.extra_properties[i];
    std::copy_n(text.begin(), std::min(text.size(), property_name_bytes - 1), name.begin());
  }
  return of_words({static_cast<std::uint32_t>(count)});
}

// ena_admin_feature_rss_flow_hash_function, and ena_admin_feature_rss_flow_hash_control in the control buffer: the key's words
// behind their number. A key that no driver has set the device keeps for itself.
Response Features::get_hash_function(const Command& command) {
  constexpr std::uint32_t toeplitz = 1U << 1;
  const Rss& rss = settings.rss;
  if (rss.key_was_set && command.has_control_buffer()) {
    const MutableBytes control = control_buffer(command, 8 + Rss::key_bytes);
    if (control.empty()) return Response::failure(Status::malformed_request);
    put_le32(control, 0, Rss::key_bytes / 4);
    std::copy(rss.key.begin(), rss.key.end(), control.begin() + 8);
  }
  return of_words({toeplitz, toeplitz, rss.initial_value});
}

// ena_admin_feature_rss_flow_hash_input; supported_input_sort stays 0: this device does not sort the ends of a flow. In the control
// buffer ena_admin_feature_rss_hash_control: 16 supported and 16 selected fields, 4 bytes each, and as much reserved.
Response Features::get_hash_input(const Command& command) {
  const MutableBytes control = control_buffer(command, 4 * 4 * hash_protocols);
  if (control.empty()) return Response::failure(Status::malformed_request);
  for (std::size_t i = 0; i < hash_protocols; ++i) {
    put_le32(control, 4 * i, Rss::supported_fields[i]);
    put_le32(control, 4 * (hash_protocols + i), settings.rss.fields[i]);
  }
  return {};
}

// ena_admin_feature_rss_ind_table, and in the control buffer an ena_admin_rss_ind_table_entry of 4 bytes for each
Response Features::get_table(const Command& command) {
  if (command.has_control_buffer()) {
    const MutableBytes control = control_buffer(command, 4 * Rss::table_entries);
    if (control.empty()) return Response::failure(Status::malformed_request);
    for (std::size_t i = 0; i < Rss::table_entries; ++i) put_le32(control, 4 * i, settings.rss.table[i]);
  }
  Response response;
  for (const std::size_t at : {0, 2, 4}) put_le16(response.data, at, Rss::log_table_entries);
  response.data[6] = 1;  // one_entry_update
  return response;
}

MutableBytes Features::control_buffer(const Command& command, std::size_t bytes) {
  if (!command.has_control_buffer() || command.control_bytes() < bytes || bytes == 0) return {};
  return machine_.dma(command.control_address(), bytes);
}

}  // namespace millrace::devmodel::ena

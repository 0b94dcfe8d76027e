// SPDX-License-Identifier: BSD-3-Clause
// Admin commands and events. Called by the admin queue and when something is to be told; calls features, queues and the event
// queue.
#include "tests/devmodel/ena/ena.hpp"

namespace millrace::devmodel::ena {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;

}  // namespace

Response Ena::execute(const Command& command) {
  switch (command.opcode()) {
    case Opcode::create_cq: return queues_.create_cq(command);
    case Opcode::destroy_cq: return queues_.destroy_cq(command);
    case Opcode::create_sq: return queues_.create_sq(command, features_.settings.llq);
    case Opcode::destroy_sq: return queues_.destroy_sq(command);
    case Opcode::get_feature: return features_.get(command);
    case Opcode::set_feature: return set_feature(command);
    case Opcode::get_stats: return get_stats(command);
  }
  machine_.violation("ena: the admin command " + std::to_string(command.u8(2)) + " is not modelled");
  return Response::failure(Status::bad_opcode);
}

// The events that are enabled are the event queue's business; that of the link is sent when they are, since a driver knows of
// the link by it alone.
Response Ena::set_feature(const Command& command) {
  const Response response = features_.set(command);
  if (static_cast<Feature>(command.u8(17)) != Feature::aenq_config || response.status != Status::success) return response;
  if (!events_.wants(EventGroup::keep_alive)) next_keep_alive_ns_ = machine_.now_ns() + second_ns;
  if (!events_.wants(EventGroup::link_change)) announced_link_.reset();
  events_.enabled_groups = features_.settings.event_groups;
  announce_link();
  return response;
}

// ena_admin_aq_get_stats_cmd has its type at 16. What scope and queue it names the drivers leave at 0 and mean the device.
Response Ena::get_stats(const Command& command) {
  constexpr std::uint8_t basic = 0, eni = 2;
  Response response;
  if (command.u8(16) == basic) {  // ena_admin_basic_stats
    const std::array<std::uint64_t, 6> in_order{counts_.tx_bytes,  counts_.tx_frames, counts_.rx_bytes,
                                                counts_.rx_frames, drops_.rx,         drops_.tx};
    for (std::size_t i = 0; i < in_order.size(); ++i) put_le64(response.data, 8 * i, in_order[i]);
    return response;
  }
  if (command.u8(16) == eni) {  // ena_admin_eni_stats
    const std::array<std::uint64_t, 5> in_order{allowances_.bw_in_exceeded, allowances_.bw_out_exceeded,
                                                allowances_.pps_exceeded, allowances_.conntrack_exceeded,
                                                allowances_.linklocal_exceeded};
    for (std::size_t i = 0; i < in_order.size(); ++i) put_le64(response.data, 8 * i, in_order[i]);
    return response;
  }
  machine_.violation("ena: GET_STATS of type " + std::to_string(command.u8(16)) + " is not modelled");
  return Response::failure(Status::unsupported_opcode);
}

void Ena::post(const Event& event) {
  if (events_.post(event)) interrupt_management();
}

// ena_admin_aenq_link_change_desc, when the driver does not know it yet and has room for it
void Ena::announce_link() {
  if (announced_link_ == features_.link_up) return;
  Event event;
  event.group = EventGroup::link_change;
  event.data[0] = features_.link_up ? 1 : 0;
  if (!events_.post(event)) return;
  announced_link_ = features_.link_up;
  interrupt_management();
}

// ena_admin_aenq_keep_alive_desc
void Ena::keep_alive() {
  const Turn turn(one_at_a_time_);
  if (removed_) return;
  Event event;
  event.group = EventGroup::keep_alive;
  put_le64(event.data, 0, drops_.rx);
  put_le64(event.data, 8, drops_.tx);
  post(event);
}

void Ena::update_hints(const Hints& hints) {
  const Turn turn(one_at_a_time_);
  if (removed_) return;
  Event event;
  event.group = EventGroup::notification;
  event.syndrome = update_hints_syndrome;
  put_hints(event.data, hints);
  post(event);
}

}  // namespace millrace::devmodel::ena

// SPDX-License-Identifier: BSD-3-Clause
// Options of a thread's sockets: what concerns the thread is kept here, the rest goes to the lcores. Called by one
// thread outside the lcores through ThreadQueue.
#include <millrace/engine/thread_queue_impl.hpp>

#include <algorithm>
#include <cerrno>

namespace millrace {

using Kind = ThreadMessage::Kind;
using socket::Option;

int ThreadQueue::set_option(Socket socket, socket::Option option, std::int64_t value) {
  Impl::Slot* slot = impl_->find(socket);
  if (slot == nullptr) return -EBADF;
  if (const int refused = socket::check_set(option, slot->kind(), value); refused != 0) return refused;
  switch (option) {
    case Option::timestamp:
    case Option::timestampns:
    case Option::timestamping: slot->timestamp.set(option, value); return 0;
    case Option::busy_poll: slot->busy_poll.us = static_cast<std::uint32_t>(value); return 0;
    case Option::busy_poll_budget: slot->busy_poll.budget = static_cast<std::uint16_t>(value); return 0;
    case Option::rcvbuf:
    case Option::rcvbufforce:
    case Option::sndbuf:
    case Option::sndbufforce:
      if (const int refused = impl_->set_buffer(*slot, option, value); refused != 0) return refused;
      break;
    case Option::mtu_discover:
    case Option::ipv6_mtu_discover:
    case Option::tos:
    case Option::ttl:
    case Option::ipv6_tclass:
    case Option::ipv6_unicast_hops:
    case Option::udp_segment: slot->set[option] = value; break;
    case Option::recverr:
    case Option::ipv6_recverr: return -ENOPROTOOPT;  // a thread has no error queue
    default:
      if (socket::InfoOption::is_one(option)) slot->info.set(option, value);
      slot->set[option] = value != 0;
      break;  // the others are switches of the sockets on the lcores
  }
  for (std::uint16_t lcore = 0; lcore < impl_->lanes.size(); ++lcore)
    if (slot->is_udp || lcore == lcore_of(socket))
      impl_->give(lcore, {.kind = Kind::option, .option = option, .socket = id_of(socket), .value = value});
  return 0;
}

// The lcores hold the same limits and come to the same result.
int ThreadQueue::Impl::set_buffer(Slot& slot, Option option, std::int64_t value) const {
  const std::int64_t bytes = socket::buffer_bytes(option, value, tunables->buffer_limits());
  if (bytes < 0) return static_cast<int>(bytes);
  const bool is_receive = option == Option::rcvbuf || option == Option::rcvbufforce;
  slot.set[is_receive ? Option::rcvbuf : Option::sndbuf] = bytes;
  if (!is_receive) slot.window = static_cast<std::uint32_t>(std::min<std::int64_t>(bytes, thread_window_bytes));
  return 0;
}

int ThreadQueue::get_option(Socket socket, socket::Option option, std::int64_t& value) const {
  const Impl::Slot* slot = impl_->find(socket);
  if (slot == nullptr) return -EBADF;
  if (const int refused = socket::check_get(option, slot->kind()); refused != 0) return refused;
  switch (option) {
    case Option::incoming_cpu: value = slot->incoming_cpu; return 0;
    case Option::incoming_napi_id: value = slot->napi_id; return 0;
    case Option::timestamp:
    case Option::timestampns:
    case Option::timestamping: value = slot->timestamp.get(option); return 0;
    case Option::busy_poll: value = slot->busy_poll.us; return 0;
    case Option::busy_poll_budget: value = slot->busy_poll.budget; return 0;
    default:
      const bool is_discover = option == Option::mtu_discover || option == Option::ipv6_mtu_discover;
      const auto at = slot->set.find(option);
      value = at != slot->set.end() ? at->second : is_discover ? static_cast<std::int64_t>(udp::MtuDiscover::want) : 0;
      return 0;
  }
}

}  // namespace millrace

// SPDX-License-Identifier: BSD-3-Clause
// How often a sender is told of a better way. Called by Icmp::send_redirect; pure. net/ipv4/route.c (receive_path H6).
#include <millrace/stack/icmp/redirect_limit.hpp>

namespace millrace::icmp {

bool RedirectLimit::allow(std::uint64_t hash, Instant now) {
  Sender& sender = senders_[hash % senders_.size()];
  if (now > sender.last + silence) sender.redirects = 0;
  if (sender.redirects >= number) {
    sender.last = now;  // its silence begins when it falls silent
    return false;
  }
  if (sender.redirects != 0 && now <= sender.last + load * (1 << sender.redirects)) return false;
  sender.last = now;
  ++sender.redirects;
  return true;
}

}  // namespace millrace::icmp

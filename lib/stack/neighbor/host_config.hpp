// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/neighbor/interface.hpp>
#include <millrace/wire/nd.hpp>

#include <optional>

namespace millrace::neighbor {

/// A valid solicitation or advertisement, as it concerns the address that it is about.
struct TargetNews {
  IpAddress target;
  IpAddress source;
  bool is_advertisement = false;
  std::optional<wire::Nonce> nonce{};  ///< of a solicitation (RFC 7527)
};

/// Who configures IPv6 on the interfaces, above the neighbours; addrconf::Addrconf implements it.
class HostConfig {
 public:
  virtual ~HostConfig() = default;
  /// True: the address is tentative on this interface, so the message is neither answered nor learnt from.
  virtual bool heard_of(Interface& interface, const TargetNews& news) = 0;
  /// From the link-local address `router`.
  virtual void receive_router_advertisement(Interface& interface, const IpAddress& router, const wire::RouterAdvertisement& ra) = 0;
  virtual void receive_redirect(Interface& interface, const IpAddress& router, const wire::Redirect& redirect) = 0;
  /// A neighbour does not answer any more.
  virtual void neighbor_failed(Interface& interface, const IpAddress& address) = 0;
};

}  // namespace millrace::neighbor

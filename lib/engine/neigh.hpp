// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

/// NUD_*: what is known of a neighbour (RFC 4861 section 7.3.2). `none`: nothing yet.
enum class Nud : std::uint8_t { none, incomplete, reachable, stale, delay, probe, failed, permanent };

/// As `ip neigh` writes it: "REACHABLE".
[[nodiscard]] std::string_view to_string(Nud state);

/// One line of `ip neigh`.
struct Neigh {
  IpAddress address{};
  std::string dev{};                   ///< the interface, as the stack names it
  std::optional<MacAddress> lladdr{};  ///< none: not known
  Nud state = Nud::permanent;

  /// "10.77.0.1 dev eth0 lladdr 02:00:00:00:00:01 REACHABLE".
  [[nodiscard]] std::string to_text() const;
};

}  // namespace millrace

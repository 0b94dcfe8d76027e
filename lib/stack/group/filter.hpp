// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>

#include <span>
#include <vector>

namespace millrace::group {

/// Whose datagrams to a group are wanted (RFC 3376 section 2): those of the sources named, or of all others. Made without
/// words it wants none.
struct Filter {
  bool exclude = false;
  std::vector<IpAddress> sources{};  ///< in order, each once

  /// Everybody's: a join without sources.
  [[nodiscard]] static Filter all() { return {.exclude = true}; }
  [[nodiscard]] bool wants_nothing() const { return !exclude && sources.empty(); }
  [[nodiscard]] bool wants(const IpAddress& source) const;
  bool operator==(const Filter&) const = default;
};

/// Adds to a list, or takes from it, what keeps it in order. False: it was there already, or was not.
bool insert(std::vector<IpAddress>& list, const IpAddress& address);
bool erase(std::vector<IpAddress>& list, const IpAddress& address);
/// What is in `a` and not in `b`.
[[nodiscard]] std::vector<IpAddress> without(const std::vector<IpAddress>& a, const std::vector<IpAddress>& b);

/// What an interface wants for its listeners (RFC 3376 section 3.2): as much as any of them.
[[nodiscard]] Filter merge(std::span<const Filter* const> filters);

}  // namespace millrace::group

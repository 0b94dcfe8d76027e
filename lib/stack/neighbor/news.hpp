// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/neighbor/neighbors.hpp>

namespace millrace::neighbor {

/// What a message says of a neighbour: the arguments of Linux's neigh_update().
struct Neighbors::News {
  std::optional<MacAddress> mac;
  State state = State::stale;   ///< reachable: proven to receive from us; stale: heard of only
  bool override = false;        ///< a different link address replaces the known one
  bool weak_override = false;   ///< if it may not: a different one still makes a reachable entry stale
};

}  // namespace millrace::neighbor

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/burst.hpp>

namespace millrace::pkt {

/// For one who takes every packet of a burst over while it looks at the next ones: own() each slot once, then
/// taken() the burst, which is empty then.
[[nodiscard]] inline Packet own(Mbuf& slot) { return Packet::adopt(&slot); }
inline void taken(Burst& burst) { burst.drop_front(burst.size()); }

}  // namespace millrace::pkt

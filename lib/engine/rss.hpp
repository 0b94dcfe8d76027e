// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/config/config.hpp>
#include <millrace/port/port.hpp>

#include <string>

// RSS between configuration and device. Control thread only.
namespace millrace {

/// What `now` becomes when `wanted` is put over it, on a port with `rx_queues` queues.
[[nodiscard]] wire::Rss with_wanted(const wire::Rss& now, const config::Rss& wanted);
/// What was asked and is otherwise, item by item: "fields udp4: asked sdfn, the device hashes sd"; "" when nothing is.
[[nodiscard]] std::string difference(const wire::Rss& asked, const wire::Rss& got);

/// Asks the device for what `wanted` gives; returns what it was asked for in all. Fails when it refuses.
[[nodiscard]] Result<wire::Rss> ask_rss(port::Port& port, const config::Rss& wanted);
/// Reads back what came of it. EOPNOTSUPP: something else did.
[[nodiscard]] Result<void> obeyed(const port::Port& port, const wire::Rss& asked);

/// For a port that has just been opened: asks, reads back, and warns of differences.
[[nodiscard]] Result<void> set_up_rss(const config::Port& config, port::Port& port);

}  // namespace millrace

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/wire/rss.hpp>

#include <cstdint>
#include <optional>

namespace millrace::ethdev {

/// What a started device says that it spreads by; null: it has no hash or no RETA, or will not tell.
[[nodiscard]] std::optional<wire::Rss> read_rss(std::uint16_t port_id);
/// Writes key, fields and RETA, those that differ from what the device says. Errors name what it refused.
[[nodiscard]] Result<void> write_rss(std::uint16_t port_id, const wire::Rss& rss);

/// The RTE_ETH_RSS_ types for these fields: TCP and UDP where their ports count, the addresses always.
[[nodiscard]] std::uint64_t rss_types(const wire::RssFields& fields);
[[nodiscard]] wire::RssFields rss_fields(std::uint64_t types);

}  // namespace millrace::ethdev

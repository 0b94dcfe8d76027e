// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>
#include <millrace/wire/parsed.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace millrace::wire {

// Messages by which hosts tell routers what groups they listen to: IGMP (RFC 1112, 2236, 3376) and its twin of IPv6, MLD
// (RFC 2710, 3810), which is ICMPv6. A message is all of `bytes`, from its type on.

namespace igmp_type {
inline constexpr std::uint8_t query = 0x11;
inline constexpr std::uint8_t report_v1 = 0x12;
inline constexpr std::uint8_t report_v2 = 0x16;
inline constexpr std::uint8_t leave = 0x17;
inline constexpr std::uint8_t report_v3 = 0x22;
}  // namespace igmp_type

inline constexpr std::size_t igmp_bytes = 8;    ///< of every IGMP message but those of version 3
inline constexpr std::size_t mld_bytes = 24;    ///< of every MLD message but those of version 2
inline constexpr std::size_t membership_report_bytes = 8;  ///< of IGMPv3's and MLDv2's report, in front of its records

/// RFC 3376 section 4.2.12, RFC 3810 section 5.2.12.
enum class RecordType : std::uint8_t {
  is_include = 1, is_exclude = 2, to_include = 3, to_exclude = 4, allow_new = 5, block_old = 6,
};

/// What a querier asks.
struct MembershipQuery {
  std::uint8_t version = 3;           ///< of IGMP 1 to 3, of MLD 1 or 2
  std::uint32_t max_response_ms = 0;  ///< answers are spread over it
  IpAddress group{};                  ///< unspecified: all groups
  std::uint8_t robustness = 0;        ///< QRV; 0: not told
  std::uint32_t interval_s = 0;       ///< QQIC; 0: not told
  std::vector<IpAddress> sources{};   ///< asked about; none: all

  /// Null when too short, no query, or not whole. The checksum is the caller's to judge.
  [[nodiscard]] static std::optional<MembershipQuery> parse_igmp(std::span<const std::uint8_t> bytes);
  [[nodiscard]] static std::optional<MembershipQuery> parse_mld(std::span<const std::uint8_t> bytes);
  bool operator==(const MembershipQuery&) const = default;
};

/// Whether the sum over the whole IGMP message is right.
[[nodiscard]] bool is_igmp_checksum_valid(std::span<const std::uint8_t> bytes);

/// One group's part of a report of IGMPv3 or MLDv2.
struct MembershipRecord {
  RecordType type = RecordType::is_exclude;
  IpAddress group;
  std::vector<IpAddress> sources{};
  /// Bytes that it takes in a report.
  [[nodiscard]] std::size_t bytes() const;
  bool operator==(const MembershipRecord&) const = default;
};

/// A report or a leave of the versions that name one group: of IGMP its checksum is made, of MLD it is zero (seal_icmp6()).
[[nodiscard]] std::vector<std::uint8_t> make_igmp(std::uint8_t type, const IpAddress& group);
[[nodiscard]] std::vector<std::uint8_t> make_mld(std::uint8_t type, const IpAddress& group);
/// A report of IGMPv3 or, where the records' groups are of IPv6, MLDv2; the checksum as above.
[[nodiscard]] std::vector<std::uint8_t> make_membership_report(std::span<const MembershipRecord> records);
/// The records of a report; what is not whole ends the list.
[[nodiscard]] std::vector<MembershipRecord> read_membership_report(std::span<const std::uint8_t> bytes, bool v4);

}  // namespace millrace::wire

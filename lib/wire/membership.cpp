// SPDX-License-Identifier: BSD-3-Clause
// Reads and writes IGMP and MLD. Called by lib/stack/group. RFC 2236 section 2, RFC 3376 section 4, RFC 2710 section 3, RFC
// 3810 section 5.
#include <millrace/wire/membership.hpp>

#include <millrace/wire/checksum.hpp>
#include <millrace/wire/icmp6.hpp>

#include <cstring>

namespace millrace::wire {
namespace {

constexpr std::size_t igmp_v3_query_bytes = 12;
constexpr std::size_t mld_v2_query_bytes = 28;

IpAddress address_from(const std::uint8_t* at, bool v4) { return v4 ? IpAddress::v4_from(at) : IpAddress::v6_from(at); }

std::size_t address_bytes(bool v4) { return v4 ? 4 : 16; }

void put_address(std::vector<std::uint8_t>& out, const IpAddress& address) {
  const std::uint8_t* const from = address.is_v4() ? address.v4_bytes() : address.bytes.data();
  const std::size_t at = out.size();
  out.resize(at + address_bytes(address.is_v4()));  // g++ 12 takes insert() for a write past a new vector's end
  std::memcpy(&out[at], from, out.size() - at);
}

// RFC 3376 sections 4.1.1 and 4.1.7: from 128 on a floating-point value.
std::uint32_t code_value(std::uint8_t code) {
  return code < 128 ? code : static_cast<std::uint32_t>(((code & 15) | 16) << (((code >> 4) & 7) + 3));
}

// RFC 3810 section 5.1.3: the same of 16 bits.
std::uint32_t code_value_16(std::uint16_t code) {
  return code < 32768 ? code : static_cast<std::uint32_t>(((code & 0xfff) | 0x1000) << (((code >> 12) & 7) + 3));
}

// What version 3 of IGMP and version 2 of MLD have behind the group. False: not whole.
bool read_tail(std::span<const std::uint8_t> tail, bool v4, MembershipQuery& query) {
  query.robustness = tail[0] & 7;
  query.interval_s = code_value(tail[1]);
  const std::size_t count = load_be16(&tail[2]);
  const std::size_t each = address_bytes(v4);
  if (tail.size() < 4 + count * each) return false;
  for (std::size_t i = 0; i < count; ++i) query.sources.push_back(address_from(&tail[4 + i * each], v4));
  return true;
}

}  // namespace

std::optional<MembershipQuery> MembershipQuery::parse_igmp(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < igmp_bytes || bytes[0] != igmp_type::query) return std::nullopt;
  MembershipQuery query;
  query.group = IpAddress::v4_from(&bytes[4]);
  if (!query.group.is_unspecified() && !query.group.is_multicast()) return std::nullopt;
  // RFC 3376 section 7.1: by length and Max Resp Code.
  if (bytes.size() < igmp_v3_query_bytes) {
    if (bytes.size() != igmp_bytes) return std::nullopt;
    query.version = bytes[1] == 0 ? 1 : 2;
    query.max_response_ms = bytes[1] == 0 ? 10000 : bytes[1] * 100u;
    return query;
  }
  query.version = 3;
  query.max_response_ms = code_value(bytes[1]) * 100;
  if (!read_tail(bytes.subspan(igmp_bytes), true, query)) return std::nullopt;
  return query;
}

std::optional<MembershipQuery> MembershipQuery::parse_mld(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < mld_bytes || bytes[0] != icmp6_type::listener_query) return std::nullopt;
  MembershipQuery query;
  query.group = IpAddress::v6_from(&bytes[8]);
  if (query.group.is_v4() || (!query.group.is_unspecified() && !query.group.is_multicast())) return std::nullopt;
  if (bytes.size() < mld_v2_query_bytes) {
    if (bytes.size() != mld_bytes) return std::nullopt;  // RFC 3810 section 8.1
    query.version = 1;
    query.max_response_ms = load_be16(&bytes[4]);
    return query;
  }
  query.version = 2;
  query.max_response_ms = code_value_16(load_be16(&bytes[4]));
  if (!read_tail(bytes.subspan(mld_bytes), false, query)) return std::nullopt;
  return query;
}

bool is_igmp_checksum_valid(std::span<const std::uint8_t> bytes) {
  Sum sum;
  sum.add(bytes);
  return sum.is_valid();
}

std::size_t MembershipRecord::bytes() const {
  return 4 + address_bytes(group.is_v4()) * (1 + sources.size());
}

std::vector<std::uint8_t> make_igmp(std::uint8_t type, const IpAddress& group) {
  std::vector<std::uint8_t> out{type, 0, 0, 0};
  put_address(out, group);
  store_be16(&out[2], checksum(out));
  return out;
}

std::vector<std::uint8_t> make_mld(std::uint8_t type, const IpAddress& group) {
  std::vector<std::uint8_t> out(8);
  out[0] = type;
  put_address(out, group);
  return out;
}

std::vector<std::uint8_t> make_membership_report(std::span<const MembershipRecord> records) {
  const bool v4 = records.empty() || records[0].group.is_v4();
  std::vector<std::uint8_t> out(membership_report_bytes);
  out[0] = v4 ? igmp_type::report_v3 : icmp6_type::listener_report_v2;
  store_be16(&out[6], static_cast<std::uint16_t>(records.size()));
  for (const MembershipRecord& record : records) {
    out.push_back(static_cast<std::uint8_t>(record.type));
    out.push_back(0);  // no auxiliary data
    out.push_back(static_cast<std::uint8_t>(record.sources.size() >> 8));
    out.push_back(static_cast<std::uint8_t>(record.sources.size()));
    put_address(out, record.group);
    for (const IpAddress& source : record.sources) put_address(out, source);
  }
  if (v4) store_be16(&out[2], checksum(out));
  return out;
}

std::vector<MembershipRecord> read_membership_report(std::span<const std::uint8_t> bytes, bool v4) {
  std::vector<MembershipRecord> records;
  if (bytes.size() < membership_report_bytes) return records;
  const std::size_t each = address_bytes(v4);
  std::size_t left = load_be16(&bytes[6]);
  bytes = bytes.subspan(membership_report_bytes);
  for (; left > 0 && bytes.size() >= 4 + each; --left) {
    const std::size_t sources = load_be16(&bytes[2]);
    const std::size_t length = 4 + each * (1 + sources) + bytes[1] * 4u;
    if (bytes[0] < 1 || bytes[0] > 6 || bytes.size() < length) break;
    MembershipRecord& record = records.emplace_back();
    record.type = static_cast<RecordType>(bytes[0]);
    record.group = address_from(&bytes[4], v4);
    for (std::size_t i = 0; i < sources; ++i) record.sources.push_back(address_from(&bytes[4 + each * (1 + i)], v4));
    bytes = bytes.subspan(length);
  }
  return records;
}

}  // namespace millrace::wire

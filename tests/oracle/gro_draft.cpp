// SPDX-License-Identifier: BSD-3-Clause
// Writes a frame from its fields. Called by the generator; calls nothing of lib/.
#include "tests/oracle/gro_draft.hpp"

namespace millrace::oracle {
namespace {

void put(Bytes& out, std::size_t count, std::uint32_t value) {
  out.resize(out.size() + count);
  store(out, out.size() - count, count, value);
}
void put(Bytes& out, const Bytes& more) { out.insert(out.end(), more.begin(), more.end()); }

void put_v4(Bytes& out, const Draft& d) {
  const std::size_t at = out.size();
  put(out, 1, d.first_byte != 0 ? d.first_byte : static_cast<std::uint32_t>(0x40 + (20 + d.ip_options.size()) / 4));
  put(out, 1, d.tos);
  put(out, 2, static_cast<std::uint32_t>(static_cast<int>(d.ip_length()) + d.length_off));
  put(out, 2, d.id);
  put(out, 2, d.fragment);
  put(out, 1, d.ttl);
  put(out, 1, d.proto);
  put(out, 2, 0);
  put(out, d.source);
  put(out, d.destination);
  put(out, d.ip_options);
  const std::uint32_t sum = static_cast<std::uint16_t>(~sum_of(part(out, at, out.size() - at)));
  store(out, at + 10, 2, d.ip_sum_wrong ? sum ^ 0x0101 : sum);
}

void put_v6(Bytes& out, const Draft& d) {
  const std::uint32_t version = d.first_byte != 0 ? d.first_byte >> 4 : 6u;
  put(out, 4, version << 28 | std::uint32_t{d.tos} << 20 | d.flow_label);
  put(out, 2, static_cast<std::uint32_t>(static_cast<int>(d.ip_length() - 40) + d.length_off));
  put(out, 1, d.extensions.empty() ? d.proto : d.extensions[0].first);
  put(out, 1, d.ttl);
  put(out, d.source);
  put(out, d.destination);
  for (std::size_t i = 0; i < d.extensions.size(); ++i) {
    put(out, 1, i + 1 < d.extensions.size() ? d.extensions[i + 1].first : d.proto);
    put(out, d.extensions[i].second);
  }
}

void put_tcp(Bytes& out, const Draft& d) {
  const std::size_t at = out.size();
  put(out, 2, d.source_port);
  put(out, 2, d.destination_port);
  put(out, 4, d.seq);
  put(out, 4, d.ack);
  put(out, 2,
      static_cast<std::uint32_t>(static_cast<int>(5 + d.options.size() / 4) + d.header_length_off) << 12 | d.flags);
  put(out, 2, d.window);
  put(out, 2, 0);
  put(out, 2, d.urgent);
  put(out, d.options);
  for (std::size_t i = 0; i < d.payload; ++i)
    out.push_back(static_cast<std::uint8_t>((d.seq + static_cast<std::uint32_t>(i)) * 2654435761u >> 24));
  const FlowId ends{.source = d.source, .destination = d.destination};
  const std::uint16_t pseudo = pseudo_sum(ends, out.size() - at);
  // A partial sum is what a sender leaves to its device: the pseudo header's alone.
  if (d.frame.sum == Sum::partial) return store(out, at + 16, 2, pseudo);
  const std::uint32_t sum = static_cast<std::uint16_t>(~sum_of(part(out, at, out.size() - at), pseudo));
  store(out, at + 16, 2, d.tcp_sum_wrong ? sum ^ 0x0101 : sum);
}

}  // namespace

std::size_t Draft::l3_header() const {
  if (!is_v6) return 20 + ip_options.size();
  std::size_t bytes = 40;
  for (const auto& [type, rest] : extensions) bytes += 1 + rest.size();
  return bytes;
}

Frame build(const Draft& d) {
  Frame frame = d.frame;
  Bytes& out = frame.bytes;
  out = d.macs;
  for (const auto& [tpid, tci] : d.tags) {
    put(out, 2, tpid);
    put(out, 2, tci);
  }
  put(out, 2, d.is_v6 ? 0x86dd : 0x0800);
  d.is_v6 ? put_v6(out, d) : put_v4(out, d);
  put_tcp(out, d);
  out.resize(out.size() + d.padding);
  if (d.cut && *d.cut < out.size()) out.resize(*d.cut);
  return frame;
}

}  // namespace millrace::oracle

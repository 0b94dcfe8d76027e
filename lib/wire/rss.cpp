// SPDX-License-Identifier: BSD-3-Clause
// Receive side scaling in software. Called by the in-memory port for each frame, and by the control path for what ethtool
// -X and -x say. ethtool.c's fill_indir_table; Microsoft, "RSS Hashing Types".
#include <millrace/wire/rss.hpp>

#include <millrace/base/assert.hpp>
#include <millrace/wire/protocol.hpp>

#include <algorithm>
#include <bit>
#include <cstring>

namespace millrace::wire {
namespace {

constexpr std::size_t key_bytes = std::tuple_size_v<ToeplitzKey>;
constexpr std::size_t long_key_bytes = 52;

ToeplitzKey toeplitz_key(const std::vector<std::uint8_t>& bytes) {
  MR_ASSERT(bytes.size() >= key_bytes);
  ToeplitzKey key;
  std::copy_n(bytes.begin(), key.size(), key.begin());
  return key;
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hashes_ports(const RssFields& fields, std::uint8_t proto, bool v4) {
  if (proto == ip_proto::tcp) return v4 ? fields.tcp4 : fields.tcp6;
  return proto == ip_proto::udp && (v4 ? fields.udp4 : fields.udp6);
}

template <class Tuple>
Tuple tuple_of(const std::uint8_t* remote, const std::uint8_t* local, std::size_t address_bytes, const FlowKey& flow, bool ports) {
  Tuple tuple;
  std::memcpy(tuple.bytes.data(), remote, address_bytes);
  std::memcpy(tuple.bytes.data() + address_bytes, local, address_bytes);
  if (!ports) return tuple;
  store_be16(tuple.bytes.data() + 2 * address_bytes, flow.remote_port);
  store_be16(tuple.bytes.data() + 2 * address_bytes + 2, flow.local_port);
  return tuple;
}

}  // namespace

std::vector<std::uint8_t> symmetric_rss_key(std::size_t bytes) {
  std::vector<std::uint8_t> key(bytes);
  for (std::size_t i = 0; i < bytes; ++i) key[i] = symmetric_key[i % 2];
  return key;
}

std::optional<std::vector<std::uint8_t>> parse_rss_key(std::string_view text) {
  std::vector<std::uint8_t> key;
  while (text.size() >= 2) {
    const int high = digit(text[0]);
    const int low = digit(text[1]);
    if (high < 0 || low < 0) return std::nullopt;
    key.push_back(static_cast<std::uint8_t>(high << 4 | low));
    text.remove_prefix(2);
    if (text.size() > 2 && text[0] == ':') text.remove_prefix(1);
  }
  if (!text.empty() || (key.size() != key_bytes && key.size() != long_key_bytes)) return std::nullopt;
  return key;
}

std::string rss_key_text(std::span<const std::uint8_t> key) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : key) {
    if (!text.empty()) text += ':';
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

std::vector<std::uint16_t> reta_equal(std::size_t entries, std::uint16_t queues) {
  std::vector<std::uint16_t> reta(entries);
  for (std::size_t i = 0; i < entries; ++i) reta[i] = static_cast<std::uint16_t>(i % queues);
  return reta;
}

std::vector<std::uint16_t> reta_weights(std::size_t entries, std::span<const std::uint32_t> weights) {
  std::uint64_t sum = 0;
  for (const std::uint32_t weight : weights) sum += weight;
  MR_ASSERT(sum != 0);
  std::vector<std::uint16_t> reta(entries);
  std::size_t queue = 0;
  std::uint64_t partial = weights[0];
  for (std::size_t i = 0; i < entries; ++i) {
    while (i >= entries * partial / sum) partial += weights[++queue];
    reta[i] = static_cast<std::uint16_t>(queue);
  }
  return reta;
}

RssSpread::RssSpread(const Rss& rss) : toeplitz_(toeplitz_key(rss.key)), fields_(rss.fields), reta_(rss.reta) {
  MR_ASSERT(std::has_single_bit(reta_.size()));
}

RssSpread::Choice RssSpread::choose(const FlowKey& flow) const {
  Choice choice;
  const bool v4 = flow.local.is_v4();
  const bool in_flow = (flow.remote_port | flow.local_port) != 0;
  choice.has_ports = in_flow && hashes_ports(fields_, flow.proto, v4);
  choice.is_whole = choice.has_ports || !in_flow;
  choice.is_hashed = true;
  choice.hash = v4 ? toeplitz_.hash(tuple_of<Ipv4Tuple>(flow.remote.v4_bytes(), flow.local.v4_bytes(), 4, flow, choice.has_ports))
                   : toeplitz_.hash(tuple_of<Ipv6Tuple>(flow.remote.bytes.data(), flow.local.bytes.data(), 16, flow, choice.has_ports));
  choice.queue = reta_[choice.hash & (reta_.size() - 1)];
  return choice;
}

RssSpread::Choice RssSpread::choose(std::span<const std::uint8_t> frame) const {
  const FlowKey flow = flow_key(frame, dissect(frame));
  return flow == FlowKey{} ? Choice{} : choose(flow);
}

}  // namespace millrace::wire

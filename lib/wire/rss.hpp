// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/dissect.hpp>
#include <millrace/wire/toeplitz.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Receive side scaling, as ethtool shows it: which rx queue a NIC puts a frame into.
namespace millrace::wire {

/// ethtool -n rx-flow-hash: whether a protocol's ports are hashed beside the addresses ("sdfn") or not ("sd").
/// Fragments, and protocols without ports, are hashed by their addresses.
struct RssFields {
  bool tcp4 = true;
  bool udp4 = true;
  bool tcp6 = true;
  bool udp6 = true;
  bool operator==(const RssFields&) const = default;
};

/// Entries of a RETA where nothing says otherwise: what igb and ENA have.
inline constexpr std::size_t reta_entries = 128;

/// What a port spreads received packets by: ethtool -x and -n.
struct Rss {
  std::vector<std::uint8_t> key{microsoft_key.begin(), microsoft_key.end()};  ///< 40 bytes, or 52; the first 40 count
  RssFields fields{};
  std::vector<std::uint16_t> reta = std::vector<std::uint16_t>(reta_entries);  ///< rx queue by low bits of the hash
  bool operator==(const Rss&) const = default;
};

/// 0x6d5a repeated, `bytes` long: see symmetric_key.
[[nodiscard]] std::vector<std::uint8_t> symmetric_rss_key(std::size_t bytes);
/// "6d:5a:56:..." or the same without colons, 40 or 52 bytes; null when the text is not a key.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> parse_rss_key(std::string_view text);
/// As ethtool -x writes it: "6d:5a:56:...".
[[nodiscard]] std::string rss_key_text(std::span<const std::uint8_t> key);

/// ethtool -X equal N: the entries go to queues 0..N-1 in turn.
[[nodiscard]] std::vector<std::uint16_t> reta_equal(std::size_t entries, std::uint16_t queues);
/// ethtool -X weight A B ...: queue i gets its share of the entries, in one piece. The sum of the weights is not 0.
[[nodiscard]] std::vector<std::uint16_t> reta_weights(std::size_t entries, std::span<const std::uint32_t> weights);

/// The spreading itself, for ports in memory and for whoever predicts a NIC's choice. Immutable, so any thread may ask.
class RssSpread {
 public:
  /// The RETA's size is a power of two.
  explicit RssSpread(const Rss& rss);

  struct Choice {
    std::uint16_t queue = 0;
    std::uint32_t hash = 0;
    bool is_hashed = false;   ///< false: not IP, and queue 0
    bool has_ports = false;   ///< the ports are in the hash
    bool is_whole = false;    ///< nothing that tells flows apart is missing in the hash
  };
  /// For a frame as it comes from the wire.
  [[nodiscard]] Choice choose(std::span<const std::uint8_t> frame) const;
  /// For a flow whose packets come from `flow.remote`.
  [[nodiscard]] Choice choose(const FlowKey& flow) const;

 private:
  Toeplitz toeplitz_;
  RssFields fields_;
  std::vector<std::uint16_t> reta_;
};

}  // namespace millrace::wire

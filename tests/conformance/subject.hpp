// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "drivers/ethdev/ethdev_port.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace millrace::conformance {

/// A frame on the medium, its FCS not included.
using Frame = std::vector<std::uint8_t>;

/// What a subject may lack that no capability of DPDK's tells of.
enum class Lack : std::uint8_t {
  byte_counts,   ///< statistics in bytes
  verdicts,      ///< an opinion of checksums that arrive
  segments,      ///< frames that are to be cut come out whole, with their size and number; or it is not asked to cut any
  reset,         ///< a port that can begin anew
  places,        ///< a known number of frames that may wait
  own_buffers,   ///< what arrives lies in the sender's buffers, not in those of our pool
  buffers_back,  ///< the buffers that it held, when it is closed
  cable,         ///< a link that follows the cable
  far_end,       ///< anything there that could go
  stop_of_interrupts,  ///< a way to stop them when the far end has gone
};

/// What is known of a subject before it is tried: what the suite has to find through the port.
struct Traits {
  std::string name;    ///< "virtio, packed ring"
  std::string driver;  ///< DPDK's name of it
  std::uint16_t queues = 1;
  std::uint16_t ring = 256;     ///< descriptors that are asked for, each of which may hold a buffer of ours
  std::uint16_t usable = 256;   ///< frames that wait at most
  bool checksums = true;        ///< in both directions
  bool tso = true;
  bool hashes = false;          ///< RSS, with the hash in the packet
  bool has_rx_interrupts = true;
  std::map<Lack, std::string> lacks{};  ///< and where DPDK's source says so: "rte_eth_ring.c: eth_stats_get()"
};

/// What a subject knows of its own traffic: what a driver's statistics are held against.
struct Counts {
  std::uint64_t rx_frames = 0;  ///< given to the driver
  std::uint64_t rx_bytes = 0;
  std::uint64_t rx_no_buffer = 0;  ///< lost, for the driver had left no buffer
  std::uint64_t tx_frames = 0;     ///< each segment one
  std::uint64_t tx_bytes = 0;
};

/// How a port carries on after what it was connected to has gone and has come back.
enum class Return : std::uint8_t {
  by_itself,
  opened_anew,  ///< it has to be closed and opened
  never,        ///< there is nothing at the other end that could go
};

/// What a port is tried on: a device or another medium, and the far end of it.
class Subject {
 public:
  explicit Subject(Traits what) : traits(std::move(what)) {}
  virtual ~Subject() = default;
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;

  /// What makes a port of a device: ethdev::open(), or an engine.
  using MakePort = std::function<Result<void>(const ethdev::Options&)>;
  /// Has a port made on it, with its far end there; name and arguments are the subject's. Its link may still come up.
  [[nodiscard]] virtual Result<void> attach(ethdev::Options options, const MakePort& make_port) = 0;
  /// Has the port end, and the far end, in the order that the medium wants.
  virtual void detach(const std::function<void()>& end_port) { end_port(); }

  /// The same with a port that is the caller's own.
  [[nodiscard]] Result<std::unique_ptr<port::Port>> open(ethdev::Options options) {
    std::unique_ptr<port::Port> port;
    const MakePort make_port = [&](const ethdev::Options& named) { return ethdev::open(named).map([&](auto&& opened) { port = std::move(opened); }); };
    return attach(std::move(options), make_port).map([&] { return std::move(port); });
  }
  void close(std::unique_ptr<port::Port> port) {
    detach([&] { port.reset(); });
  }

  /// A frame arrives from the far end. False: it was dropped on its way, and that was seen.
  virtual bool inject(std::span<const std::uint8_t> frame) = 0;
  /// What came out at the far end since the last call; waits two seconds at most until there are so many.
  [[nodiscard]] virtual std::vector<Frame> sent(std::size_t count) = 0;
  /// Of the last frame that came out whole though it was to be cut: the size of its segments.
  [[nodiscard]] virtual std::uint16_t gso_size() const { return 0; }
  /// Since it was made; null: it does not count.
  [[nodiscard]] virtual std::optional<Counts> counts() const { return std::nullopt; }
  /// Whether frames are there at once when inject() has returned.
  [[nodiscard]] virtual bool is_immediate() const { return false; }
  /// What has gone wrong so far; empty at a test's end.
  [[nodiscard]] virtual std::vector<std::string> violations() const { return {}; }

  virtual void set_cable(bool /*up*/) {}
  /// The far end goes, without a word; and comes back.
  virtual void lose() {}
  virtual void give_back() {}
  [[nodiscard]] virtual Return returns() const { return Return::never; }
  /// What the far end has to do when the port has begun anew.
  virtual void follow_reset() {}
  /// The device itself is pulled out of the machine; false: it is in none. And another of its kind comes in its place.
  virtual bool pull_out() { return false; }
  virtual void put_back() {}

  const Traits traits;
};

/// Those of this program, with EAL started for them; each program defines it. They are never destroyed: EAL's interrupt thread may
/// touch a device until the process ends.
[[nodiscard]] const std::vector<std::unique_ptr<Subject>>& subjects();

}  // namespace millrace::conformance

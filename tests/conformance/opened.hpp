// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/conformance/subject.hpp"
#include "tests/interop/port_host.hpp"
#include "tests/support/catch.hpp"

#include <chrono>
#include <functional>

namespace millrace::conformance {

/// Enough for full rings of small chains, and as much again to work with.
[[nodiscard]] inline std::uint32_t packets_for(const Subject& subject, std::uint32_t queues = 1) { return 8 * queues * subject.traits.ring - 1; }
/// One side of a port on the subject.
struct Host : test::Host {
  explicit Host(const Subject& subject) : Host(subject, packets_for(subject)) {}
  Host(const Subject& subject, std::uint32_t packets, std::uint16_t data_room = 2048) : test::Host(packets, data_room) {
    if (subject.traits.lacks.contains(Lack::buffers_back)) pool.leave(packets);
  }
};

/// What is asked of every port that a case does not ask something else of.
[[nodiscard]] ethdev::Options options_for(test::Host& host, const Subject& subject);
/// Why no port opens on it with these options; "" when one does.
[[nodiscard]] std::string refusal(Subject& subject, const ethdev::Options& options);

/// A port on the subject for as long as it lives; then nothing may have gone wrong.
struct Opened {
  Opened(Subject& of, ethdev::Options asked);
  ~Opened();
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

  [[nodiscard]] test::RawFrame to_us(bool v6, std::uint8_t proto, std::size_t payload) const { return {.v6 = v6, .proto = proto, .payload = payload, .destination = port->info().mac}; }
  /// Closes the port and opens it with the same options.
  void open_anew();
  /// What the subject has counted since.
  [[nodiscard]] std::optional<Counts> counts() const;
  /// A capability of DPDK's device.
  [[nodiscard]] std::uint64_t tx_capabilities() const;
  [[nodiscard]] std::uint16_t most_rx_queues() const;

  Subject& subject;
  const ethdev::Options options;
  std::unique_ptr<port::Port> port;
  std::optional<Counts> start;
};

/// What a subject has not got: the capability that says so, or the line of DPDK's source.
void not_possible(const Subject& subject, const std::string& why);

/// All of them, or the one that MILLRACE_SUBJECT names, as the matrix of doc/drivers.md asks for (matrix.py).
void for_each_subject(const std::function<void(Subject&)>& test);

/// A device may tell of its link by an interrupt, which EAL hears in a thread of its own.
[[nodiscard]] bool link_becomes(port::Port& port, bool up, std::chrono::milliseconds patience = std::chrono::seconds(2));

void consume_one(test::Host& host, port::Port& port);
/// Everything that is there, up to the subject's silence.
[[nodiscard]] pkt::PacketList receive_all(test::Host& host, const Opened& opened);

}  // namespace millrace::conformance

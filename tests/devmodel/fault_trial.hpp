// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "drivers/ethdev/ethdev_port.hpp"

#include "tests/devmodel/subject.hpp"
#include "tests/interop/port_host.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::devmodel {

/// What became of a number of frames, each unlike the others.
struct Arrived {
  unsigned whole = 0;    ///< bit for bit
  unsigned strange = 0;  ///< like none of them, or for the second time
  unsigned unsound = 0;  ///< packets that reach beyond their buffers, or whose lengths disagree: never to leave a port
};

/// A port on a subject, with traffic in both directions. When it ends, the port is closed, and all buffers have to be back.
class Trial {
 public:
  Trial(Subject& on, ethdev::Options options);
  ~Trial();
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  /// Again, once `port` is null.
  void open();
  [[nodiscard]] FaultPlan& faults() { return subject.slot.faults(); }
  /// Frames from the wire, all before the port is polled; until there are no more.
  [[nodiscard]] Arrived in(unsigned frames, std::size_t payload = 100);
  /// Frames to the wire. Those that the port does not take are the caller's again, and end here.
  [[nodiscard]] Arrived out(unsigned frames);
  /// More frames than its ring holds.
  void fill_tx_ring() { static_cast<void>(out(2u * subject.traits.ring)); }
  /// What the port has, of what came in before.
  [[nodiscard]] Arrived poll();
  /// Holds all buffers of the pool, those of the rx ring included as far as frames bring them.
  [[nodiscard]] pkt::PacketList exhaust();
  /// `in` and `out`, each a ring twice over, and nothing missing.
  [[nodiscard]] bool flows();
  /// Seconds until check() tells of a fault, while a frame is offered each way once a second; null: not within `limit`.
  [[nodiscard]] std::optional<unsigned> watch(unsigned limit);
  /// By any of the names under which the port, its lcore and the driver count.
  [[nodiscard]] std::uint64_t counter(std::string_view name);
  [[nodiscard]] test::RawFrame frame_to_us(std::size_t payload = 100);

  Subject& subject;
  test::Host host;
  std::unique_ptr<port::Port> port;
  std::optional<port::Fault> told;  ///< what check() has told
  std::string forgiven;             ///< part of the violations that are the fault's own

 private:
  /// What the port has by now, one by one.
  void take(const std::function<void(pkt::Packet)>& packet);
  [[nodiscard]] bool send(const std::vector<std::uint8_t>& frame);

  ethdev::Options options_;
  std::uint16_t next_ = 0;  ///< the source port, by which frames differ
  std::vector<std::vector<std::uint8_t>> expected_;
};

/// A fault and what comes of it: one row of the table. Of 64 frames in and 64 out meanwhile, and of as many afterwards.
struct FaultRow {
  std::string_view on{};        ///< only where this is part of a subject's name,
  std::string_view why_not{};   ///< and why not elsewhere
  std::function<void(ethdev::Options&)> options{};
  std::function<void(Trial&)> arm;
  std::function<void(Trial&)> meanwhile{};  ///< in place of that traffic
  unsigned rx_lost = 0, rx_strange = 0, tx_lost = 0;
  struct Tells {
    std::string_view counter{};
    std::uint64_t by = 1;
  } tells{};                    ///< which counter rises, by how much
  std::string_view cause{};     ///< of check(); after it, with the fault gone, comes reset()
  std::string_view told_on{};   ///< only where this is part of a subject's name; elsewhere nothing tells of it
  unsigned within = 7;          ///< seconds
  bool resets = false;          ///< nothing tells of it, but reset() is its end
  bool is_over = true;          ///< the fault ends when its traffic does
  std::string_view forgiven{};  ///< part of the violations that are the fault's own
};
/// Tries it on each subject that it is for.
void run(const FaultRow& row);

/// A device with which the port does not come up: an error that names it and holds `says`; the next one does come up.
struct RefusalRow {
  std::string_view on{};
  std::string_view why_not{};
  std::function<void(Subject&)> arm;
  std::string_view says;
  std::string_view forgiven{};
};
void run(const RefusalRow& row);

}  // namespace millrace::devmodel

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/port/port.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace millrace::vlan {

struct Options {
  std::string name{};
  std::uint16_t id = 1;         ///< 1..4094
  std::uint16_t mtu = 1500;     ///< at most that of the port below
  std::uint16_t tx_queues = 1;  ///< one for each lcore: none is shared
};

/// A VLAN device (IEEE 802.1Q): a port whose frames leave by another port, with a tag. What arrives for it comes by that
/// port too, so it has no rx queue; runtime::PacketTypes takes the tag off. drivers `8021q` of Linux (receive_path G10).
class Port final : public port::Port {
 public:
  /// Puts a frame onto a tx queue of the port below, on the lcore of that queue here.
  struct Below {
    std::function<void(pkt::Packet)> transmit;
    std::function<void()> flush;
  };
  /// `below` outlives this, as does what attach() is given.
  Port(const port::Port& below, const Options& options);
  ~Port() override;

  /// Set-up: where the frames of a tx queue go.
  void attach(std::uint16_t tx_queue, Below below);

  [[nodiscard]] const port::Info& info() const override { return info_; }
  [[nodiscard]] port::RxQueue& rx_queue(std::uint16_t index) override;
  [[nodiscard]] port::TxQueue& tx_queue(std::uint16_t index) override;
  [[nodiscard]] port::LinkState link() const override { return below_.link(); }

 private:
  class Tx;
  const port::Port& below_;
  port::Info info_;
  std::vector<std::unique_ptr<Tx>> tx_;
};

/// Puts a tag (EtherType 0x8100) between the addresses and the type of a frame with 4 bytes of headroom.
void push_tag(pkt::Packet& frame, std::uint16_t id);

}  // namespace millrace::vlan

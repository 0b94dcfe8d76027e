// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/media/medium.hpp"
#include "tests/support/netns.hpp"

#include <memory>
#include <optional>

namespace millrace::media {

/// The kernel is the far end: an interface of it in a network namespace of this process's own, with a packet socket on it.
class KernelMedium : public Medium {
 public:
  using Medium::Medium;
  bool inject(std::span<const std::uint8_t> frame) override;

 protected:
  void collect(std::vector<Frame>& frames) override;
  std::optional<test::PacketSocket> far_end_;
};

/// Two interfaces of the kernel, cabled to each other: the port has the one, the far end is the other.
class Veth : public KernelMedium {
 public:
  /// The device's name, and its arguments, in which "ours" is the interface's name.
  Veth(Traits what, std::string name, std::string args, int mtu = 1500) : KernelMedium(std::move(what)), name_(std::move(name)), args_(std::move(args)), mtu_(mtu) {}

  Result<void> attach(ethdev::Options options, const MakePort& make_port) override;
  void detach(const std::function<void()>& end_port) override;
  void set_cable(bool up) override { far_.set_up(up); }
  void lose() override;
  void give_back() override;
  Return returns() const override { return Return::opened_anew; }

 private:
  const std::string name_;
  const std::string args_;
  const int mtu_;
  test::KernelInterface near_{"ours"};
  test::KernelInterface far_{"theirs"};
};

/// Into a network namespace, or out of the program as one that was skipped. Before EAL starts, whose threads have to be born there.
void enter_namespace();

}  // namespace millrace::media

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace millrace::test {

/// What a test program's exit code says to meson: skipped.
inline constexpr int exit_skipped = 77;

/// Moves the calling thread, and the threads it makes later, into a network namespace of its own with `lo` up; it
/// vanishes with the process. To be called before EAL starts. Null when it worked, else the reason in a sentence.
[[nodiscard]] std::optional<std::string> enter_network_namespace();

/// The kernel's side of an interface of this namespace; every call throws std::runtime_error with the reason.
class KernelInterface {
 public:
  explicit KernelInterface(std::string name) : name_(std::move(name)) {}

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] bool exists() const;
  [[nodiscard]] int index() const;
  [[nodiscard]] MacAddress mac() const;
  [[nodiscard]] int mtu() const;
  void set_up(bool up);
  void set_mtu(int mtu);
  /// The interface is no more.
  void remove();
  /// IPv4 or IPv6, without duplicate address detection.
  void add_address(const IpPrefix& prefix);
  /// A permanent neighbour entry (IPv4).
  void add_neighbor(const IpAddress& address, const MacAddress& mac);
  /// No router solicitations, no MLD, no link-local address: the interface sends nothing of its own accord.
  void disable_ipv6();

 private:
  std::string name_;
};

/// Interfaces of this namespace that come later are as after disable_ipv6(). One that is up before it is told so may
/// have sent its MLD report by then.
void new_interfaces_without_ipv6();

/// A pair of interfaces, cabled to each other.
void make_veth(const std::string& one, const std::string& other);

/// Whole frames in and out of an interface on the kernel's side (AF_PACKET).
class PacketSocket {
 public:
  explicit PacketSocket(const KernelInterface& interface);
  ~PacketSocket();
  PacketSocket(const PacketSocket&) = delete;
  PacketSocket& operator=(const PacketSocket&) = delete;

  void send(std::span<const std::uint8_t> frame);
  /// The next frame that came in from the device; null after `timeout`.
  [[nodiscard]] std::optional<std::vector<std::uint8_t>> receive(std::chrono::milliseconds timeout);

 private:
  int fd_;
};

}  // namespace millrace::test

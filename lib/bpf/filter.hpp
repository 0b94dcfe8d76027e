// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/pkt/packet.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace millrace::bpf {

/// An instruction of classic BPF: struct sock_filter, the same 8 bytes.
struct Instruction {
  std::uint16_t code = 0;
  std::uint8_t jt = 0;
  std::uint8_t jf = 0;
  std::uint32_t k = 0;
};

/// A classic BPF program, checked, translated to eBPF and interpreted by rte_bpf. Needs EAL to be made. Any number of
/// threads may run one at a time.
class Filter {
 public:
  /// A filter of Ethernet frames, written as for tcpdump (pcap-filter(7)). EINVAL: the message says what is wrong.
  [[nodiscard]] static Result<std::shared_ptr<const Filter>> compile(const std::string& expression);
  /// The program that SO_ATTACH_FILTER takes; its offsets count from the packet's data(). EINVAL: it does not end, jumps out
  /// of itself, or asks for Linux's ancillary data (SKF_AD_OFF, SKF_NET_OFF, SKF_LL_OFF), which is not there.
  [[nodiscard]] static Result<std::shared_ptr<const Filter>> load(std::span<const Instruction> program);
  ~Filter();
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  /// What the program returns: how many bytes of the packet are wanted, at most; 0: none, it is not wanted.
  [[nodiscard]] std::uint32_t run(const pkt::Packet& packet) const;

 private:
  struct Program;
  explicit Filter(std::unique_ptr<Program> program);
  std::unique_ptr<Program> program_;
};

}  // namespace millrace::bpf

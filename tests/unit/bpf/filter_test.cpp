// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/base/rng.hpp>
#include <millrace/bpf/filter.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"
#include "tests/support/raw_frame.hpp"
#include "tests/unit/capture/frames.hpp"

#include <pcap/pcap.h>

#include <cerrno>

using namespace millrace;
using bpf::Filter;
using bpf::Instruction;

namespace {

std::uint32_t wanted(const Filter& filter, test::TestPool& pool, const std::vector<std::uint8_t>& frame, std::size_t per_buffer = 2000) {
  pkt::Packet packet = test::packet_of(pool, frame, per_buffer);
  const std::uint32_t bytes = filter.run(packet);
  pkt::consume(std::move(packet));
  return bytes;
}

std::string refusal(const Result<std::shared_ptr<const Filter>>& filter) {
  REQUIRE_FALSE(filter);
  CHECK(filter.error().code == EINVAL);
  return filter.error().message;
}

}  // namespace

TEST_CASE("G5: a filter written as for tcpdump chooses frames") {
  test::TestPool pool;
  const auto tcp4 = test::frame(true, 6, 100);
  const auto udp4 = test::frame(true, 17, 100);
  const auto tcp6 = test::frame(false, 6, 100);
  struct Case {
    const char* expression;
    bool tcp4, udp4, tcp6;
  };
  for (const Case& c : {Case{"", true, true, true}, Case{"tcp", true, false, true}, Case{"udp port 40002", false, true, false}, Case{"ip6", false, false, true},
                        Case{"ip and tcp[tcpflags] & tcp-ack != 0", true, false, false}, Case{"greater 165", false, false, true},
                        Case{"not port 40001", false, false, false}}) {
    INFO(c.expression);
    const auto filter = Filter::compile(c.expression);
    REQUIRE(filter);
    CHECK((wanted(**filter, pool, tcp4) != 0) == c.tcp4);
    CHECK((wanted(**filter, pool, udp4) != 0) == c.udp4);
    CHECK((wanted(**filter, pool, tcp6) != 0) == c.tcp6);
  }
}

TEST_CASE("G5: a filter reads headers that lie across buffers") {
  test::TestPool pool;
  const auto filter = Filter::compile("udp dst port 40002");
  REQUIRE(filter);
  for (const std::size_t per_buffer : {1u, 7u, 20u, 35u, 37u}) CHECK(wanted(**filter, pool, test::frame(true, 17, 30), per_buffer) != 0);
}

TEST_CASE("G5: a wrong filter says what is wrong") {
  test::start_eal();
  const std::string message = refusal(Filter::compile("udp port"));
  CHECK(message.find("filter 'udp port': ") == 0);
  CHECK(message.find("syntax error") != std::string::npos);
  CHECK(message.find("such as 'udp port 53'") != std::string::npos);
}

TEST_CASE("L4: a program that Linux would refuse is refused, and what only Linux has") {
  test::start_eal();
  constexpr std::uint16_t ret = 0x06, load_word = 0x20, jump = 0x05, load_a = 0x28;
  CHECK(refusal(Filter::load({})).find("no valid classic BPF program") == 0);
  for (const auto& program : std::vector<std::vector<Instruction>>{
           {{load_word, 0, 0, 0}}, {{jump, 0, 0, 5}, {ret, 0, 0, 1}}, {{0xffff, 0, 0, 0}, {ret, 0, 0, 1}}})
    CHECK(refusal(Filter::load(program)).find("no valid classic BPF program") == 0);
  const std::vector<Instruction> ancillary{{load_a, 0, 0, 0xfffff000}, {ret, 0, 0, 1}};
  CHECK(refusal(Filter::load(ancillary)).find("instruction 0 of the BPF program asks for Linux's ancillary data") == 0);
  const std::vector<Instruction> ten{{ret, 0, 0, 10}};
  test::TestPool pool;
  const auto filter = Filter::load(ten);
  REQUIRE(filter);
  CHECK(wanted(**filter, pool, test::frame(true, 17, 30)) == 10);
}

TEST_CASE("G5: what libpcap's own interpreter says of random frames, the filter says") {
  test::TestPool pool;
  Rng rng(5);
  for (const char* expression : {"tcp or udp portrange 1-30000", "ip proto 17 and not host 1.2.3.4", "ether[0] & 1 = 0 and len > 60", "vlan or arp or icmp6",
                                 "ip[2:2] - ((ip[0] & 0xf) << 2) > 40", "tcp[13] = 0x12 or ip6[40] < 100"}) {
    const auto filter = Filter::compile(expression);
    REQUIRE(filter);
    pcap_t* pcap = pcap_open_dead(DLT_EN10MB, 262144);
    bpf_program program{};
    REQUIRE(pcap_compile(pcap, &program, expression, 1, PCAP_NETMASK_UNKNOWN) == 0);
    int chosen = 0;
    for (int i = 0; i < 2000; ++i) {
      std::vector<std::uint8_t> frame = test::frame(rng.chance(0.5), rng.chance(0.5) ? 6 : 17, rng.next() % 100);
      for (int n = static_cast<int>(rng.next() % 4); n > 0; --n) frame[rng.next() % 60 % frame.size()] = static_cast<std::uint8_t>(rng.next());
      if (rng.chance(0.1)) frame.resize(14 + rng.next() % (frame.size() - 14));
      const auto length = static_cast<unsigned>(frame.size());
      const std::uint32_t expected = bpf_filter(program.bf_insns, frame.data(), length, length);
      chosen += static_cast<int>(expected != 0);
      REQUIRE((wanted(**filter, pool, frame) != 0) == (expected != 0));
    }
    CHECK((chosen > 0 && chosen < 2000));
    pcap_freecode(&program);
    pcap_close(pcap);
  }
}

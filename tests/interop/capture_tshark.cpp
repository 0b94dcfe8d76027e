// SPDX-License-Identifier: BSD-3-Clause
// What Wireshark makes of a capture: nothing malformed and no bad checksum, except in a frame that is bad on purpose.
// Without tshark the test is skipped (exit 77).
#include <millrace/capture/tap.hpp>
#include <millrace/capture/writer.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/capture/frames.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <unistd.h>

using namespace millrace;
using capture::Direction;

namespace {

std::string output_of(const std::string& command) {
  std::string text;
  std::FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> part{};
  while (std::fgets(part.data(), part.size(), pipe) != nullptr) text += part.data();
  CHECK(::pclose(pipe) == 0);
  return text;
}

std::string tshark(const std::string& path, const std::string& filter) {
  return output_of("tshark -r " + path +
                   " -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE"
                   " -T fields -e frame.number -e frame.len -Y '" +
                   filter + "' 2>/dev/null");
}

constexpr const char* bad =
    "ip.checksum.status == Bad || tcp.checksum.status == Bad || udp.checksum.status == Bad || icmpv6.checksum.status "
    "== Bad || "
    "_ws.malformed";

/// Frames of each kind whose checksums are still to come, and merged ones up to 60 kB.
void record_all(capture::Tap& tap, test::TestPool& pool) {
  for (const bool v4 : {true, false}) {
    for (const std::size_t payload : {0u, 1u, 1400u, 60000u}) {
      pkt::Packet merged = test::packet_of(pool, test::frame(v4, 6, payload));
      merged.meta().gso_segs = 40;
      tap.record(merged, 0, {.time = Instant(1s)});
      pkt::consume(std::move(merged));
      pkt::Packet udp = test::packet_of(pool, test::frame(v4, 17, payload));
      udp.meta().tx_checksum = pkt::ChecksumRequest::udp;
      tap.record(udp, 0, {.time = Instant(2s), .point = TapPoint::out});
      pkt::consume(std::move(udp));
    }
  }
  pkt::Packet echo = test::packet_of(pool, test::frame(false, 58, 56));
  echo.meta().tx_checksum = pkt::ChecksumRequest::icmp6;
  tap.record(echo, 1, {.time = Instant(3s), .point = TapPoint::out});
  pkt::consume(std::move(echo));
}

}  // namespace

TEST_CASE("tshark finds every checksum right, and a wrong one wrong") {
  if (std::system("tshark --version >/dev/null 2>&1") != 0) {
    std::puts("skipped: tshark is not installed (apt install tshark)");
    std::exit(77);
  }
  const std::string path = "tshark_test." + std::to_string(::getpid()) + ".pcapng";
  {
    test::TestPool pool;
    capture::Tap tap(4 << 20);
    record_all(tap, pool);
    pkt::Packet broken = test::packet_of(pool, test::frame(true, 6, 20));
    tap.record(broken, 1, {.time = Instant(4s)});
    pkt::consume(std::move(broken));
    auto writer = capture::Writer::open(path, {.interfaces = {"tap0", "sim0"}, .unix_epoch = 1700000000s});
    REQUIRE(writer);
    const std::array<capture::Tap*, 1> taps{&tap};
    CHECK(capture::drain(taps, **writer) == 18);
  }
  CHECK(tshark(path, bad) == "18\t74\n");
  CHECK(tshark(path, "tcp.checksum.status == Good && frame.comment == \"steered lcore 0 queue 0\" && frame.len > 60000") ==
        "7\t60054\n15\t60074\n");
  CHECK(tshark(path, "frame.interface_name == \"sim0\" && frame.packet_flags_direction == 2") == "17\t118\n");
  CHECK(tshark(path, "frame.time_epoch == 1700000004") == "18\t74\n");
  std::remove(path.c_str());
}

// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/packet_offload.hpp>

#include "tests/support/catch.hpp"

#include <cerrno>

using namespace millrace;
using wire::PacketOffload;
using wire::PacketOffloads;
using Key = PacketOffload::Key;

namespace {

PacketOffload receiver(Key key, std::uint16_t type, std::uint16_t priority, std::uint64_t mark) {
  return {.key = key, .type = type, .priority = priority, .gro_receive = [mark](wire::Pieces) { return wire::GroReceived{.flow = mark}; }};
}

std::uint64_t mark_of(const PacketOffload* offload) { return offload != nullptr ? offload->gro_receive({}).flow : 0; }

}  // namespace

TEST_CASE("E15: of several for a type the one of the lowest priority is asked, of equal ones the earliest") {
  PacketOffloads offloads;
  CHECK(offloads.receiving(Key::ethertype, 0x88b5) == nullptr);
  REQUIRE(offloads.add(receiver(Key::ethertype, 0x88b5, 10, 1)));
  REQUIRE(offloads.add(receiver(Key::ethertype, 0x88b5, 10, 2)));
  CHECK(mark_of(offloads.receiving(Key::ethertype, 0x88b5)) == 1);
  REQUIRE(offloads.add(receiver(Key::ethertype, 0x88b5, 20, 3)));
  CHECK(mark_of(offloads.receiving(Key::ethertype, 0x88b5)) == 1);
  REQUIRE(offloads.add(receiver(Key::ethertype, 0x88b5, 9, 4)));
  CHECK(mark_of(offloads.receiving(Key::ethertype, 0x88b5)) == 4);
}

TEST_CASE("E15: one without the callback is passed over") {
  PacketOffloads offloads;
  REQUIRE(offloads.add({.key = Key::ip_proto, .type = 253, .priority = 1, .gso_segment = [](auto, const auto&) {}}));
  REQUIRE(offloads.add(receiver(Key::ip_proto, 253, 2, 5)));
  CHECK(mark_of(offloads.receiving(Key::ip_proto, 253)) == 5);
  REQUIRE(offloads.segmenting(Key::ip_proto, 253) != nullptr);
  CHECK(offloads.segmenting(Key::ip_proto, 253)->priority == 1);
  CHECK(offloads.receiving(Key::ip_proto, 254) == nullptr);
  CHECK(offloads.segmenting(Key::ethertype, 253) == nullptr);
}

TEST_CASE("E15: what cannot be registered is refused with what would be valid") {
  PacketOffloads offloads;
  const auto refused = [&](const PacketOffload& offload) {
    const Result<void> added = offloads.add(offload);
    REQUIRE_FALSE(added);
    CHECK(added.error().code == EINVAL);
    return added.error().message;
  };
  for (const std::uint16_t own : {0x0800, 0x0806, 0x8100, 0x86dd, 0x88a8})
    CHECK(refused(receiver(Key::ethertype, own, 0, 1)).find("Millrace's own") != std::string::npos);
  for (const std::uint16_t own : {0, 1, 6, 17, 43, 44, 58, 59, 60})
    CHECK(refused(receiver(Key::ip_proto, own, 0, 1)).find("Millrace's own") != std::string::npos);
  CHECK(refused(receiver(Key::ethertype, 0x05ff, 0, 1)).find("1536 (0x0600) or more") != std::string::npos);
  CHECK(refused(receiver(Key::ip_proto, 256, 0, 1)).find("0..255") != std::string::npos);
  CHECK(refused({.key = Key::ip_proto, .type = 253}).find("gro_receive, gso_segment or both") != std::string::npos);
  CHECK(refused({.key = Key::ip_proto, .type = 253, .gro_complete = [](const auto&) {}, .gso_segment = [](auto, const auto&) {}})
            .find("gro_receive, which is missing") != std::string::npos);
}

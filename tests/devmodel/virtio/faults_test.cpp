// SPDX-License-Identifier: BSD-3-Clause
// What can go wrong in virtio's rings, and what comes of it: DPDK's own driver on the model, one row a fault.
#include "tests/devmodel/fault_trial.hpp"
#include "tests/devmodel/soundness.hpp"
#include "tests/devmodel/virtio/net.hpp"
#include "tests/devmodel/virtio/registers.hpp"
#include "tests/support/catch.hpp"

using namespace millrace;
using namespace millrace::devmodel;
using virtio::Net;
using Used = virtio::Queue::Used;

std::vector<std::unique_ptr<Subject>> devmodel::make_subjects() {
  std::vector<std::unique_ptr<Subject>> all;
  all.push_back(make_subject<Net>({.name = "split ring"}, Net::Options{.queue_pairs = 2, .mtu = 9000}));
  all.push_back(make_subject<Net>({.name = "packed ring"}, Net::Options{.queue_pairs = 2, .mtu = 9000, .packed = true}));
  return all;
}

namespace {

constexpr auto for_ever = FaultPlan::for_ever;
constexpr std::string_view no_phase = "a split ring has no phase bits", no_index = "a packed ring has no used index";

/// The header in front of a frame, as it goes into the driver's buffer.
struct Header {
  std::uint8_t flags, gso_type;
  std::uint16_t hdr_len, gso_size, csum_start, csum_offset, num_buffers;
};
static_assert(sizeof(Header) == virtio::net_hdr::bytes);

template <class Change>
Fate used(Change change) {
  return altered<Used>(change);
}
Fate length(std::uint32_t bytes) {
  return used([bytes](Used& u) { u.written = bytes; });
}
template <class Change>
Fate header(Change change) {
  return altered<Header>(change);
}

// What its other buffers begin with is taken for a header: one that asks for a sum beyond the frame makes the driver read on and on
// (virtio_rx_offload(), 22.11).
const Fate one_buffer_of_zeroes{.kind = Fate::Kind::altered, .change = [](std::span<std::uint8_t> packet) {
                                  std::fill(packet.begin() + 100, packet.end(), std::uint8_t{0});
                                  packet[virtio::net_hdr::num_buffers] = 1;
                                }};

/// The third of a kind, and so many from there on.
auto third(Event event, const Fate& fate, std::uint64_t times = 1) {
  return [=](Trial& t) { t.faults().arm({event, fate, 3, times}); };
}
auto all(Event event, const Fate& fate) {
  return [=](Trial& t) { t.faults().arm({event, fate, 1, for_ever}); };
}

}  // namespace

TEST_CASE("fault: an rx completion without length, shorter than its headers, costs its frame") {
  for (const std::uint32_t bytes : {0u, 11u, 12u, 25u}) run({.arm = third(Event::rx_completion, length(bytes)), .rx_lost = 1, .tells = {"rx_errors"}});
}

TEST_CASE("fault: an rx completion of half a frame is a short frame") {
  run({.arm = third(Event::rx_completion, length(80)), .rx_lost = 1, .rx_strange = 1});
}

TEST_CASE("fault: an rx completion longer than its buffer costs its frame, which nobody may read") {
  run({.arm = third(Event::rx_completion, length(9000)), .rx_lost = 1});
}

TEST_CASE("fault: an rx completion of 64 KiB and a little costs its frame, which nobody may read") {
  run({.arm = third(Event::rx_completion, length(0x10000 + 100)), .rx_lost = 1});
}

TEST_CASE("fault: a frame of no buffers is one of one buffer") {
  run({.arm = third(Event::data, header([](Header& h) { h.num_buffers = 0; }))});
}

TEST_CASE("fault: a frame that says two buffers and has one takes the next one with it") {
  run({.arm = third(Event::data, header([](Header& h) { h.num_buffers = 2; })), .rx_lost = 2, .rx_strange = 1});
}

TEST_CASE("fault: a frame that wants more buffers than there are is dropped") {
  run({.arm = [](Trial& t) { t.faults().arm({Event::data, header([](Header& h) { h.num_buffers = 65535; })}); },
       .meanwhile = [](Trial& t) { CHECK(t.in(1).whole == 0); },
       .tells = {"rx_errors"}});
}

TEST_CASE("fault: a frame in three buffers that says one: its rest is no frame of ours") {
  run({.on = "split",
       .why_not = "a packed ring has no chains here (spoils_packed_chains)",
       .options = [](ethdev::Options& o) { o.mtu = 9000; },
       .arm = [](Trial& t) { t.faults().arm({Event::data, one_buffer_of_zeroes}); },
       .meanwhile = [](Trial& t) {
         const Arrived got = t.in(1, 5000);
         CHECK(got.whole == 0);
         CHECK(got.strange == 3);
         CHECK(got.unsound == 0);
       }});
}

TEST_CASE("fault: a received frame that asks for segmentation of a kind that there is not is dropped") {
  run({.arm = third(Event::data, header([](Header& h) { h.gso_type = 0x55, h.gso_size = 100; })), .rx_lost = 1, .tells = {"rx_errors"}});
}

TEST_CASE("fault: a received frame that asks for segments of no size is dropped") {
  run({.arm = third(Event::data, header([](Header& h) { h.gso_type = virtio::net_hdr::gso_tcpv4; })), .rx_lost = 1, .tells = {"rx_errors"}});
}

TEST_CASE("fault: a received frame that says it was merged, where that was not agreed on, is a frame") {
  run({.arm = third(Event::data, header([](Header& h) { h.gso_type = virtio::net_hdr::gso_tcpv4, h.gso_size = 1; }))});
}

TEST_CASE("fault: a received frame whose sum is to be finished is one, its sum unfinished") {
  run({.arm = third(Event::data, header([](Header& h) { h.flags = virtio::net_hdr::needs_csum, h.csum_start = 34, h.csum_offset = 6; }))});
}

TEST_CASE("fault: an rx completion that never comes costs its frame and its buffer") {
  run({.arm = third(Event::rx_completion, lost()), .rx_lost = 1});
}

TEST_CASE("fault: rx completions that come late, and out of order, cost nothing") {
  run({.arm = third(Event::rx_completion, late(5), 7)});
}

TEST_CASE("fault: an rx descriptor that comes back in the wrong phase: nothing is received until a reset") {
  run({.on = "packed",
       .why_not = no_phase,
       .arm = third(Event::rx_completion, used([](Used& u) { u.flags ^= virtio::desc::avail | virtio::desc::used; })),
       .meanwhile = [](Trial& t) { CHECK(t.in(64).whole == 2); },
       .resets = true});
}

TEST_CASE("fault: a used index that does not move is made good by the next") {
  run({.on = "split", .why_not = no_index, .arm = third(Event::rx_completion, used([](Used& u) { --u.index; }))});
}

TEST_CASE("fault: a tx completion that never comes costs its buffer until a reset, and no frame") {
  run({.arm = third(Event::tx_completion, lost())});
}

TEST_CASE("fault: tx completions that come late, and out of order, cost nothing") {
  run({.arm = third(Event::tx_completion, late(5), 7)});
}

TEST_CASE("fault: tx completions with lengths that mean nothing cost nothing") {
  run({.arm = all(Event::tx_completion, length(0xffffffff))});
}

TEST_CASE("fault: a tx descriptor that comes back in the wrong phase: a timeout, and a reset") {
  run({.on = "packed",
       .why_not = no_phase,
       .arm = third(Event::tx_completion, used([](Used& u) { u.flags ^= virtio::desc::avail | virtio::desc::used; })),
       .meanwhile = &Trial::fill_tx_ring,
       .cause = "tx_timeout"});
}

TEST_CASE("fault: a tx used index that stands still: a timeout, and a reset") {
  run({.on = "split",
       .why_not = no_index,
       .arm = [](Trial& t) { t.faults().arm({Event::tx_completion, used([at = std::optional<std::uint16_t>()](Used& u) mutable { u.index = at.value_or(u.index - 1), at = u.index; }), 1, for_ever}); },
       .meanwhile = &Trial::fill_tx_ring,
       .cause = "tx_timeout"});
}

TEST_CASE("fault: a used index that goes back, or ahead: a whole lap of indexes is taken for frames, then all is as before") {
  for (const std::uint16_t by : {std::uint16_t{100}, std::uint16_t{0xfffe}})
    run({.on = "split",
         .why_not = no_index,
         .arm = [by](Trial& t) { t.faults().arm({Event::rx_completion, used([by](Used& u) { u.index = static_cast<std::uint16_t>(u.index + by); })}); },
         .meanwhile = [](Trial& t) {
           const Arrived first = t.in(1), then = t.in(64);
           CHECK(first.strange + then.strange == 65536);
           CHECK(first.unsound + then.unsound == 0);
         }});
}

TEST_CASE("fault: an rx id of another buffer of the ring: both are lost, until a reset") {
  run({.on = "split",
       .why_not = "net_virtio gives the buffer out twice (virtqueue_dequeue_burst_rx_packed() keeps its pointer), and the pool has it twice",
       .arm = third(Event::rx_completion, used([](Used& u) { u.id = (u.id + 1) % 256; })),
       .rx_lost = 1,
       .rx_strange = 1,
       .resets = true});
}

TEST_CASE("fault: a tx id of another buffer of the ring costs its buffer until a reset, and no frame") {
  run({.arm = third(Event::tx_completion, used([](Used& u) { u.id = (u.id + 100) % 256; })), .resets = true});
}

TEST_CASE("fault: a port that is closed frees nothing that it has given out, though its rx ring was asked to be shorter than the device's") {
  run({.options = [](ethdev::Options& o) { o.rx_ring = 64; },
       .arm = [](Trial&) {},
       .meanwhile = [](Trial& t) {
         CHECK(t.in(10).whole == 10);
         t.port.reset();
         CHECK(has_each_once(*t.host.pool));
         t.open();
       }});
}

TEST_CASE("fault: a port that is closed frees nothing that it has given out, though its pool was empty when it received that") {
  run({.arm = [](Trial&) {}, .meanwhile = [](Trial& t) {
         pkt::PacketList kept = t.exhaust();
         pkt::consume(kept);
         t.port.reset();
         CHECK(has_each_once(*t.host.pool));
         t.open();
       }});
}

TEST_CASE("fault: an id beyond the ring") {
  run({.on = "none",
       .why_not = "net_virtio looks behind the end of vq_descx[], and the process may crash (virtio_rxtx.c:148, 184; virtqueue.h:901, 939)",
       .arm = [](Trial&) {}});
}

TEST_CASE("fault: an rx completion of 64 KiB and less than its headers") {
  run({.on = "none", .why_not = "net_virtio takes the low 16 bits, and looks for headers behind the last buffer: the process crashes (virtio_rx_offload(), rte_net_get_ptype())", .arm = [](Trial&) {}});
}

TEST_CASE("fault: a received frame whose sum begins behind its end") {
  run({.on = "none", .why_not = "net_virtio reads 4 GiB on from there, and the process crashes (virtio_rx_offload(), virtio_rxtx.c:943)", .arm = [](Trial&) {}});
}

// SPDX-License-Identifier: BSD-3-Clause
// What can go wrong in a virtio device beside its rings: doorbells, interrupts, registers, link, control queue, memory, reset.
#include "tests/devmodel/fault_trial.hpp"
#include "tests/devmodel/virtio/registers.hpp"
#include "tests/support/catch.hpp"

using namespace millrace;
using namespace millrace::devmodel;
namespace area = virtio::area;
namespace transport = virtio::transport;

namespace {

constexpr auto for_ever = FaultPlan::for_ever;
constexpr std::uint64_t rx_doorbell = area::notify, tx_doorbell = area::notify + area::notify_multiplier;
constexpr std::uint64_t control_queue = 4;  // behind two pairs
constexpr std::uint64_t link_status = area::device + 6;

auto doorbells(std::uint64_t which, const Fate& fate, std::uint64_t times = 1) {
  return [=](Trial& t) { t.faults().arm({Event::register_write, fate, 3, times, which}); };
}

auto reads(std::uint64_t offset, const Fate& fate, std::uint64_t times = for_ever) {
  return [=](Subject& s) { s.slot.faults().arm({Event::register_read, fate, 1, times, offset}); };
}

Fate number(std::uint32_t value) {
  return altered<std::uint32_t>([value](std::uint32_t& v) { v = value; });
}

}  // namespace

TEST_CASE("fault: a doorbell that is not heard is made good by the next") {
  run({.arm = doorbells(tx_doorbell, lost())});
}

TEST_CASE("fault: doorbells that are not heard for a while: the frames leave with the first that is") {
  run({.arm = doorbells(tx_doorbell, lost(), for_ever), .meanwhile = [](Trial& t) {
         CHECK(t.out(64).whole == 2);
         t.faults().clear();
         CHECK(t.out(1).whole == 1);
         CHECK(t.subject.wire.size() == 63);
       }});
}

TEST_CASE("fault: doorbells that are never heard: a timeout, and a reset") {
  run({.arm = doorbells(tx_doorbell, lost(), for_ever), .meanwhile = &Trial::fill_tx_ring, .cause = "tx_timeout"});
}

TEST_CASE("fault: doorbells that are heard late cost nothing") {
  run({.arm = doorbells(tx_doorbell, late(3), 5)});
}

TEST_CASE("fault: rx doorbells that are not heard cost nothing") {
  run({.arm = [](Trial& t) { t.faults().arm({.event = Event::register_write, .times = for_ever, .at = rx_doorbell}); }});
}

TEST_CASE("fault: configuration that changes while it is read is read again") {
  run({.arm = [](Trial& t) {
    t.faults().arm({Event::register_read, altered<std::uint8_t>([n = std::uint8_t{0}](std::uint8_t& v) mutable { v = n++; }), 1, 50, transport::config_generation});
    CHECK(t.port->link().up);
    CHECK(t.faults().log().size() == 50);
  }});
}

TEST_CASE("fault: a link state that reads as all ones is the truth again at the next look") {
  run({.arm = [](Trial& t) {
    t.subject.device->set_link(false);
    t.faults().arm({.event = Event::register_read, .times = 1, .at = link_status});
    static_cast<void>(t.port->link());
    CHECK_FALSE(t.port->link().up);
    t.subject.device->set_link(true);
    CHECK(t.port->link().up);
  }});
}

TEST_CASE("fault: a device that begins anew by itself: a timeout, and a reset") {
  run({.arm = [](Trial& t) { t.subject.device->write(area::bar, transport::device_status, 1, 0); },
       .meanwhile = &Trial::fill_tx_ring,
       .cause = "tx_timeout",
       .forgiven = "a notification before DRIVER_OK"});
}

TEST_CASE("fault: a tx ring that the device cannot reach: a timeout, and a reset") {
  run({.arm = [](Trial& t) { t.faults().arm({.event = Event::dma}); }, .meanwhile = &Trial::fill_tx_ring, .cause = "tx_timeout"});
}

TEST_CASE("fault: an rx ring that the device cannot reach: nothing is received until a reset") {
  run({.arm = [](Trial& t) { t.faults().arm({.event = Event::dma}); }, .meanwhile = [](Trial& t) { CHECK(t.in(64).whole == 0); }, .resets = true});
}

TEST_CASE("fault: a reset that fails leaves a dead port, that the next one brings back") {
  run({.arm = [](Trial& t) { t.faults().arm({Event::register_read, number(0), 1, for_ever, transport::device_feature}); },
       .meanwhile = [](Trial& t) {
         CHECK_FALSE(t.port->reset());
         CHECK_FALSE(t.port->link().up);
         CHECK(t.in(1).whole == 0);
         CHECK(t.out(1).whole == 0);
         CHECK_FALSE(t.watch(10));
         CHECK_FALSE(t.port->reset());
       },
       .resets = true});
}

TEST_CASE("fault: features that read as nothing: no port") { run({.arm = reads(transport::device_feature, number(0)), .says = "none that DPDK may drive"}); }

TEST_CASE("fault: features that read as all ones: no port") {
  run({.arm = reads(transport::device_feature, lost()), .says = "none that DPDK may drive", .forgiven = "virtio: "});
}

TEST_CASE("fault: features that the device does not agree to: no port") {
  run({.arm = reads(transport::device_status, altered<std::uint8_t>([](std::uint8_t& v) { v &= static_cast<std::uint8_t>(~virtio::status::features_ok); })),
       .says = "none that DPDK may drive"});
}

TEST_CASE("fault: a queue of size 0: no port") { run({.arm = reads(transport::queue_size, number(0)), .says = "none that DPDK may drive"}); }

TEST_CASE("fault: a queue of size 3: no port") {
  run({.on = "split", .why_not = "a packed ring may be of any size", .arm = reads(transport::queue_size, number(3)), .says = "none that DPDK may drive"});
}

TEST_CASE("fault: a queue whose size reads as all ones: no port") {
  run({.on = "split", .why_not = "a packed ring may be of any size", .arm = reads(transport::queue_size, lost()), .says = "none that DPDK may drive"});
}

TEST_CASE("fault: a control queue that refuses the queues: no port") {
  run({.arm = [](Subject& s) { s.slot.faults().arm({Event::data, altered<std::uint8_t>([](std::uint8_t& v) { v = virtio::ctrl::error; }), 1, for_ever, control_queue}); },
       .says = "start"});
}

TEST_CASE("fault: a control queue whose answer is empty: no port") {
  run({.arm = [](Subject& s) { s.slot.faults().arm({Event::data, lost(), 1, for_ever, control_queue}); }, .says = "start"});
}

TEST_CASE("fault: a control queue that never answers") {
  run({.on = "none", .why_not = "net_virtio waits for ever (virtio_send_command_split(), virtio_ethdev.c:290; packed: 214)", .arm = [](Trial&) {}});
}

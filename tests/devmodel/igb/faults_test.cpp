// SPDX-License-Identifier: BSD-3-Clause
// What can go wrong in an 82576, and what comes of it: DPDK's own driver on the model, one row a fault.
#include "tests/devmodel/fault_trial.hpp"
#include "tests/devmodel/igb/igb.hpp"
#include "tests/devmodel/igb/statistics.hpp"
#include "tests/support/catch.hpp"

using namespace millrace;
using namespace millrace::devmodel;
using igb::Igb;
namespace reg = igb::reg;
namespace rxd = igb::rxd;

std::vector<std::unique_ptr<Subject>> devmodel::make_subjects() {
  std::vector<std::unique_ptr<Subject>> all;
  all.push_back(make_subject<Igb>({.name = "82576"}));
  return all;
}

namespace {

constexpr auto for_ever = FaultPlan::for_ever;
constexpr std::uint64_t rx_doorbell = 0x2818, tx_doorbell = 0x3818;  // the tails of queue 0, as the driver writes them
constexpr std::uint32_t mdic_ready = 1u << 28, mdic_error = 1u << 30;

/// A receive descriptor as it is written back (datasheet 7.1.5).
struct WriteBack {
  std::uint32_t types, hash, status;
  std::uint16_t length, tag;
};
static_assert(sizeof(WriteBack) == igb::descriptor_bytes);

template <class Change>
Fate written(Change change) {
  return altered<WriteBack>(change);
}
Fate length(std::uint16_t bytes) {
  return written([bytes](WriteBack& d) { d.length = bytes; });
}
template <class Change>
Fate word(Change change) {
  return altered<std::uint32_t>(change);
}

auto third(Event event, const Fate& fate, std::uint64_t times = 1) {
  return [=](Trial& t) { t.faults().arm({event, fate, 3, times}); };
}
auto at(Event event, std::uint64_t offset, const Fate& fate, std::uint64_t times = 1) {
  return [=](Trial& t) { t.faults().arm({event, fate, 3, times, offset}); };
}
auto reads(std::uint64_t offset, const Fate& fate, std::uint64_t times = for_ever) {
  return [=](Subject& s) { s.slot.faults().arm({Event::register_read, fate, 1, times, offset}); };
}

void receives_two_and_misses_the_rest(Trial& t) {
  const std::uint64_t before = t.counter("rx_missed");
  CHECK(t.in(64).whole == 2);
  CHECK(t.in(600).whole == 0);
  CHECK(t.counter("rx_missed") > before);
}

void jumbo(ethdev::Options& o) { o.mtu = 9000; }

}  // namespace

TEST_CASE("fault: an rx descriptor without length is an empty packet") {
  run({.arm = third(Event::rx_completion, length(0)), .rx_lost = 1, .rx_strange = 1});
}

TEST_CASE("fault: an rx descriptor of half a frame is a short frame") {
  run({.arm = third(Event::rx_completion, length(80)), .rx_lost = 1, .rx_strange = 1});
}

TEST_CASE("fault: an rx descriptor longer than its buffer costs its frame, which nobody may read") {
  run({.arm = third(Event::rx_completion, length(9000)), .rx_lost = 1});
}

TEST_CASE("fault: an rx descriptor of all ones costs its frame, which nobody may read") {
  run({.arm = third(Event::rx_completion, written([](WriteBack& d) { std::memset(&d, 0xff, sizeof d); })), .rx_lost = 1});
}

TEST_CASE("fault: an rx descriptor that is not the end of its frame, where frames have one, is a frame") {
  run({.arm = third(Event::rx_completion, written([](WriteBack& d) { d.status &= ~rxd::eop; }))});
}

TEST_CASE("fault: an rx descriptor that is not the end of its frame takes the next one with it") {
  run({.options = jumbo, .arm = third(Event::rx_completion, written([](WriteBack& d) { d.status &= ~rxd::eop; })), .rx_lost = 2, .rx_strange = 1});
}

TEST_CASE("fault: an rx descriptor that is the end of its frame too soon makes two of it") {
  run({.options = jumbo,
       .arm = [](Trial& t) { t.faults().arm({Event::rx_completion, written([](WriteBack& d) { d.status |= rxd::eop; })}); },
       .meanwhile = [](Trial& t) {
         const Arrived got = t.in(1, 5000);
         CHECK(got.whole == 0);
         CHECK(got.strange == 2);
         CHECK(got.unsound == 0);
       }});
}

// igb_reset_rx_queue() forgets the chain that it has begun (igb_rxtx.c:1628, 22.11).
TEST_CASE("fault: a port that is closed in the midst of a frame leaves no buffer behind", "[!shouldfail]") {
  run({.options = jumbo,
       .arm = [](Trial& t) { t.faults().arm({Event::rx_completion, written([](WriteBack& d) { d.status &= ~rxd::eop; })}); },
       .meanwhile = [](Trial& t) {
         CHECK(t.in(1).whole == 0);
         t.port.reset();
         t.open();
       }});
}

TEST_CASE("fault: an rx descriptor with all errors is a frame") {
  run({.arm = third(Event::rx_completion, written([](WriteBack& d) { d.status |= 0xff000000; }))});
}

TEST_CASE("fault: an rx descriptor with all status bits is a frame") {
  run({.arm = third(Event::rx_completion, written([](WriteBack& d) { d.status = 0xffffffff; }))});
}

TEST_CASE("fault: an rx descriptor with types, hash and tag that mean nothing is a frame") {
  run({.arm = third(Event::rx_completion, written([](WriteBack& d) { d.types = 0xfffff0ff, d.hash = 0xdeadbeef, d.tag = 0xffff; }), 8)});
}

TEST_CASE("fault: an rx descriptor that is never written back: frames are missed until a reset") {
  run({.arm = third(Event::rx_completion, lost()), .meanwhile = receives_two_and_misses_the_rest, .cause = "rx_stalled"});
}

TEST_CASE("fault: an rx descriptor without DD: frames are missed until a reset") {
  run({.arm = third(Event::rx_completion, written([](WriteBack& d) { d.status &= ~rxd::dd; })), .meanwhile = receives_two_and_misses_the_rest, .cause = "rx_stalled"});
}

TEST_CASE("fault: rx descriptors that are written back late cost nothing") {
  run({.arm = third(Event::rx_completion, late(5), 7)});
}

TEST_CASE("fault: a tx descriptor that is never written back: a timeout, and a reset") {
  run({.arm = third(Event::tx_completion, lost()), .meanwhile = &Trial::fill_tx_ring, .cause = "tx_timeout"});
}

TEST_CASE("fault: a tx descriptor without DD: a timeout, and a reset") {
  run({.arm = third(Event::tx_completion, word([](std::uint32_t& status) { status = ~igb::txd::dd; })), .meanwhile = &Trial::fill_tx_ring, .cause = "tx_timeout"});
}

TEST_CASE("fault: tx descriptors with all status bits cost nothing") {
  run({.arm = third(Event::tx_completion, word([](std::uint32_t& status) { status = 0xffffffff; }), 300)});
}

TEST_CASE("fault: tx descriptors that are written back late cost nothing") {
  run({.arm = third(Event::tx_completion, late(5), 7)});
}

TEST_CASE("fault: a tx tail that is not heard is made good by the next") {
  run({.arm = at(Event::register_write, tx_doorbell, lost())});
}

TEST_CASE("fault: tx tails that are not heard for a while: the frames leave with the first that is") {
  run({.arm = at(Event::register_write, tx_doorbell, lost(), for_ever), .meanwhile = [](Trial& t) {
         CHECK(t.out(64).whole == 2);
         t.faults().clear();
         CHECK(t.out(1).whole == 1);
         CHECK(t.subject.wire.size() == 63);
       }});
}

TEST_CASE("fault: tx tails that are never heard: a timeout, and a reset") {
  run({.arm = at(Event::register_write, tx_doorbell, lost(), for_ever), .meanwhile = &Trial::fill_tx_ring, .cause = "tx_timeout"});
}

TEST_CASE("fault: a tx tail beyond its ring is not taken, and made good by the next") {
  run({.arm = at(Event::register_write, tx_doorbell, word([](std::uint32_t& tail) { tail = 0xffff; })), .forgiven = "a head or tail of"});
}

TEST_CASE("fault: an rx tail that is not heard is made good by the next") {
  run({.arm = [](Trial& t) { t.faults().arm({.event = Event::register_write, .at = rx_doorbell}); }, .meanwhile = [](Trial& t) {
         for (int i = 0; i < 4; ++i) CHECK(t.in(64).whole == 64);
       }});
}

TEST_CASE("fault: rx tails that are never heard: frames are missed until a reset") {
  run({.arm = [](Trial& t) { t.faults().arm({.event = Event::register_write, .times = for_ever, .at = rx_doorbell}); },
       .meanwhile = [](Trial& t) {
         const std::uint64_t before = t.counter("rx_missed");
         for (int i = 0; i < 10; ++i) static_cast<void>(t.in(64));
         CHECK(t.in(64).whole == 0);
         CHECK(t.counter("rx_missed") > before + 64);
       },
       .cause = "rx_stalled"});
}

TEST_CASE("fault: an rx queue that is left to its interrupt and stalls: frames are missed until a reset") {
  run({.options = [](ethdev::Options& o) { o.interrupts = ethdev::Options::Interrupts::needed; },
       .arm = [](Trial& t) { t.faults().arm({Event::rx_completion, lost(), 1, for_ever}); },
       .meanwhile = [](Trial& t) {
         CHECK(t.in(1000).whole == 0);
         t.port->rx_queue(0).arm();
         for (int second = 0; second < 10 && !t.told; ++second) {
           t.host.env.now += 1s;
           static_cast<void>(t.subject.device->receive(t.frame_to_us().bytes()));
           t.told = t.port->check(t.host.env.now);
         }
         REQUIRE(t.told);
         CHECK(t.told->cause == "rx_stalled");
       },
       .resets = true});
}

TEST_CASE("fault: a PHY that does not answer is a link that is not known to be up, until it does") {
  run({.arm = [](Trial& t) {
    t.faults().arm({Event::register_read, word([](std::uint32_t& v) { v &= ~mdic_ready; }), 1, for_ever, reg::mdic});
    CHECK_FALSE(t.port->link().up);
    t.faults().clear();
    CHECK(t.port->link().up);
  }});
}

TEST_CASE("fault: a PHY that answers with an error is a link that is not known to be up, until it does not") {
  run({.arm = [](Trial& t) {
    t.faults().arm({Event::register_read, word([](std::uint32_t& v) { v |= mdic_error; }), 1, for_ever, reg::mdic});
    CHECK_FALSE(t.port->link().up);
    t.faults().clear();
    CHECK(t.port->link().up);
  }});
}

TEST_CASE("fault: a counter that reads as all ones is so much more, and nothing else comes of it") {
  run({.arm = [](Trial& t) { t.faults().arm({.event = Event::register_read, .at = igb::stat::mpc}); }, .tells = {"rx_missed", 0xffffffff}});
}

TEST_CASE("fault: a device that begins anew by itself: a timeout, and a reset") {
  run({.arm = [](Trial& t) { t.subject.device->write(0, reg::ctrl, 4, igb::ctrl::rst); }, .meanwhile = &Trial::fill_tx_ring, .cause = "tx_timeout", .forgiven = "a head or tail of"});
}

TEST_CASE("fault: a tx descriptor that the device cannot reach is reached with the next doorbell") {
  run({.arm = [](Trial& t) { t.faults().arm({.event = Event::dma}); }, .meanwhile = [](Trial& t) {
         CHECK(t.out(1).whole == 0);
         CHECK(t.out(1).whole == 1);
         CHECK(t.subject.wire.size() == 2);
       }});
}

TEST_CASE("fault: a tx ring that the device cannot reach: a timeout, and a reset") {
  run({.arm = [](Trial& t) { t.faults().arm({.event = Event::dma, .times = for_ever}); }, .meanwhile = &Trial::fill_tx_ring, .cause = "tx_timeout"});
}

TEST_CASE("fault: an rx ring that the device cannot reach: nothing is received until a reset") {
  run({.arm = [](Trial& t) { t.faults().arm({.event = Event::dma, .times = for_ever}); }, .meanwhile = [](Trial& t) { CHECK(t.in(1000).whole == 0); }, .cause = "rx_stalled"});
}

TEST_CASE("fault: a device that stays a bus master when told not to is reset nevertheless") {
  run({.arm = [](Trial& t) {
    t.faults().arm({Event::register_read, word([](std::uint32_t& v) { v |= igb::status::gio_master_enable; }), 1, for_ever, reg::status});
    REQUIRE(t.port->reset());
  }});
}

TEST_CASE("fault: a semaphore that is held for a thousand looks delays a reset") {
  run({.arm = [](Trial& t) {
         t.faults().arm({Event::register_read, word([](std::uint32_t& v) { v |= igb::swsm::smbi; }), 1, 1000, reg::swsm});
         REQUIRE(t.port->reset());
         CHECK(t.faults().log().size() == 1000);
       }});
}

TEST_CASE("fault: a reset that fails leaves a dead port, that the next one brings back") {
  run({.arm = [](Trial& t) { t.faults().arm({Event::register_read, word([](std::uint32_t& v) { v ^= 0x10000; }), 1, for_ever, reg::eerd}); },
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

TEST_CASE("fault: an EEPROM with a wrong checksum: no port") { run({.arm = reads(reg::eerd, word([](std::uint32_t& v) { v ^= 0x10000; })), .says = "none that DPDK may drive"}); }

TEST_CASE("fault: an EEPROM that reads as all ones: no port") { run({.arm = reads(reg::eerd, lost()), .says = "none that DPDK may drive"}); }

TEST_CASE("fault: a PHY that does not answer at first: no port") {
  run({.arm = reads(reg::mdic, word([](std::uint32_t& v) { v &= ~mdic_ready; })), .says = "none that DPDK may drive"});
}

TEST_CASE("fault: a PHY that answers with errors: no port") {
  run({.arm = reads(reg::mdic, word([](std::uint32_t& v) { v |= mdic_error; })), .says = "none that DPDK may drive"});
}

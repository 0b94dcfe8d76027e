// SPDX-License-Identifier: BSD-3-Clause
// The transmit path (82576EB datasheet 7.2). Called by the device for the transmit queues' registers and when the link is back; calls
// the offloads and sends to the wire.
#include "tests/devmodel/igb/transmitter.hpp"

#include "tests/devmodel/igb/headers.hpp"

#include <algorithm>

namespace millrace::devmodel::igb {
namespace {

constexpr std::uint32_t queues_begin = 0xe000, queues_alias = 0x3800;
constexpr std::size_t least_packet = 17, least_padded = 60;

}  // namespace

void Transmitter::reset() { queues_ = {}; }

std::optional<std::uint32_t> Transmitter::read(std::uint32_t offset) const {
  const auto at = queue_register(offset, queues_begin, queues_alias);
  return at ? queues_[at->queue].ring.read(at->which) : std::nullopt;
}

bool Transmitter::write(std::uint32_t offset, std::uint32_t value) {
  const auto at = queue_register(offset, queues_begin, queues_alias);
  if (!at || !queues_[at->queue].ring.write(at->which, value, core_.machine)) return false;
  if (at->which == queue_reg::tail || at->which == queue_reg::dctl) run(at->queue);
  return true;
}

void Transmitter::resume() {
  for (unsigned i = 0; i < queues; ++i) run(i);
}

bool Transmitter::may_run(const Queue& queue) const {
  return queue.ring.is_enabled() && (core_.registers[reg::tctl] & tctl::en) != 0 && core_.has_link() && core_.is_bus_master();
}

void Transmitter::run(unsigned index) {
  Queue& queue = queues_[index];
  while (may_run(queue) && queue.ring.available() != 0)
    if (!take_descriptor(queue, index)) return;
}

/// False: the queue cannot go on.
bool Transmitter::take_descriptor(Queue& queue, unsigned index) {
  const std::span<std::uint8_t> descriptor = core_.machine.dma(queue.ring.head_address(), descriptor_bytes);
  if (descriptor.empty()) return false;
  const std::uint32_t command = le32(descriptor, 8);
  const std::uint32_t type = command & txd::dtyp;
  if ((command & txd::dext) == 0 || (type != txd::dtyp_context && type != txd::dtyp_data)) {
    core_.machine.violation("igb: a transmit descriptor of a type that is not modelled, word " + std::to_string(command));
    return false;
  }
  queue.ring.advance();
  if (type == txd::dtyp_context)
    queue.contexts[le32(descriptor, 12) >> txd::idx_shift & 1] = TxContext::from(descriptor);
  else
    take_data(queue, index, descriptor);
  return true;
}

void Transmitter::take_data(Queue& queue, unsigned index, std::span<std::uint8_t> descriptor) {
  const std::uint32_t command = le32(descriptor, 8);
  gather(queue, descriptor);
  if ((command & txd::eop) != 0) send_packet(queue);
  if ((command & txd::rs) != 0) write_back(index, descriptor);
}

void Transmitter::gather(Queue& queue, Bytes descriptor) {
  const std::uint32_t command = le32(descriptor, 8);
  if (!queue.in_packet) {
    queue.in_packet = true;
    queue.gathered.clear();
    queue.options = TxOptions::from(command, le32(descriptor, 12));
    if ((command & txd::ifcs) == 0) core_.machine.violation("igb: a packet that brings its own FCS, which is not modelled");
  }
  const std::size_t length = command & 0xffff;
  if (length == 0) return;
  const Bytes data = core_.machine.dma(le64(descriptor, 0), length);
  queue.gathered.insert(queue.gathered.end(), data.begin(), data.end());
}

// PAYLEN is what the descriptors hold, without the headers that TSO replicates.
void Transmitter::send_packet(Queue& queue) {
  queue.in_packet = false;
  const TxOptions& options = queue.options;
  const TxContext& context = queue.contexts[options.context];
  const std::size_t bytes = queue.gathered.size();
  if (!fits(queue.gathered, context, options)) return core_.machine.violation("igb: a packet of " + std::to_string(bytes) + " bytes does not have the headers of its context");
  if (options.payload_bytes + (options.segments ? context.header_bytes() : 0) != bytes)
    return core_.machine.violation("igb: PAYLEN " + std::to_string(options.payload_bytes) + " for a packet of " + std::to_string(bytes) + " bytes");
  if (bytes < least_packet) return core_.machine.violation("igb: a packet of " + std::to_string(bytes) + " bytes is too short to be sent");
  if (!options.segments) return send_frame(std::move(queue.gathered), options, context);
  core_.statistics.count(stat::tsctc);
  for (Frame& frame : segment(queue.gathered, context)) send_frame(std::move(frame), options, context);
}

void Transmitter::send_frame(Frame frame, const TxOptions& options, const TxContext& context) {
  if (options.inserts_ip_checksum) insert_ip_checksum(frame, context);
  if (options.inserts_transport_checksum) insert_transport_checksum(frame, context);
  if (options.inserts_tag) insert_tag(frame, static_cast<std::uint16_t>(core_.registers[reg::vet]), context.tag);
  if ((core_.registers[reg::tctl] & tctl::psp) != 0 && frame.size() < least_padded) frame.resize(least_padded);
  if (frame.size() + fcs_bytes > jumbo_bytes) return core_.machine.violation("igb: a frame of " + std::to_string(frame.size()) + " bytes is too long to be sent");
  count_sent(frame);
  send_(std::move(frame));
}

void Transmitter::count_sent(Bytes frame) {
  Statistics& statistics = core_.statistics;
  const std::size_t octets = frame.size() + fcs_bytes;
  ++core_.counts.tx_frames;
  core_.counts.tx_bytes += frame.size();
  for (const std::uint32_t packets : {stat::gptc, stat::tpt, stat::hgptc}) statistics.count(packets);
  for (const std::uint32_t bytes : {stat::gotc, stat::tot, stat::hgotc}) statistics.count_octets(bytes, octets);
  statistics.count_size(stat::ptc64, octets);
  if (is_broadcast(frame))
    statistics.count(stat::bptc);
  else if (is_group(frame))
    statistics.count(stat::mptc);
}

/// The one place where a transmit descriptor becomes software's again.
void Transmitter::write_back(unsigned index, std::span<std::uint8_t> descriptor) {
  std::array<std::uint8_t, 4> status{};
  put_le32(status, 0, txd::dd);
  const auto late = [descriptor, status] { std::copy(status.begin(), status.end(), descriptor.begin() + 12); };
  if (!core_.machine.faults().allows(Event::tx_completion, index, status, late)) return;
  std::copy(status.begin(), status.end(), descriptor.begin() + 12);
  core_.interrupts.raise_transmit(index);
}

}  // namespace millrace::devmodel::igb

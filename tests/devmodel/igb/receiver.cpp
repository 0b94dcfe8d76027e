// SPDX-License-Identifier: BSD-3-Clause
// The receive path (82576EB datasheet 7.1). Called by the device for each frame that arrives and for the receive queues' registers;
// calls filters, parser and RSS.
#include "tests/devmodel/igb/receiver.hpp"

#include "tests/devmodel/igb/filters.hpp"
#include "tests/devmodel/igb/rss.hpp"
#include "tests/devmodel/sums.hpp"

#include <algorithm>
#include <utility>

namespace millrace::devmodel::igb {
namespace {

constexpr std::uint32_t queues_begin = 0xc000, queues_alias = 0x2800;
constexpr std::size_t least_frame = 60;
using protocol::tcp, protocol::udp;

// A sender pads (802.3 3.2.7): what models and tests put on the wire may leave that to the wire.
Frame padded(Bytes frame) {
  Frame whole(frame.begin(), frame.end());
  if (whole.size() < least_frame) whole.resize(least_frame);
  return whole;
}

}  // namespace

void Receiver::reset() {
  queues_ = {};
  fifo_.clear();
  fifo_bytes_ = 0;
}

std::optional<std::uint32_t> Receiver::read(std::uint32_t offset) {
  const auto at = queue_register(offset, queues_begin, queues_alias);
  if (!at) return std::nullopt;
  Queue& queue = queues_[at->queue];
  if (at->which == queue_reg::srrctl) return queue.srrctl;
  if (at->which == queue_reg::rqdpc) return std::exchange(queue.dropped, 0);
  return queue.ring.read(at->which);
}

bool Receiver::write(std::uint32_t offset, std::uint32_t value) {
  const auto at = queue_register(offset, queues_begin, queues_alias);
  if (!at) return false;
  Queue& queue = queues_[at->queue];
  if (at->which == queue_reg::srrctl) {
    if ((value & srrctl::desctype) != srrctl::advanced_one_buffer) core_.machine.violation("igb: a receive descriptor type that is not modelled, SRRCTL " + std::to_string(value));
    queue.srrctl = value;
    return true;
  }
  if (!queue.ring.write(at->which, value, core_.machine)) return false;
  if (at->which == queue_reg::tail) drain();
  return true;
}

Receiver::Waiting Receiver::classify(Frame frame) const {
  const bool parses_extensions = (core_.registers[reg::rfctl] & rfctl::ipv6_ex_dis) == 0;
  Waiting w;
  w.headers = parse(frame, static_cast<std::uint16_t>(core_.registers[reg::vet]), parses_extensions);
  const std::uint32_t mode = core_.registers[reg::mrqc];
  if ((mode & mrqc::enable) == mrqc::rss) {
    const RssResult result = rss(frame, w.headers, core_.registers);
    w.queue = result.queue;
    w.rss_type = result.type;
    w.rss_hash = result.hash;
  } else {
    w.queue = mode >> mrqc::def_q_shift & 7;
  }
  w.frame = std::move(frame);
  return w;
}

bool Receiver::receive(Bytes frame) {
  if ((core_.registers[reg::rctl] & rctl::en) == 0 || !core_.has_link()) return false;
  Waiting arrived = classify(padded(frame));
  const Bytes bytes = arrived.frame;
  Statistics& statistics = core_.statistics;
  statistics.count(stat::tpr);
  statistics.count_octets(stat::tor, bytes.size() + fcs_bytes);
  if (!passes_filters(bytes, arrived.headers, core_.registers)) {
    ++core_.counts.rx_filtered;
    return false;
  }
  if (is_oversized(bytes, arrived.headers, core_.registers)) {
    statistics.count(stat::roc);
    return false;
  }
  if (must_wait(arrived) && fifo_bytes_ + bytes.size() > core_.registers[reg::rxpbs] * std::size_t{1024}) {
    statistics.count(stat::mpc);
    ++core_.counts.rx_no_buffer;
    core_.interrupts.raise(cause::rx_miss);
    return false;
  }
  count_good(arrived);
  if (!has_descriptors(arrived)) statistics.count(stat::rnbc);
  fifo_bytes_ += bytes.size();
  fifo_.push_back(std::move(arrived));
  return drain();
}

void Receiver::count_good(const Waiting& arrived) {
  Statistics& statistics = core_.statistics;
  const std::size_t octets = arrived.frame.size() + fcs_bytes;
  ++core_.counts.rx_frames;
  core_.counts.rx_bytes += arrived.frame.size();
  statistics.count(stat::gprc);
  statistics.count_octets(stat::gorc, octets);
  statistics.count_size(stat::prc64, octets);
  if (is_broadcast(arrived.frame))
    statistics.count(stat::bprc);
  else if (is_group(arrived.frame))
    statistics.count(stat::mprc);
}

std::size_t Receiver::buffer_bytes(const Queue& queue) const {
  constexpr std::size_t of_rctl[] = {2048, 1024, 512, 256};
  const std::size_t kib = queue.srrctl & srrctl::bsize_kib;
  return kib != 0 ? kib * 1024 : of_rctl[core_.registers[reg::rctl] >> rctl::bsize_shift & 3];
}

std::size_t Receiver::descriptors_for(const Waiting& waiting) const {
  const bool strips_fcs = (core_.registers[reg::rctl] & rctl::secrc) != 0;
  const std::size_t stored = waiting.frame.size() - (strips_tag(waiting) ? 4 : 0) + (strips_fcs ? 0 : fcs_bytes);
  const std::size_t room = buffer_bytes(queues_[waiting.queue]);
  return (stored + room - 1) / room;
}

bool Receiver::has_descriptors(const Waiting& waiting) const {
  const Ring& ring = queues_[waiting.queue].ring;
  return ring.is_enabled() && ring.available() >= descriptors_for(waiting);
}

bool Receiver::must_wait(const Waiting& arrived) const {
  return !fifo_.empty() || !core_.is_bus_master() || (!has_descriptors(arrived) && !may_drop(queues_[arrived.queue]));
}

bool Receiver::may_drop(const Queue& queue) { return !queue.ring.is_enabled() || (queue.srrctl & srrctl::drop_en) != 0; }

void Receiver::drop(Queue& queue, const Waiting& waiting) {
  ++queue.dropped;
  ++core_.counts.rx_no_buffer;
  --core_.counts.rx_frames;
  core_.counts.rx_bytes -= waiting.frame.size();
}

bool Receiver::drain() {
  bool kept_all = true;
  while (!fifo_.empty() && core_.is_bus_master()) {
    const Waiting& first = fifo_.front();
    Queue& queue = queues_[first.queue];
    if (has_descriptors(first)) {
      deliver(first);
    } else if (may_drop(queue)) {
      drop(queue, first);
      kept_all = false;
    } else {
      break;
    }
    fifo_bytes_ -= first.frame.size();
    fifo_.pop_front();
  }
  return kept_all;
}

bool Receiver::strips_tag(const Waiting& waiting) const { return waiting.headers.tag && (core_.registers[reg::ctrl] & ctrl::vme) != 0; }

Frame Receiver::stored_form(const Waiting& waiting) const {
  Frame stored = waiting.frame;
  if (strips_tag(waiting)) stored.erase(stored.begin() + 12, stored.begin() + 16);
  if ((core_.registers[reg::rctl] & rctl::secrc) == 0) {
    const std::uint32_t fcs = crc32(waiting.frame);
    stored.resize(stored.size() + fcs_bytes);
    put_le32(stored, stored.size() - fcs_bytes, fcs);
  }
  return stored;
}

// A sum is computed where there is one to check: not of fragments, and not where UDP has none.
std::uint32_t Receiver::checksum_status(const Waiting& waiting) const {
  const Headers& h = waiting.headers;
  const Bytes frame = waiting.frame;
  const std::uint32_t control = core_.registers[reg::rxcsum];
  std::uint32_t status = 0;
  if (h.network == Headers::Network::ipv4 && (control & rxcsum::ipofl) != 0) {
    const std::size_t header = (frame[h.network_at] & 0xfu) * 4;
    status |= rxd::ipcs;
    if (ones_sum(frame.subspan(h.network_at, header)) != 0xffff) status |= rxd::ipe;
  }
  if ((h.transport != tcp && h.transport != udp) || (control & rxcsum::tuofl) == 0) return status;
  if (h.transport == udp && be16(frame, h.transport_at + 6) == 0) return status;
  status |= h.transport == udp ? rxd::l4cs | rxd::udpcs : rxd::l4cs;
  if (ones_sum(frame.subspan(h.transport_at, h.end - h.transport_at), pseudo_header_sum(frame, h)) != 0xffff) status |= rxd::l4e;
  return status;
}

void Receiver::deliver(const Waiting& waiting) {
  Queue& queue = queues_[waiting.queue];
  Frame stored = stored_form(waiting);
  const bool is_written = core_.machine.faults().allows(Event::data, waiting.queue, stored);
  Bytes rest = stored;
  while (!rest.empty()) {
    Done done{.status = rxd::dd, .length = store(queue, rest, is_written)};
    rest = rest.subspan(done.length);
    if (rest.empty()) {  // what is said of the frame as a whole is said in its last descriptor
      const bool gives_hash = (core_.registers[reg::rxcsum] & rxcsum::pcsd) != 0;
      done.types = waiting.headers.packet_type() | waiting.rss_type;
      done.hash = gives_hash ? waiting.rss_hash : 0;
      done.status |= rxd::eop | checksum_status(waiting) | (strips_tag(waiting) ? rxd::vp : 0);
      done.tag = strips_tag(waiting) ? *waiting.headers.tag : 0;
    }
    write_back(queue, done);
  }
  core_.statistics.count(stat::rpthc);
  core_.statistics.count_octets(stat::hgorc, waiting.frame.size() + fcs_bytes);
  core_.interrupts.raise_receive(waiting.queue);
}

/// As much as the buffer of the descriptor at the head takes; `is_written`: and it does get there.
std::size_t Receiver::store(Queue& queue, Bytes bytes, bool is_written) {
  const std::size_t length = std::min(bytes.size(), buffer_bytes(queue));
  const std::span<std::uint8_t> descriptor = core_.machine.dma(queue.ring.head_address(), descriptor_bytes);
  if (descriptor.empty()) return length;
  const std::span<std::uint8_t> buffer = core_.machine.dma(le64(descriptor, 0), length);
  if (is_written && !buffer.empty()) std::copy_n(bytes.begin(), length, buffer.begin());
  return length;
}

/// The one place where a receive descriptor becomes software's again.
void Receiver::write_back(Queue& queue, const Done& done) {
  const std::span<std::uint8_t> descriptor = core_.machine.dma(queue.ring.head_address(), descriptor_bytes);
  queue.ring.advance();
  if (descriptor.empty()) return;
  std::array<std::uint8_t, descriptor_bytes> written{};
  put_le32(written, 0, done.types);
  put_le32(written, 4, done.hash);
  put_le32(written, 8, done.status);
  put_le32(written, 12, static_cast<std::uint32_t>(done.length) | std::uint32_t{done.tag} << 16);
  const auto late = [descriptor, written] { std::copy(written.begin(), written.end(), descriptor.begin()); };
  const auto index = static_cast<std::uint64_t>(&queue - queues_.data());
  if (core_.machine.faults().allows(Event::rx_completion, index, written, late)) std::copy(written.begin(), written.end(), descriptor.begin());
}

}  // namespace millrace::devmodel::igb

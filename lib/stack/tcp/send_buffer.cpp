// SPDX-License-Identifier: BSD-3-Clause
// The unacknowledged bytes. Called by Connection::write, output (slice) and process_ack (release). RFC 9293 3.8.
#include <millrace/stack/tcp/send_buffer.hpp>

#include <millrace/pkt/pool.hpp>

#include <algorithm>
#include <cstring>

namespace millrace::tcp {
namespace {
Seq first_of(const pkt::Packet& packet) { return Seq(packet.meta().cb[0]); }
}  // namespace

std::size_t SendBuffer::append(Env& env, std::span<const std::uint8_t> bytes, std::uint32_t packet_bytes,
                               std::uint32_t limit, Seq sent) {
  std::size_t taken = 0;
  std::uint32_t spare = env.pool->spare();
  while (taken < bytes.size()) {
    pkt::Packet* last = count_ > 0 ? &at(count_ - 1) : nullptr;
    if (last == nullptr || last->length() >= packet_bytes || last->tailroom() == 0 || sent == end_) {
      if (memory() >= limit) break;
      if (spare == 0 && count_ > 0) break;  // one packet for each connection, whatever the others hold
      spare -= spare > 0 ? 1 : 0;
      pkt::Packet fresh = make_packet(env);
      if (!fresh) break;
      fresh.meta().cb[0] = end_.value();
      push(std::move(fresh));
      last = &at(count_ - 1);
      sent = end_ - 1;  // this one may be filled
    }
    const std::size_t room = std::min<std::size_t>(last->tailroom(), packet_bytes - last->length());
    const std::size_t n = std::min(room, bytes.size() - taken);
    std::memcpy(last->append(static_cast<std::uint16_t>(n)), bytes.data() + taken, n);
    end_ += static_cast<std::uint32_t>(n);
    taken += n;
  }
  return taken;
}

std::uint32_t SendBuffer::index_of(Seq seq) const {
  // The last packet that begins at or before seq.
  const Seq first = first_of(at(0));
  std::uint32_t low = 0;
  std::uint32_t high = count_;
  while (high - low > 1) {
    const std::uint32_t middle = (low + high) / 2;
    (first_of(at(middle)) - first <= seq - first ? low : high) = middle;
  }
  return low;
}

pkt::Packet SendBuffer::slice(Env& env, Seq from, std::uint32_t length) const {
  MR_ASSERT(length > 0 && count_ > 0 && first_of(at(0)).at_or_before(from) && (from + length).at_or_before(end_));
  pkt::Packet whole;
  for (std::uint32_t i = index_of(from); length > 0; ++i) {
    const pkt::Packet& source = at(i);
    const std::uint32_t offset = from - first_of(source);
    const std::uint32_t n = std::min(length, source.length() - offset);
    pkt::Packet part = make_reference(env, source, offset, n);
    if (!part) {
      if (whole) consume(env, std::move(whole), stats::Ledger::used);
      return {};
    }
    if (whole) {
      join(env, whole, std::move(part));
    } else {
      whole = std::move(part);
    }
    from += n;
    length -= n;
  }
  return whole;
}

void SendBuffer::release_before(Env& env, Seq acked) {
  while (count_ > 0 && (first_of(at(0)) + at(0).length()).at_or_before(acked)) {
    consume(env, std::move(at(0)), stats::Ledger::used);
    ++head_;
    --count_;
  }
  if (count_ == 0 && slots_.size() > 64) {
    slots_ = std::vector<pkt::Packet>();  // a connection that has gone quiet keeps no big table
    head_ = 0;
  }
}

void SendBuffer::clear(Env& env, stats::DropReason reason) {
  for (; count_ > 0; --count_) drop(env, std::move(at(count_ - 1)), reason);
  slots_ = std::vector<pkt::Packet>();
  head_ = 0;
}

void SendBuffer::push(pkt::Packet packet) {
  if (count_ == slots_.size()) grow();
  packet_memory_ = static_cast<std::uint32_t>(sizeof(pkt::Mbuf) + packet.mbuf().buf_len);
  at(count_++) = std::move(packet);
}

void SendBuffer::grow() {
  std::vector<pkt::Packet> larger(std::max<std::size_t>(8, slots_.size() * 2));
  for (std::uint32_t i = 0; i < count_; ++i) larger[i] = std::move(at(i));
  slots_ = std::move(larger);
  head_ = 0;
}

}  // namespace millrace::tcp

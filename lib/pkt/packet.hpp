// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/assert.hpp>
#include <millrace/pkt/mbuf.hpp>

#include <span>
#include <utility>

namespace millrace::pkt {

class Home;

/// The one owner of a packet: a chain of one or more buffers from a Pool. Move-only, one pointer wide. It ends by
/// consume() (delivered, sent) or env's drop() (with a reason); a Packet destroyed alive is a bug, which
/// freed_without_reason() counts. Not to be shared between threads; it may be handed over through a ring.
class Packet {
 public:
  Packet() = default;
  Packet(Packet&& other) noexcept : mbuf_(std::exchange(other.mbuf_, nullptr)) {}
  Packet& operator=(Packet&& other) noexcept {
    if (this != &other) {
      if (mbuf_ != nullptr) free_without_reason(mbuf_);
      mbuf_ = std::exchange(other.mbuf_, nullptr);
    }
    return *this;
  }
  Packet(const Packet&) = delete;
  Packet& operator=(const Packet&) = delete;
  ~Packet() {
    if (mbuf_ != nullptr) free_without_reason(mbuf_);
  }

  /// Takes over a buffer chain; for drivers, rings and pkt/ itself.
  [[nodiscard]] static Packet adopt(Mbuf* mbuf) {
    Packet p;
    p.mbuf_ = mbuf;
    return p;
  }
  /// Gives the chain away; the caller now owns it.
  [[nodiscard]] Mbuf* release() { return std::exchange(mbuf_, nullptr); }

  explicit operator bool() const { return mbuf_ != nullptr; }

  [[nodiscard]] Meta& meta() { return mbuf_->meta; }
  [[nodiscard]] const Meta& meta() const { return mbuf_->meta; }
  [[nodiscard]] Mbuf& mbuf() { return *mbuf_; }
  [[nodiscard]] const Mbuf& mbuf() const { return *mbuf_; }

  /// Bytes of the whole chain.
  [[nodiscard]] std::uint32_t length() const { return mbuf_->pkt_len; }
  [[nodiscard]] std::uint16_t segments() const { return mbuf_->nb_segs; }
  /// Bytes of the first buffer: headers are always found here (drivers see to it).
  [[nodiscard]] std::span<std::uint8_t> data() { return {mbuf_->data(), mbuf_->data_len}; }
  [[nodiscard]] std::span<const std::uint8_t> data() const { return {mbuf_->data(), mbuf_->data_len}; }
  /// Whether others may read the first buffer's bytes, so that they are not to be written.
  [[nodiscard]] bool is_shared() const;
  [[nodiscard]] std::uint16_t headroom() const { return mbuf_->data_off; }
  /// Room behind the first buffer's data (of a single-buffer packet).
  [[nodiscard]] std::uint16_t tailroom() const {
    return static_cast<std::uint16_t>(mbuf_->buf_len - mbuf_->data_off - mbuf_->data_len);
  }

  /// Opens n bytes in front; n <= headroom().
  std::uint8_t* prepend(std::uint16_t n) {
    MR_ASSERT(n <= mbuf_->data_off);
    mbuf_->data_off = static_cast<std::uint16_t>(mbuf_->data_off - n);
    mbuf_->data_len = static_cast<std::uint16_t>(mbuf_->data_len + n);
    mbuf_->pkt_len += n;
    return mbuf_->data();
  }
  /// Opens n bytes at the end of a single-buffer packet; n <= tailroom().
  std::uint8_t* append(std::uint16_t n) {
    MR_ASSERT(mbuf_->nb_segs == 1 && n <= tailroom());
    std::uint8_t* end = mbuf_->data() + mbuf_->data_len;
    mbuf_->data_len = static_cast<std::uint16_t>(mbuf_->data_len + n);
    mbuf_->pkt_len += n;
    return end;
  }
  /// Cuts n bytes off the front; n <= length(). Buffers that become empty are freed, all but the last: by way of `home`
  /// if there is one.
  void trim_front(std::uint32_t n, Home* home = nullptr) {
    if (n >= mbuf_->data_len) return trim_buffers(n, home);
    mbuf_->data_off = static_cast<std::uint16_t>(mbuf_->data_off + n);
    mbuf_->data_len = static_cast<std::uint16_t>(mbuf_->data_len - n);
    mbuf_->pkt_len -= n;
  }
  /// Cuts the packet to its first n bytes; n <= length().
  void truncate(std::uint32_t n) {
    if (n != mbuf_->pkt_len) cut_off(n);
  }
  /// Appends the buffers of `tail` without copying.
  void chain(Packet tail);
  /// The same for a caller that remembers the last buffer of this packet: O(1), without a walk along the chain.
  void chain(Packet tail, Mbuf*& last) {
    Mbuf* t = tail.release();
    last->next = t;
    mbuf_->nb_segs = static_cast<std::uint16_t>(mbuf_->nb_segs + t->nb_segs);
    mbuf_->pkt_len += t->pkt_len;
    last = t;
    for (std::uint16_t more = t->nb_segs; more > 1; --more) last = last->next;
  }

  /// Calls f(std::span<const std::uint8_t>) for each buffer in order.
  template <class F>
  void for_each_segment(F&& f) const {
    for (Mbuf* m = mbuf_; m != nullptr; m = m->next) f(std::span<const std::uint8_t>(m->data(), m->data_len));
  }
  /// Copies up to into.size() bytes from `offset`; returns how many.
  std::size_t copy_out(std::uint32_t offset, std::span<std::uint8_t> into) const;

 private:
  static void free_without_reason(Mbuf* mbuf);
  void trim_buffers(std::uint32_t n, Home* home);
  void cut_off(std::uint32_t n);
  Mbuf* mbuf_ = nullptr;
};
static_assert(sizeof(Packet) == 8);

/// Ends a packet that was delivered, sent or used up: no drop.
void consume(Packet packet);

/// Packets destroyed alive in this process since it began; 0 in a correct program.
[[nodiscard]] std::uint64_t freed_without_reason();

/// A queue of packets, linked through their Meta; owns them. It must be empty when destroyed, as a Packet must.
class PacketList {
 public:
  PacketList() = default;
  PacketList(PacketList&& other) noexcept
      : head_(std::exchange(other.head_, nullptr)), tail_(std::exchange(other.tail_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  PacketList& operator=(PacketList&&) = delete;
  ~PacketList() {
    while (!empty()) Packet lost = pop_front();
  }

  [[nodiscard]] bool empty() const { return head_ == nullptr; }
  [[nodiscard]] std::uint32_t size() const { return size_; }
  [[nodiscard]] Mbuf* front() const { return head_; }

  void push_back(Packet packet) {
    Mbuf* m = packet.release();
    m->meta.list_next = nullptr;
    (tail_ != nullptr ? tail_->meta.list_next : head_) = m;
    tail_ = m;
    ++size_;
  }
  void push_front(Packet packet) {
    Mbuf* m = packet.release();
    m->meta.list_next = head_;
    head_ = m;
    if (tail_ == nullptr) tail_ = m;
    ++size_;
  }
  [[nodiscard]] Packet pop_front() {
    if (head_ == nullptr) return {};
    Mbuf* m = head_;
    head_ = m->meta.list_next;
    if (head_ == nullptr) tail_ = nullptr;
    --size_;
    return Packet::adopt(m);
  }
  /// Takes the first n off, of which `last` is the last.
  [[nodiscard]] PacketList split_behind(Mbuf& last, std::uint32_t n) {
    PacketList front;
    front.head_ = std::exchange(head_, last.meta.list_next);
    front.tail_ = &last;
    front.size_ = n;
    if (head_ == nullptr) tail_ = nullptr;
    size_ -= n;
    last.meta.list_next = nullptr;
    return front;
  }
  /// Calls f(Packet&) for each in order; f leaves it where it is.
  template <class F>
  void for_each(F&& f) {
    for (Mbuf* m = head_; m != nullptr; m = m->meta.list_next) {
      Packet packet = Packet::adopt(m);
      f(packet);
      static_cast<void>(packet.release());
    }
  }
  /// Gives all of them away, linked as they are; the caller now owns them.
  [[nodiscard]] Mbuf* take() {
    tail_ = nullptr;
    size_ = 0;
    return std::exchange(head_, nullptr);
  }
  void splice_back(PacketList& other) {
    if (other.empty()) return;
    (tail_ != nullptr ? tail_->meta.list_next : head_) = other.head_;
    tail_ = other.tail_;
    size_ += other.size_;
    other.head_ = other.tail_ = nullptr;
    other.size_ = 0;
  }

 private:
  Mbuf* head_ = nullptr;
  Mbuf* tail_ = nullptr;
  std::uint32_t size_ = 0;
};

/// The same of all packets of a list, in one go.
void consume(PacketList& packets);

}  // namespace millrace::pkt

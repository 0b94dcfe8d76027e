// SPDX-License-Identifier: BSD-3-Clause
// What the frames of a burst have together. Called by the queues for each burst.
#include "drivers/ethdev/burst_look.hpp"

#include <millrace/wire/ethernet.hpp>

namespace millrace::ethdev {
namespace {

using Vector [[gnu::vector_size(32)]] = std::uint32_t;

static_assert(offsetof(pkt::Mbuf, data_off) == 16 && offsetof(pkt::Mbuf, ol_flags) == 24 && offsetof(pkt::Mbuf, pkt_len) == 36);
static_assert(offsetof(pkt::Mbuf, data_len) == offsetof(pkt::Mbuf, pkt_len) + 4 && offsetof(pkt::Mbuf, meta) % 32 == 0);
static_assert(offsetof(pkt::Meta, tx_checksum) < 32 && offsetof(pkt::Meta, gso_size) < 32 && sizeof(pkt::Meta) == 2 * sizeof(Vector));

// Of any alignment; through memory, for a vector of this size is not passed alike with AVX and without.
#define MR_INLINE [[gnu::always_inline]] inline
MR_INLINE void load(Vector& to, const void* from, std::size_t offset) { std::memcpy(&to, static_cast<const char*>(from) + offset, sizeof to); }
MR_INLINE void store(void* to, std::size_t offset, const Vector& from) { std::memcpy(static_cast<char*>(to) + offset, &from, sizeof from); }

/// A step for each frame.
template <class Step>
MR_INLINE void for_each(pkt::Mbuf* const* frames, std::size_t count, Step step) {
  pkt::Mbuf* const* const end = frames + count;
  constexpr std::size_t together = 8;
  for (pkt::Mbuf* const* const last = end - count % together; frames != last; frames += together)
    for (std::size_t i = 0; i < together; ++i) step(*frames[i]);
  for (; frames != end; ++frames) step(*frames[0]);
}

#if defined(__x86_64__)
#define MR_TARGET_AVX2 [[gnu::target("avx2")]]
#else
#define MR_TARGET_AVX2
#endif

}  // namespace

#if defined(__x86_64__)
const bool BurstLook::has_avx2 = __builtin_cpu_supports("avx2") != 0;
#else
const bool BurstLook::has_avx2 = false;
#endif

MR_INLINE void RxLook::take(pkt::Mbuf* const* frames, std::size_t count, const pkt::Meta& stamp) {
  Vector stamp_begin, stamp_end;
  load(stamp_begin, &stamp, 0);
  load(stamp_end, &stamp, sizeof(Vector));
  Vector any{}, shared = ~Vector{}, sums{}, unlike{};
  for_each(frames, count, [&](pkt::Mbuf& m) __attribute__((always_inline)) {
    store(&m.meta, 0, stamp_begin);
    store(&m.meta, sizeof(Vector), stamp_end);
    Vector head, moved;  // moved: data_len lies where pkt_len is
    load(head, &m, head_at);
    load(moved, &m, head_at + offsetof(pkt::Mbuf, data_len) - offsetof(pkt::Mbuf, pkt_len));
    any |= head;
    shared &= head;
    sums += head;
    unlike |= head ^ moved;
  });
  store(&any_, 0, any);
  store(&shared_, 0, shared);
  store(&sums_, 0, sums);
  store(&unlike_, 0, unlike);
}

MR_TARGET_AVX2 void RxLook::take_avx2(pkt::Mbuf* const* frames, std::size_t count, const pkt::Meta& stamp) { take(frames, count, stamp); }

void RxLook::take_baseline(pkt::Mbuf* const* frames, std::size_t count, const pkt::Meta& stamp) { take(frames, count, stamp); }

MR_INLINE void TxLook::take(pkt::Mbuf* const* frames, std::size_t count) {
  constexpr std::uint32_t header = wire::ethernet_header_bytes;
  const Vector headers = {header, header, header, header, header, header, header, header};
  Vector any{}, sums{}, most{}, any_meta{};
  for_each(frames, count, [&](pkt::Mbuf& m) __attribute__((always_inline)) {
    Vector head, asked;
    load(head, &m, head_at);
    load(asked, &m.meta, 0);
    any |= head;
    sums += head;
    const Vector behind = head - headers;
    most = most > behind ? most : behind;
    any_meta |= asked;
  });
  store(&any_, 0, any);
  store(&sums_, 0, sums);
  store(&most_, 0, most);
  store(&any_meta_, 0, any_meta);
}

MR_TARGET_AVX2 void TxLook::take_avx2(pkt::Mbuf* const* frames, std::size_t count) { take(frames, count); }

void TxLook::take_baseline(pkt::Mbuf* const* frames, std::size_t count) { take(frames, count); }

}  // namespace millrace::ethdev

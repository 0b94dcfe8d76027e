// SPDX-License-Identifier: BSD-3-Clause
// The owner table of an lcore: open addressing by buckets of one cache line. Called by the owner's transports
// (insert, erase, find) and by every lcore's steering (contains); calls nothing. receive_path F22.
#include <millrace/steer/flow_table.hpp>

#include <millrace/base/assert.hpp>
#include <millrace/base/bits.hpp>
#include <millrace/base/rng.hpp>

#include <bit>
#include <cstring>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace millrace::steer {
namespace {

constexpr std::uint32_t no_entry = UINT32_MAX;

std::uint32_t tag_of(const FlowProbe& probe) { return static_cast<std::uint32_t>(probe.hash >> 32); }

// At full capacity a bucket holds four flows on average, so that 19 of 20 lookups end in their first bucket.
std::uint32_t bucket_count(std::uint32_t capacity) { return std::bit_ceil((capacity + 3) / 4); }

}  // namespace

OwnerHash::OwnerHash(std::uint64_t seed) {
  Rng rng(seed);
  for (auto& key : keys_) key = rng.next();
}

// One line. A slot is tag << 32 | (index of the entry + 1), 0 when free; it is written in one store, so that a reader
// sees a flow come and go at once. Flows never move, hence a reader never misses one that stays.
struct alignas(64) FlowTable::Bucket {
  static constexpr std::uint32_t slots = 7;
  std::array<std::atomic<std::uint64_t>, slots> slot{};
  /// Flows that belong here or before, and stand in a later bucket because this one was full: a lookup goes on.
  std::atomic<std::uint32_t> passed{0};

  /// The slots of that tag, as bits; not ordered with other loads, so what they hold has to be read again.
  [[nodiscard]] std::uint32_t matches(std::uint32_t tag) const {
#if defined(__SSE2__) && !defined(__SANITIZE_THREAD__)
    // Whole slots at once: every look alike, so that the place where a flow stands costs no mispredicted branch.
    const auto tags = [this](std::size_t i) {
      const auto two = [&](std::size_t at) { return _mm_castsi128_ps(_mm_load_si128(reinterpret_cast<const __m128i*>(this) + at)); };
      return _mm_castps_si128(_mm_shuffle_ps(two(i), two(i + 1), 0xdd));
    };
    const __m128i wanted = _mm_set1_epi32(static_cast<int>(tag));
    const __m128i equal = _mm_packs_epi32(_mm_cmpeq_epi32(tags(0), wanted), _mm_cmpeq_epi32(tags(2), wanted));
    return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128()))) & ((1u << slots) - 1);
#else
    std::uint32_t found = 0;
    for (std::uint32_t s = 0; s < slots; ++s) found |= std::uint32_t{slot[s].load(std::memory_order_relaxed) >> 32 == tag} << s;
    return found;
#endif
  }
};

// One line. `sequence` is odd while the entry is free or being written.
struct alignas(64) FlowTable::Entry {
  std::atomic<std::uint32_t> sequence{1};
  std::uint32_t next_free = no_entry;
  void* object = nullptr;
  std::array<std::atomic<std::uint64_t>, std::tuple_size_v<FlowWords>> key{};

  /// Whether the key stood here, whole, at some moment of the call. False too when the entry was erased meanwhile.
  [[nodiscard]] bool matches(const FlowWords& words) const {
    const std::uint32_t before = sequence.load(std::memory_order_acquire);
    std::uint64_t differs = before & 1;
    // Acquire, so that the sequence is read again only after them (Boehm, "Can seqlocks get along with programming
    // language memory models?", 2012); on x86 these are plain loads.
#pragma GCC unroll 5
    for (std::size_t i = 0; i < words.size(); ++i) differs |= key[i].load(std::memory_order_acquire) ^ words[i];
    return differs == 0 && sequence.load(std::memory_order_relaxed) == before;
  }
};

FlowTable::FlowTable(std::uint32_t capacity, std::uint64_t seed)
    : hash_(seed),
      capacity_(capacity),
      bucket_mask_(bucket_count(capacity) - 1),
      buckets_(std::make_unique<Bucket[]>(std::size_t{bucket_mask_} + 1)),
      entries_(std::make_unique<Entry[]>(capacity)) {
  MR_ASSERT(capacity > 0 && capacity <= (1u << 30));
  static_assert(sizeof(Bucket) == 64 && sizeof(Entry) == 64);
  for (std::uint32_t i = 0; i + 1 < capacity; ++i) entries_[i].next_free = i + 1;
}

FlowTable::~FlowTable() = default;

FlowProbe FlowTable::probe(const FlowKey& key) const {
  FlowProbe p;
  std::memcpy(p.words.data(), &key, sizeof key);
  p.hash = hash_(p.words);
  return p;
}

// The first entry of the tag; nearly always the only one. Null: none.
const FlowTable::Entry* FlowTable::candidate(const Bucket& bucket, std::uint32_t tag) const {
  const std::uint32_t found = bucket.matches(tag);
  if (found == 0) return nullptr;
  const std::uint64_t slot = bucket.slot[static_cast<std::size_t>(std::countr_zero(found))].load(std::memory_order_acquire);
  return slot != 0 ? &entries_[static_cast<std::uint32_t>(slot) - 1] : nullptr;
}

FlowTable::Found FlowTable::locate(const FlowProbe& p) const {
  std::uint32_t b = first_bucket(p);
  // At most once round: flows that came and went can leave every bucket marked as passed.
  for (std::uint32_t visited = 0; visited <= bucket_mask_; ++visited, b = (b + 1) & bucket_mask_) {
    const Bucket& bucket = buckets_[b];
    for (std::uint32_t found = bucket.matches(tag_of(p)); found != 0; found &= found - 1) {
      const auto s = static_cast<std::uint32_t>(std::countr_zero(found));
      const std::uint64_t slot = bucket.slot[s].load(std::memory_order_acquire);
      if (slot == 0) continue;
      Entry& entry = entries_[static_cast<std::uint32_t>(slot) - 1];
      if (entry.matches(p.words)) return {b, s, &entry};
    }
    if (bucket.passed.load(std::memory_order_acquire) == 0) break;
  }
  return {0, 0, nullptr};
}

// Each lookup in one piece: its halves would hand the words of the key over in memory.
[[gnu::flatten]] void* FlowTable::find(const FlowKey& key) const {
  const Found found = locate(probe(key));
  return found.entry != nullptr ? found.entry->object : nullptr;
}

[[gnu::flatten]] bool FlowTable::contains(const FlowKey& key) const { return locate(probe(key)).entry != nullptr; }

[[gnu::flatten]] std::uint32_t FlowTable::contains(std::span<const FlowProbe> probes, std::uint32_t which) const {
  MR_ASSERT(probes.size() <= most_probes);
  for_each_bit(which, [&](std::size_t i) { __builtin_prefetch(&buckets_[first_bucket(probes[i])]); });
  std::uint32_t found = 0;
  std::uint32_t odd = 0;  // another flow of the same tag, or flows that stand further on
  for_each_bit(which, [&](std::size_t i) {
    const FlowProbe& p = probes[i];
    const Bucket& bucket = buckets_[first_bucket(p)];
    const Entry* const entry = candidate(bucket, tag_of(p));
    if (entry != nullptr && entry->matches(p.words)) found |= 1u << i;
    else if (entry != nullptr || bucket.passed.load(std::memory_order_acquire) != 0) odd |= 1u << i;
  });
  for_each_bit(odd, [&](std::size_t i) { found |= std::uint32_t{locate(probes[i]).entry != nullptr} << i; });
  return found;
}

bool FlowTable::insert(const FlowKey& key, void* object) {
  const FlowProbe p = probe(key);
  if (size() == capacity_ || locate(p).entry != nullptr) return false;

  const std::uint32_t index = free_head_;
  Entry& entry = entries_[index];
  free_head_ = entry.next_free;
  entry.object = object;
  // Release, so that a reader of a new word also sees the odd sequence that went before it.
  for (std::size_t i = 0; i < p.words.size(); ++i) entry.key[i].store(p.words[i], std::memory_order_release);
  entry.sequence.store(entry.sequence.load(std::memory_order_relaxed) + 1, std::memory_order_release);

  // There are more slots than entries, so one is free. Buckets passed are marked before the flow is published.
  for (std::uint32_t b = first_bucket(p);; b = (b + 1) & bucket_mask_) {
    Bucket& bucket = buckets_[b];
    for (auto& slot : bucket.slot) {
      if (slot.load(std::memory_order_relaxed) != 0) continue;
      slot.store(std::uint64_t{tag_of(p)} << 32 | (index + 1), std::memory_order_release);
      size_.store(size() + 1, std::memory_order_relaxed);
      return true;
    }
    bucket.passed.store(bucket.passed.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
}

bool FlowTable::erase(const FlowKey& key) {
  const FlowProbe p = probe(key);
  const Found found = locate(p);
  if (found.entry == nullptr) return false;

  buckets_[found.bucket].slot[found.slot].store(0, std::memory_order_release);
  for (std::uint32_t b = first_bucket(p); b != found.bucket; b = (b + 1) & bucket_mask_)
    buckets_[b].passed.store(buckets_[b].passed.load(std::memory_order_relaxed) - 1, std::memory_order_release);

  Entry& entry = *found.entry;
  entry.sequence.store(entry.sequence.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  entry.next_free = free_head_;
  free_head_ = static_cast<std::uint32_t>(&entry - entries_.get());
  size_.store(size() - 1, std::memory_order_relaxed);
  return true;
}

}  // namespace millrace::steer

// SPDX-License-Identifier: BSD-3-Clause
// The owner table of an lcore: open addressing by buckets of one cache line. Called by the owner's transports
// (insert, erase, find) and by every lcore's steering (contains); calls nothing. receive_path F22.
#include <millrace/steer/flow_table.hpp>

#include <millrace/base/assert.hpp>
#include <millrace/base/bits.hpp>
#include <millrace/base/rng.hpp>

#include <bit>
#include <cstring>
// Every half of a vector is loaded at once, like an atomic; TSan cannot know.
#if defined(__SSE4_1__) && !defined(__SANITIZE_THREAD__)
#define MR_WHOLE_VECTORS
#include <smmintrin.h>
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

// One line. A flow comes and goes with the store of its entry's number; until then its tag means nothing. Flows never
// move, hence a reader never misses one that stays.
struct alignas(64) FlowTable::Bucket {
  static constexpr std::uint32_t slots = 7;
  std::array<std::atomic<std::uint32_t>, slots> tag{};
  /// Flows that belong here or before, and stand in a later bucket because this one was full: a lookup goes on.
  std::atomic<std::uint32_t> passed{0};
  std::array<std::atomic<std::uint32_t>, slots> entry{};  ///< index + 1; 0: the slot is free

  /// The slots of that tag, as bits.
  [[nodiscard]] std::uint32_t matches(std::uint32_t wanted) const {
#if defined(MR_WHOLE_VECTORS)
    // All slots at once: every look alike, so that the place where a flow stands costs no mispredicted branch.
    const auto* const tags = reinterpret_cast<const __m128i*>(this);
    const __m128i all = _mm_set1_epi32(static_cast<int>(wanted));
    const __m128i equal = _mm_packs_epi32(_mm_cmpeq_epi32(_mm_load_si128(tags), all), _mm_cmpeq_epi32(_mm_load_si128(tags + 1), all));
    return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(equal, equal))) & ((1u << slots) - 1);
#else
    std::uint32_t found = 0;
    for (std::uint32_t s = 0; s < slots; ++s) found |= std::uint32_t{tag[s].load(std::memory_order_relaxed) == wanted} << s;
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
    if (differs(words) || (before & 1) != 0) return false;
    return sequence.load(std::memory_order_relaxed) == before;
  }

 private:
  // The sequence is read again only after the words: by acquire (Boehm, "Can seqlocks get along with programming
  // language memory models?", 2012), or because x86 keeps loads in order and the compiler is told to.
  [[nodiscard]] bool differs(const FlowWords& words) const {
#if defined(MR_WHOLE_VECTORS)
    const auto pair = [](const auto& from, std::size_t at) { return _mm_load_si128(reinterpret_cast<const __m128i*>(from.data() + at)); };
    const __m128i addresses = _mm_or_si128(_mm_xor_si128(pair(key, 0), pair(words, 0)), _mm_xor_si128(pair(key, 2), pair(words, 2)));
    const bool differ = _mm_testz_si128(addresses, addresses) == 0 || key[4].load(std::memory_order_relaxed) != words[4];
    std::atomic_signal_fence(std::memory_order_acq_rel);
    return differ;
#else
    std::uint64_t differ = 0;
    for (std::size_t i = 0; i < words.size(); ++i) differ |= key[i].load(std::memory_order_acquire) ^ words[i];
    return differ != 0;
#endif
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

FlowTable::Found FlowTable::locate(const FlowProbe& p) const {
  std::uint32_t b = first_bucket(p);
  // At most once round: flows that came and went can leave every bucket marked as passed.
  for (std::uint32_t visited = 0; visited <= bucket_mask_; ++visited, b = (b + 1) & bucket_mask_) {
    const Bucket& bucket = buckets_[b];
    for (std::uint32_t found = bucket.matches(tag_of(p)); found != 0; found &= found - 1) {
      const auto s = static_cast<std::uint32_t>(std::countr_zero(found));
      const std::uint32_t number = bucket.entry[s].load(std::memory_order_acquire);
      if (number == 0) continue;
      Entry& entry = entries_[number - 1];
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
    if (const std::uint32_t slots = bucket.matches(tag_of(p)); slots != 0) {
      const std::size_t number = bucket.entry[lowest_bit(slots)].load(std::memory_order_acquire);
      (number != 0 && entries_[number - 1].matches(p.words) ? found : odd) |= 1u << i;
    } else if (bucket.passed.load(std::memory_order_acquire) != 0) {
      odd |= 1u << i;
    }
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
    for (std::uint32_t s = 0; s < Bucket::slots; ++s) {
      if (bucket.entry[s].load(std::memory_order_relaxed) != 0) continue;
      bucket.tag[s].store(tag_of(p), std::memory_order_relaxed);
      bucket.entry[s].store(index + 1, std::memory_order_release);
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

  buckets_[found.bucket].entry[found.slot].store(0, std::memory_order_release);
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

// SPDX-License-Identifier: BSD-3-Clause
// The owner table of an lcore: open addressing by buckets of one cache line. Called by the owner's transports
// (insert, erase, find) and by every lcore's steering (contains); calls nothing. receive_path F22.
#include <millrace/steer/flow_table.hpp>

#include <millrace/base/assert.hpp>
#include <millrace/base/rng.hpp>

#include <bit>
#include <cstring>

namespace millrace::steer {
namespace {

constexpr std::uint32_t no_entry = UINT32_MAX;
constexpr std::size_t key_words = sizeof(FlowKey) / sizeof(std::uint64_t);

__extension__ using Wide = unsigned __int128;

std::uint64_t fold_product(std::uint64_t a, std::uint64_t b) {
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// At full capacity a bucket holds four flows on average, so that 19 of 20 lookups end in their first bucket.
std::uint32_t bucket_count(std::uint32_t capacity) { return std::bit_ceil((capacity + 3) / 4); }

}  // namespace

struct FlowTable::Probe {
  std::array<std::uint64_t, key_words> words;
  std::uint32_t bucket;
  std::uint32_t tag;
};

// One line. A slot is tag << 32 | (index of the entry + 1), 0 when free; it is written in one store, so that a reader
// sees a flow come and go at once. Flows never move, hence a reader never misses one that stays.
struct alignas(64) FlowTable::Bucket {
  static constexpr std::uint32_t slots = 7;
  std::array<std::atomic<std::uint64_t>, slots> slot{};
  /// Flows that belong here or before, and stand in a later bucket because this one was full: a lookup goes on.
  std::atomic<std::uint32_t> passed{0};
};

// One line. `sequence` is odd while the entry is free or being written.
struct alignas(64) FlowTable::Entry {
  std::atomic<std::uint32_t> sequence{1};
  std::uint32_t next_free = no_entry;
  void* object = nullptr;
  std::array<std::atomic<std::uint64_t>, key_words> key{};

  /// Whether the key stood here, whole, at some moment of the call. False too when the entry was erased meanwhile.
  [[nodiscard]] bool matches(const std::array<std::uint64_t, key_words>& words) const {
    const std::uint32_t before = sequence.load(std::memory_order_acquire);
    std::uint64_t differs = before & 1;
    // Acquire, so that the sequence is read again only after them (Boehm, "Can seqlocks get along with programming
    // language memory models?", 2012); on x86 these are plain loads.
    for (std::size_t i = 0; i < key_words; ++i) differs |= key[i].load(std::memory_order_acquire) ^ words[i];
    return differs == 0 && sequence.load(std::memory_order_relaxed) == before;
  }
};

FlowTable::FlowTable(std::uint32_t capacity, std::uint64_t seed)
    : capacity_(capacity),
      bucket_mask_(bucket_count(capacity) - 1),
      buckets_(std::make_unique<Bucket[]>(std::size_t{bucket_mask_} + 1)),
      entries_(std::make_unique<Entry[]>(capacity)) {
  MR_ASSERT(capacity > 0 && capacity <= (1u << 30));
  static_assert(sizeof(Bucket) == 64 && sizeof(Entry) == 64);
  Rng rng(seed);
  for (auto& key : hash_keys_) key = rng.next();
  for (std::uint32_t i = 0; i + 1 < capacity; ++i) entries_[i].next_free = i + 1;
}

FlowTable::~FlowTable() = default;

FlowTable::Probe FlowTable::probe(const FlowKey& key) const {
  Probe p;
  std::memcpy(p.words.data(), &key, sizeof key);
  const auto& k = hash_keys_;
  // Every word meets a secret of its own before it is multiplied (as in the NH family of UMAC, RFC 4418), so which
  // keys collide depends on the seed.
  const std::uint64_t sum = fold_product(p.words[0] + k[0], p.words[1] + k[1]) +
                            fold_product(p.words[2] + k[2], p.words[3] + k[3]) + fold_product(p.words[4] + k[4], k[5]);
  const std::uint64_t hash = fold_product(sum ^ k[6], k[7] | 1);
  p.bucket = static_cast<std::uint32_t>(hash) & bucket_mask_;
  p.tag = static_cast<std::uint32_t>(hash >> 32);
  return p;
}

FlowTable::Found FlowTable::locate(const Probe& p) const {
  std::uint32_t b = p.bucket;
  // At most once round: flows that came and went can leave every bucket marked as passed.
  for (std::uint32_t visited = 0; visited <= bucket_mask_; ++visited, b = (b + 1) & bucket_mask_) {
    const Bucket& bucket = buckets_[b];
    for (std::uint32_t s = 0; s < Bucket::slots; ++s) {
      const std::uint64_t slot = bucket.slot[s].load(std::memory_order_acquire);
      if (slot == 0 || slot >> 32 != p.tag) continue;
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

void FlowTable::prefetch(const FlowKey& key) const { __builtin_prefetch(&buckets_[probe(key).bucket]); }

bool FlowTable::insert(const FlowKey& key, void* object) {
  const Probe p = probe(key);
  if (size() == capacity_ || locate(p).entry != nullptr) return false;

  const std::uint32_t index = free_head_;
  Entry& entry = entries_[index];
  free_head_ = entry.next_free;
  entry.object = object;
  // Release, so that a reader of a new word also sees the odd sequence that went before it.
  for (std::size_t i = 0; i < key_words; ++i) entry.key[i].store(p.words[i], std::memory_order_release);
  entry.sequence.store(entry.sequence.load(std::memory_order_relaxed) + 1, std::memory_order_release);

  // There are more slots than entries, so one is free. Buckets passed are marked before the flow is published.
  for (std::uint32_t b = p.bucket;; b = (b + 1) & bucket_mask_) {
    Bucket& bucket = buckets_[b];
    for (auto& slot : bucket.slot) {
      if (slot.load(std::memory_order_relaxed) != 0) continue;
      slot.store(std::uint64_t{p.tag} << 32 | (index + 1), std::memory_order_release);
      size_.store(size() + 1, std::memory_order_relaxed);
      return true;
    }
    bucket.passed.store(bucket.passed.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
}

bool FlowTable::erase(const FlowKey& key) {
  const Probe p = probe(key);
  const Found found = locate(p);
  if (found.entry == nullptr) return false;

  buckets_[found.bucket].slot[found.slot].store(0, std::memory_order_release);
  for (std::uint32_t b = p.bucket; b != found.bucket; b = (b + 1) & bucket_mask_)
    buckets_[b].passed.store(buckets_[b].passed.load(std::memory_order_relaxed) - 1, std::memory_order_release);

  Entry& entry = *found.entry;
  entry.sequence.store(entry.sequence.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  entry.next_free = free_head_;
  free_head_ = static_cast<std::uint32_t>(&entry - entries_.get());
  size_.store(size() - 1, std::memory_order_relaxed);
  return true;
}

}  // namespace millrace::steer

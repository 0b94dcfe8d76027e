// SPDX-License-Identifier: BSD-3-Clause
// The neighbour table itself: slots, buckets and who makes room when it is full. Called by neighbors.cpp, arp.cpp
// and nd.cpp. Fixed memory; the hash is keyed, so that nobody on the link can aim at one bucket.
#include <millrace/base/siphash.hpp>
#include <millrace/stack/neighbor/neighbors.hpp>
#include <millrace/stack/neighbor/news.hpp>

#include <algorithm>
#include <bit>
#include <tuple>

namespace millrace::neighbor {

using Event = stats::Neighbor;

Neighbors::Neighbors(Env& env, Unreachable& upward, const Options& options)
    : env_(env),
      upward_(upward),
      options_(options),
      entries_(std::make_unique<Entry[]>(options.entries)),
      buckets_(std::bit_ceil(std::max<std::uint32_t>(options.entries, 1)), nullptr) {
  free_.reserve(options.entries);
  for (std::uint32_t i = options.entries; i > 0; --i) {
    entries_[i - 1].table = this;
    free_.push_back(&entries_[i - 1]);
  }
}

Neighbors::~Neighbors() {
  env_.wheel->cancel(gc_timer_);
  for (std::uint32_t i = 0; i < options_.entries; ++i) {
    env_.wheel->cancel(entries_[i].timer);
    drop_waiting(entries_[i], stats::DropReason::shutdown);
  }
}

std::uint32_t Neighbors::bucket_of(std::uint16_t ifindex, const IpAddress& address) const {
  std::array<std::uint8_t, 18> key;
  std::copy(address.bytes.begin(), address.bytes.end(), key.begin());
  store_be16(&key[16], ifindex);
  return static_cast<std::uint32_t>(siphash(env_.secret, key)) & static_cast<std::uint32_t>(buckets_.size() - 1);
}

Entry* Neighbors::lookup(const Interface& interface, const IpAddress& address) const {
  for (Entry* e = buckets_[bucket_of(interface.ifindex, address)]; e != nullptr; e = e->next_in_bucket)
    if (e->address == address && e->interface->ifindex == interface.ifindex) return e;
  return nullptr;
}

Entry* Neighbors::create(Interface& interface, const IpAddress& address) {
  if (!make_room()) {
    env_.stats->neighbor.add(Event::table_fulls);
    return nullptr;
  }
  Entry& e = *free_.back();
  free_.pop_back();
  e.address = address;
  e.interface = &interface;
  e.state = State::none;
  e.probes = 0;
  e.used = e.updated = e.confirmed = env_.now;
  Entry*& bucket = buckets_[bucket_of(interface.ifindex, address)];
  e.next_in_bucket = bucket;
  bucket = &e;
  unused_longest_first_.push_back(e);
  ++size_;
  env_.stats->neighbor.add(Event::allocs);
  arm_gc();
  return &e;
}

void Neighbors::destroy(Entry& e) {
  Entry** link = &buckets_[bucket_of(e.interface->ifindex, e.address)];
  while (*link != &e) link = &(*link)->next_in_bucket;
  *link = e.next_in_bucket;
  e.lru.unlink();
  env_.wheel->cancel(e.timer);
  drop_waiting(e, stats::DropReason::neighbor_removed);
  if (last_ == &e) last_ = nullptr;
  e.state = State::none;
  free_.push_back(&e);
  --size_;
  env_.stats->neighbor.add(Event::destroys);
}

// Once per poll is often enough, and spares the list's cache lines for the rest of a burst.
void Neighbors::touch(Entry& e) {
  if (e.used == env_.now) return;
  e.used = env_.now;
  if (!e.lru.is_linked()) return;  // permanent: never makes room
  e.lru.unlink();
  unused_longest_first_.push_back(e);
}

bool Neighbors::put(Interface& interface, const IpAddress& address, const MacAddress& mac, State state) {
  Entry* e = lookup(interface, address);
  if (e == nullptr) e = create(interface, address);
  if (e == nullptr) return false;
  if (e->state == State::permanent) {  // what the administrator said, only the administrator changes
    e->state = State::stale;
    unused_longest_first_.push_back(*e);
  }
  if (state == State::permanent) {
    env_.wheel->cancel(e->timer);
    e->lru.unlink();
    e->updated = env_.now;
    e->state = state;
    set_mac(*e, mac);
    flush(*e);
  } else {
    update(*e, {.mac = mac, .state = state, .override = true});
    if (state == State::stale && e->state != state) {  // news that say no more would change nothing
      env_.wheel->cancel(e->timer);
      e->state = state;
    }
  }
  return true;
}

bool Neighbors::remove(Interface& interface, const IpAddress& address) {
  Entry* e = lookup(interface, address);
  if (e == nullptr) return false;
  destroy(*e);
  return true;
}

namespace {
Row row_of(const Entry& e) { return {e.interface->ifindex, e.address, e.mac(), e.state, e.waiting.size()}; }
}  // namespace

std::optional<Row> Neighbors::find(const Interface& interface, const IpAddress& address) const {
  const Entry* e = lookup(interface, address);
  if (e == nullptr) return std::nullopt;
  return row_of(*e);
}

std::vector<Row> Neighbors::rows() const {
  std::vector<Row> rows;
  for (const Entry* bucket : buckets_)
    for (const Entry* e = bucket; e != nullptr; e = e->next_in_bucket) rows.push_back(row_of(*e));
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return std::tie(a.ifindex, a.address) < std::tie(b.ifindex, b.address);
  });
  return rows;
}

}  // namespace millrace::neighbor

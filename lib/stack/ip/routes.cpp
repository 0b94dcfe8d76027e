// SPDX-License-Identifier: BSD-3-Clause
// The route table of a host: every route that there is; the best of each prefix is in the forwarding table. Called by
// ip::Stack and the engine (changes), by ip::Stack for packets (lookup). fib_table_insert, fib_table_delete
// (receive_path H4).
#include <millrace/stack/ip/routes.hpp>

#include <algorithm>

namespace millrace::ip {

IpPrefix network_of(IpPrefix prefix) {
  const std::size_t first = prefix.address.is_v4() ? 12 : 0;
  for (std::size_t i = first; i < prefix.address.bytes.size(); ++i) {
    const int bits = std::clamp<int>(prefix.length - static_cast<int>(8 * (i - first)), 0, 8);
    prefix.address.bytes[i] = static_cast<std::uint8_t>(prefix.address.bytes[i] & (0xff00 >> bits));
  }
  return prefix;
}

/// Changes are rare and short: who finds another at it spins.
class Routes::Writing {
 public:
  explicit Writing(const Routes& routes) : flag_(routes.writing_) {
    while (flag_.test_and_set(std::memory_order_acquire)) {
    }
  }
  ~Writing() { flag_.clear(std::memory_order_release); }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

 private:
  std::atomic_flag& flag_;
};

Routes::Change Routes::add(Route route) {
  const Writing writing(*this);
  return insert(route, false);
}

Routes::Change Routes::append(Route route) {
  const Writing writing(*this);
  const Change change = insert(route, true);
  return change == Change::exists ? Change::done : change;
}

Routes::Change Routes::insert(const Route& wanted, bool append) {
  Route route = wanted;
  route.prefix = network_of(route.prefix);
  if (size_ >= capacity) return Change::full;
  Alternatives& of = prefixes_[route.prefix];
  const auto conflicts = [&](const Route& known) { return append ? known == route : known.metric == route.metric; };
  if (std::any_of(of.begin(), of.end(), conflicts)) return Change::exists;
  const auto worse = std::find_if(of.begin(), of.end(), [&](const Route& known) { return known.metric > route.metric; });
  if (worse == of.begin() && !fib_.set(route.prefix, route.to)) {
    if (of.empty()) prefixes_.erase(route.prefix);
    return Change::full;
  }
  of.insert(worse, route);
  ++size_;
  if (route.to.type == RouteType::local) local_.fetch_add(1, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  return Change::done;
}

Routes::Change Routes::remove(const Route& route) {
  const Writing writing(*this);
  const auto of = prefixes_.find(network_of(route.prefix));
  if (of == prefixes_.end()) return Change::absent;
  const auto is_it = [&](const Route& known) { return known.to == route.to && known.metric == route.metric; };
  return erase(of, std::find_if(of->second.begin(), of->second.end(), is_it));
}

Routes::Change Routes::remove(const IpPrefix& prefix, std::optional<std::uint32_t> metric) {
  const Writing writing(*this);
  const auto of = prefixes_.find(network_of(prefix));
  if (of == prefixes_.end()) return Change::absent;
  const auto is_it = [&](const Route& known) { return !metric || known.metric == *metric; };
  return erase(of, std::find_if(of->second.begin(), of->second.end(), is_it));
}

Routes::Change Routes::erase(std::map<IpPrefix, Alternatives>::iterator of, Alternatives::iterator route) {
  if (route == of->second.end()) return Change::absent;
  const bool was_best = route == of->second.begin();
  if (route->to.type == RouteType::local) local_.fetch_sub(1, std::memory_order_relaxed);
  of->second.erase(route);
  --size_;
  if (of->second.empty()) {
    fib_.clear(of->first);
    prefixes_.erase(of);
  } else if (was_best && !fib_.set(of->first, of->second.front().to)) {
    fib_.clear(of->first);  // out of next hops: better no way than the one that was taken back
  }
  generation_.fetch_add(1, std::memory_order_release);
  return Change::done;
}

std::vector<Route> Routes::all() const {
  const Writing writing(*this);
  std::vector<Route> all;
  all.reserve(size_);
  for (const bool v4 : {true, false})
    for (const auto& [prefix, alternatives] : prefixes_)
      if (prefix.address.is_v4() == v4) all.insert(all.end(), alternatives.begin(), alternatives.end());
  return all;
}

std::size_t Routes::size() const {
  const Writing writing(*this);
  return size_;
}

}  // namespace millrace::ip

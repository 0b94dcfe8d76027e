// SPDX-License-Identifier: BSD-3-Clause
// Source filters of groups. Called by Groups and by sockets; pure. RFC 3376 section 3.2.
#include <millrace/stack/group/filter.hpp>

#include <algorithm>
#include <iterator>

namespace millrace::group {

bool Filter::wants(const IpAddress& source) const {
  return std::binary_search(sources.begin(), sources.end(), source) != exclude;
}

bool insert(std::vector<IpAddress>& list, const IpAddress& address) {
  const auto at = std::lower_bound(list.begin(), list.end(), address);
  if (at != list.end() && *at == address) return false;
  list.insert(at, address);
  return true;
}

bool erase(std::vector<IpAddress>& list, const IpAddress& address) {
  const auto at = std::lower_bound(list.begin(), list.end(), address);
  if (at == list.end() || *at != address) return false;
  list.erase(at);
  return true;
}

std::vector<IpAddress> without(const std::vector<IpAddress>& a, const std::vector<IpAddress>& b) {
  std::vector<IpAddress> rest;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rest));
  return rest;
}

Filter merge(std::span<const Filter* const> filters) {
  std::vector<IpAddress> included;
  Filter merged;
  for (const Filter* filter : filters) {
    if (!filter->exclude) {
      for (const IpAddress& source : filter->sources) insert(included, source);
    } else if (!merged.exclude) {
      merged = *filter;
    } else {  // excluded by all
      std::vector<IpAddress> both;
      std::set_intersection(merged.sources.begin(), merged.sources.end(), filter->sources.begin(), filter->sources.end(),
                            std::back_inserter(both));
      merged.sources = std::move(both);
    }
  }
  merged.sources = merged.exclude ? without(merged.sources, included) : std::move(included);
  return merged;
}

}  // namespace millrace::group

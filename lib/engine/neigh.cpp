// SPDX-License-Identifier: BSD-3-Clause
// `ip neigh` on a running engine. Called by applications through Engine; calls the neighbour table of every lcore, between
// two of its passes. neigh_add(), neigh_delete() and neigh_dump_info() of net/core/neighbour.c (receive_path I1).
#include <millrace/engine/neigh.hpp>

#include <millrace/engine/impl.hpp>

#include <array>
#include <cerrno>
#include <map>

namespace millrace {
namespace {

static_assert(static_cast<int>(Nud::permanent) == static_cast<int>(neighbor::State::permanent));

Result<void> check(const Neigh& neigh) {
  const std::string what = "neighbour " + neigh.address.to_string() + ": ";
  if (neigh.address.is_multicast() || neigh.address.is_unspecified() || neigh.address.is_loopback())
    return failure(EINVAL, what + "must be a unicast address of another host");
  if (!neigh.lladdr || neigh.lladdr->is_multicast()) return failure(EINVAL, what + "lladdr must be the Ethernet address of one host");
  if (neigh.state != Nud::permanent && neigh.state != Nud::reachable && neigh.state != Nud::stale)
    return failure(EINVAL, what + "state must be permanent, reachable or stale; the others come about");
  return {};
}

}  // namespace

std::string_view to_string(Nud state) {
  constexpr std::array<std::string_view, 8> names{"NONE",  "INCOMPLETE", "REACHABLE", "STALE",
                                                  "DELAY", "PROBE",      "FAILED",    "PERMANENT"};
  return names[static_cast<std::size_t>(state)];
}

std::string Neigh::to_text() const {
  std::string text = address.to_string();
  text.append(" dev ").append(dev);
  if (lladdr) text.append(" lladdr ").append(lladdr->to_string());
  return text.append(" ").append(to_string(state));
}

Result<void> Engine::Impl::on_neighbors(std::size_t stack, const std::string& dev,
                                        const std::function<Result<void>(neighbor::Neighbors&, neighbor::Interface&)>& f) {
  Result<void> result = failure(ENODEV, "stack " + std::to_string(stack) + " has no interface '" + dev + "' with neighbours");
  bool is_first = true;
  on_each_stack(stack, [&](socket::Stack& one) {
    neighbor::Interface* const interface = one.ip().interface(std::string_view(dev));
    if (interface == nullptr || interface->is_loopback) return;
    Result<void> done = f(one.ip().neighbors(), *interface);
    if (is_first || !done) result = std::move(done);
    is_first = false;
  });
  return result;
}

Result<void> Engine::neigh_add(const Neigh& neigh, std::size_t stack) {
  if (Result<void> fits = check(neigh); !fits) return fits;
  bool is_there = false;
  Result<void> looked = impl_->on_neighbors(stack, neigh.dev, [&](neighbor::Neighbors& table, neighbor::Interface& interface) -> Result<void> {
    is_there = is_there || table.find(interface, neigh.address).has_value();
    return {};
  });
  if (!looked) return looked;
  if (is_there)
    return failure(EEXIST, "neighbour " + neigh.address.to_string() + " is there already; delete it, or use neigh_replace");
  return neigh_replace(neigh, stack);
}

Result<void> Engine::neigh_replace(const Neigh& neigh, std::size_t stack) {
  if (Result<void> fits = check(neigh); !fits) return fits;
  return impl_->on_neighbors(stack, neigh.dev, [&](neighbor::Neighbors& table, neighbor::Interface& interface) -> Result<void> {
    if (table.put(interface, neigh.address, *neigh.lladdr, static_cast<neighbor::State>(neigh.state))) return {};
    return failure(ENOBUFS, "neighbour " + neigh.address.to_string() + ": the table is full; raise net.ipv4.neigh.default.gc_thresh3");
  });
}

Result<void> Engine::neigh_del(const IpAddress& address, const std::string& dev, std::size_t stack) {
  bool was_there = false;
  Result<void> looked = impl_->on_neighbors(stack, dev, [&](neighbor::Neighbors& table, neighbor::Interface& interface) -> Result<void> {
    was_there = table.remove(interface, address) || was_there;
    return {};
  });
  if (looked && !was_there) return failure(ENOENT, "no neighbour " + address.to_string() + " on " + dev);
  return looked;
}

std::vector<Neigh> Engine::neigh_show(std::size_t stack) const {
  // Each lcore has a table of its own; of what several know, the row that can be used.
  std::map<std::pair<std::uint16_t, IpAddress>, Neigh> known;
  impl_->on_each_stack(stack, [&](socket::Stack& one) {
    for (const neighbor::Row& row : one.ip().neighbors().rows()) {
      Neigh& shown = known[{row.ifindex, row.address}];
      if (shown.lladdr) continue;
      const bool is_known = is_valid(row.state);
      shown = {.address = row.address,
               .dev = one.ip().interface(row.ifindex)->name,
               .lladdr = is_known ? std::optional(row.mac) : std::nullopt,
               .state = static_cast<Nud>(row.state)};
    }
  });
  std::vector<Neigh> rows;
  rows.reserve(known.size());
  for (auto& [key, row] : known) rows.push_back(std::move(row));
  return rows;
}

}  // namespace millrace

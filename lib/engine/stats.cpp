// SPDX-License-Identifier: BSD-3-Clause
// Snapshots of the counters. Called by applications through Engine::stats.
#include <millrace/engine/impl.hpp>

#include <millrace/stats/lcore_stats.hpp>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace millrace {

Stats Engine::stats() const {
  Stats snapshot;
  for (std::size_t id = 0; id < impl_->lcores.size(); ++id) {
    const stats::LcoreStats* lcore = &impl_->lcores.shared(id)->stats();
    std::size_t at = 0;
    stats::for_each(std::span(&lcore, 1), [&](const stats::Sample& sample) {
      if (id == 0) snapshot.counters.push_back({sample.group, sample.info.name, sample.info.help, {}});
      snapshot.counters[at++].by_lcore.push_back(sample.value);
    });
  }
  const stats::PacketBalance balance = impl_->packet_balance();
  snapshot.packets_begun = balance.begun;
  snapshot.packets_ended = balance.ended;
  return snapshot;
}

stats::PacketBalance Engine::Impl::packet_balance() const {
  std::vector<const stats::LcoreStats*> all;
  for (const auto& lcore : lcores) all.push_back(&lcore->stats());
  return stats::packet_balance(all);
}

std::string Engine::proc_interrupts() const {
  std::vector<runtime::InterruptRow> rows;
  for (std::size_t i = 0; i < impl_->ports.size(); ++i)
    for (std::uint16_t q = 0; q < impl_->rx_lcores[i].size(); ++q) {
      const runtime::RxPoller* poller = impl_->lcores.shared(impl_->rx_lcores[i][q])->poller_of(impl_->napi_id(i, q));
      if (poller->interrupt().fd() < 0) continue;
      rows.push_back({static_cast<std::uint32_t>(rows.size()), impl_->ports[i]->info().interrupts, impl_->config.ports[i].name + "-rx-" + std::to_string(q), &poller->interrupt()});
    }
  return runtime::to_proc_interrupts(rows, impl_->lcores.size());
}

std::string Engine::proc_softirqs() const {
  std::vector<runtime::SoftirqColumn> columns;
  for (const auto& lcore : impl_->lcores) columns.push_back({&lcore->stats(), static_cast<std::uint32_t>(columns.size())});
  return runtime::to_proc_softirqs(columns);
}

const Stats::Counter* Stats::find(std::string_view group, std::string_view name) const {
  for (const Counter& counter : counters)
    if (counter.group == group && counter.name == name) return &counter;
  return nullptr;
}

std::uint64_t Stats::total(std::string_view group, std::string_view name) const {
  const Counter* counter = find(group, name);
  return counter != nullptr ? counter->total() : 0;
}

std::string Stats::to_text() const {
  std::string text;
  for (const Counter& counter : counters) {
    if (counter.total() == 0) continue;
    std::string line = std::string(counter.group) + "." + std::string(counter.name);
    line.resize(std::max<std::size_t>(line.size() + 1, 36), ' ');
    text += line + std::to_string(counter.total()) + "\n";
  }
  return text;
}

std::string Stats::to_json() const {
  nlohmann::ordered_json json;
  for (const Counter& counter : counters) json[std::string(counter.group)][std::string(counter.name)] = counter.by_lcore;
  return json.dump();
}

}  // namespace millrace

// SPDX-License-Identifier: BSD-3-Clause
// Adds up where packets begin and end. Called by the engine at its end and in every snapshot, and by tests' fixtures.
#include <millrace/stats/ledger.hpp>

#include <utility>
#include <vector>

namespace millrace::stats {
namespace {

using Lines = std::vector<std::pair<std::string, std::uint64_t>>;

Lines begun(const LcoreStats& s) {
  return {{"rx", s.port[Port::rx_packets]},
          {"rx without a buffer", s.port[Port::rx_no_buffer]},
          {"made", s.ledger[Ledger::made]},
          {"from threads", s.ledger[Ledger::from_thread]}};
}

Lines ended(const LcoreStats& s) {
  Lines lines{{"tx", s.port[Port::tx_packets]},
              {"merged", s.gro[Gro::merged] + s.gro[Gro::merged_free]},
              {"joined", s.ledger[Ledger::joined]},
              {"delivered", s.ledger[Ledger::delivered]},
              {"to threads", s.ledger[Ledger::to_thread]},
              {"used", s.ledger[Ledger::used]}};
  for (unsigned i = 0; i < static_cast<unsigned>(DropReason::count_); ++i) {
    const auto reason = static_cast<DropReason>(i);
    lines.emplace_back(std::string("dropped as ") + info(reason).name, s.drop[reason]);
  }
  return lines;
}

// Line by line over all lcores.
Lines sum(std::span<const LcoreStats* const> lcores, Lines (*side)(const LcoreStats&)) {
  Lines all = side(LcoreStats{});
  for (const LcoreStats* lcore : lcores) {
    const Lines one = side(*lcore);
    for (std::size_t i = 0; i < all.size(); ++i) all[i].second += one[i].second;
  }
  return all;
}

std::uint64_t total(const Lines& lines) {
  std::uint64_t sum = 0;
  for (const auto& line : lines) sum += line.second;
  return sum;
}

std::string text_of(const char* side, const Lines& lines) {
  std::string text = std::string(side) + " " + std::to_string(total(lines)) + ":";
  for (const auto& [name, value] : lines)
    if (value != 0) text += " " + name + " " + std::to_string(value) + ",";
  text.back() = ';';
  return text;
}

}  // namespace

PacketBalance packet_balance(std::span<const LcoreStats* const> lcores) {
  return {.begun = total(sum(lcores, begun)), .ended = total(sum(lcores, ended))};
}

std::string packet_balance_text(std::span<const LcoreStats* const> lcores) {
  return text_of("begun", sum(lcores, begun)) + " " + text_of("ended", sum(lcores, ended));
}

}  // namespace millrace::stats

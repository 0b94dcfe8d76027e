// SPDX-License-Identifier: BSD-3-Clause
// The 82576s that the conformance suite is run on.
#include "tests/devmodel/igb/igb.hpp"
#include "tests/devmodel/subject.hpp"

namespace millrace::devmodel {
namespace {

/// Frames of A3's size that the model's FIFO holds behind a full ring.
constexpr std::uint16_t in_fifo = igb::Options{}.rx_fifo_kib * 1024 / 142;

}  // namespace

std::vector<std::unique_ptr<Subject>> make_subjects() {
  using igb::Igb;
  std::vector<std::unique_ptr<Subject>> all;
  all.push_back(make_subject<Igb>({.name = "82576", .driver = "net_e1000_igb", .queues = 4, .usable = 255 + in_fifo, .hashes = true}));
  all.push_back(make_subject<Igb>({.name = "without FIFO", .driver = "net_e1000_igb", .queues = 4, .usable = 255, .hashes = true}, igb::Options{.rx_fifo_kib = 0}));
  return all;
}

}  // namespace millrace::devmodel

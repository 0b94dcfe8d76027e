// SPDX-License-Identifier: BSD-3-Clause
// The ENA devices that the conformance suite is run on. Called by subject.cpp.
#include "tests/devmodel/ena/ena.hpp"
#include "tests/devmodel/subject.hpp"

namespace millrace::devmodel {

std::vector<std::unique_ptr<Subject>> make_subjects() {
  using ena::Ena;
  using ena::Profile;
  // The tail of a ring never meets its head: one place stays free.
  const Traits low_latency{.name = "low latency queues", .driver = "net_ena", .queues = 4, .usable = 255, .hashes = true};
  Traits metadata_each_time = low_latency;
  metadata_each_time.name = "four queues, metadata with each packet";
  Traits host_rings = low_latency;
  host_rings.name = "rings in host memory";
  Traits without_offloads = low_latency;
  without_offloads.name = "without offloads";
  without_offloads.checksums = without_offloads.tso = false;

  std::vector<std::unique_ptr<Subject>> all;
  all.push_back(make_subject<Ena>(low_latency, Profile{}));
  all.push_back(make_subject<Ena>(host_rings, Profile{.llq = false}));
  all.push_back(make_subject<Ena>(metadata_each_time, Profile{.queues = 4, .meta_caching = false}));
  all.push_back(make_subject<Ena>(without_offloads, Profile{.tx_offloads = 0, .rx_offloads = 0x8}));
  return all;
}

}  // namespace millrace::devmodel

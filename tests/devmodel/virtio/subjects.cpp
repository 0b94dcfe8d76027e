// SPDX-License-Identifier: BSD-3-Clause
// The virtio devices that the conformance suite is run on.
#include "tests/devmodel/subject.hpp"
#include "tests/devmodel/virtio/net.hpp"

namespace millrace::devmodel {

std::vector<std::unique_ptr<Subject>> make_subjects() {
  using virtio::Net;
  std::vector<std::unique_ptr<Subject>> all;
  all.push_back(make_subject<Net>({.name = "split ring", .driver = "net_virtio"}, Net::Options{.mtu = 9000}));
  const std::map<conformance::Lack, std::string> no_chains{{conformance::Lack::segments, "virtqueue.h: vring_desc_init_indirect_packed(): no chains on a packed ring"}};
  all.push_back(make_subject<Net>({.name = "packed ring", .driver = "net_virtio", .tso = false, .lacks = no_chains}, Net::Options{.mtu = 9000, .packed = true}));
  all.push_back(make_subject<Net>({.name = "without offloads", .driver = "net_virtio", .checksums = false, .tso = false}, Net::Options{.mtu = 9000, .checksums = false, .tso = false}));
  all.push_back(make_subject<Net>({.name = "four queues", .driver = "net_virtio", .queues = 4}, Net::Options{.queue_pairs = 4, .mtu = 9000}));
  return all;
}

}  // namespace millrace::devmodel

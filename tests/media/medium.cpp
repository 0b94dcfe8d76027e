// SPDX-License-Identifier: BSD-3-Clause
// What the media have in common: EAL without devices, and waiting. Called by the conformance suite.
#include "tests/media/medium.hpp"

#include <millrace/runtime/eal.hpp>

#include <rte_ethdev.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <thread>

namespace millrace {

const std::vector<std::unique_ptr<conformance::Subject>>& conformance::subjects() {
  static const auto& all = *[] {
    std::signal(SIGPIPE, SIG_IGN);  // virtio-user writes to a socket whose other end has gone (vhost_user.c: vhost_user_write())
    auto* const made = new std::vector<std::unique_ptr<Subject>>(media::make_subjects());
    if (const auto started = runtime::eal_start({}); !started) throw std::runtime_error(started.error().message);
    return made;
  }();
  return all;
}

namespace media {

bool wait_until(const std::function<bool()>& done, std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return true;
}

bool is_link_up(const std::string& device) {
  std::uint16_t id = 0;
  rte_eth_link link{};
  return rte_eth_dev_get_port_by_name(device.c_str(), &id) == 0 && rte_eth_link_get_nowait(id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

std::string own_path(const std::string& name) { return "/tmp/millrace_" + name + "_" + std::to_string(getpid()); }

std::vector<Frame> Medium::sent(std::size_t count) {
  std::vector<Frame> frames;
  wait_until([&] {
    collect(frames);
    return frames.size() >= count;
  });
  return frames;
}

}  // namespace media
}  // namespace millrace

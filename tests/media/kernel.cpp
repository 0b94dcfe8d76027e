// SPDX-License-Identifier: BSD-3-Clause
// The kernel at the far end of a port. Called by the subjects; needs root.
#include "tests/media/kernel.hpp"

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace millrace::media {

using namespace std::chrono_literals;

void enter_namespace() {
  if (const auto reason = test::enter_network_namespace()) {
    std::fprintf(stderr, "SKIP: %s\n", reason->c_str());
    std::exit(test::exit_skipped);
  }
  test::new_interfaces_without_ipv6();
}

bool KernelMedium::inject(std::span<const std::uint8_t> frame) {
  // A socket tells once that its interface was down, though it is up again.
  for (int attempt = 0; far_end_ && attempt < 2; ++attempt) {
    try {
      far_end_->send(frame);
      return true;
    } catch (const std::runtime_error&) {
    }
  }
  return false;
}

void KernelMedium::collect(std::vector<Frame>& frames) {
  if (!far_end_) return;
  while (auto frame = far_end_->receive(0ms)) frames.push_back(std::move(*frame));
}

Result<void> Veth::attach(ethdev::Options options, const MakePort& make_port) {
  if (!near_.exists()) give_back();
  far_end_.emplace(far_);
  options.name = name_;
  options.args = args_ + (traits.queues > 1 ? ",qpairs=" + std::to_string(options.rx_queues) : "");
  Result<void> made = make_port(options);
  if (!made) far_end_.reset();
  return made;
}

void Veth::detach(const std::function<void()>& end_port) {
  end_port();
  far_end_.reset();
}

void Veth::lose() {
  far_end_.reset();
  if (near_.exists()) near_.remove();
}

void Veth::give_back() {
  test::make_veth(near_.name(), far_.name());
  for (test::KernelInterface* const end : {&near_, &far_}) {
    end->set_mtu(mtu_);
    end->set_up(true);
  }
}

}  // namespace millrace::media

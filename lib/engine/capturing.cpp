// SPDX-License-Identifier: BSD-3-Clause
// The life of a capture. Called by the engine; calls capture::Tap and capture::Writer.
#include <millrace/engine/capturing.hpp>

#include <millrace/engine/options.hpp>

#include <algorithm>
#include <ctime>

namespace millrace {
namespace {

// Unix time at the zero of CLOCK_MONOTONIC, by which the engine runs.
Duration unix_time_of_monotonic_zero() {
  timespec real{};
  timespec monotonic{};
  clock_gettime(CLOCK_REALTIME, &real);
  clock_gettime(CLOCK_MONOTONIC, &monotonic);
  return std::chrono::seconds(real.tv_sec - monotonic.tv_sec) + Duration(real.tv_nsec - monotonic.tv_nsec);
}

}  // namespace

Result<std::unique_ptr<Capturing>> Capturing::open(const Config& config, std::size_t lcores, bool manual) {
  const config::Capture& wanted = config.capture;
  capture::Writer::Options options{.interfaces = {},
                                   .max_bytes = wanted.max_bytes,
                                   .snaplen = wanted.snaplen,
                                   .unix_epoch = manual ? Duration{} : unix_time_of_monotonic_zero()};
  for (const config::Port& port : config.ports) options.interfaces.push_back(port.name);
  for (std::size_t i = 0; i < config.stacks.size(); ++i) options.interfaces.push_back(loopback_name(config, i));
  Result<std::unique_ptr<capture::Writer>> writer = capture::Writer::open(wanted.file, options);
  if (!writer) return tl::unexpected(writer.error());
  std::unique_ptr<Capturing> capturing(new Capturing(std::move(*writer)));
  capturing->directions_ = wanted.direction;
  for (std::size_t i = 0; i < options.interfaces.size(); ++i)
    if (wanted.ports.empty() ||
        std::find(wanted.ports.begin(), wanted.ports.end(), options.interfaces[i]) != wanted.ports.end())
      capturing->interfaces_ |= 1ull << ((i + 1) & 63);
  for (std::size_t i = 0; i < lcores; ++i) {
    capturing->taps_.push_back(std::make_unique<capture::Tap>(wanted.buffer_bytes, wanted.snaplen));
    capturing->tap_list_.push_back(capturing->taps_.back().get());
  }
  if (!manual) capturing->thread_ = std::thread([self = capturing.get()] { self->run(); });
  return capturing;
}

Capturing::~Capturing() {
  stopping_.store(true);
  if (thread_.joinable()) thread_.join();
  while (write() != 0) {
  }
}

runtime::CapturePoint Capturing::point(std::size_t lcore, capture::Direction direction) const {
  using config::CaptureDirection;
  const auto only = direction == capture::Direction::in ? CaptureDirection::in : CaptureDirection::out;
  if (directions_ != CaptureDirection::both && directions_ != only) return {};
  return {taps_[lcore].get(), &interfaces_};
}

void Capturing::run() {
  while (!stopping_.load(std::memory_order_relaxed))
    if (write() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

}  // namespace millrace

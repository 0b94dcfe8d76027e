// SPDX-License-Identifier: BSD-3-Clause
// The life of a capture. Called by the engine; calls capture::Tap and capture::Writer.
#include <millrace/engine/capturing.hpp>

#include <millrace/base/log.hpp>

#include <algorithm>
#include <ctime>
#include <utility>

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

capture::Interest interest_of(const config::Capture& wanted, const std::vector<std::string>& interfaces) {
  using config::CaptureDirection;
  capture::Interest interest;
  constexpr unsigned out = 1u << static_cast<unsigned>(TapPoint::out);
  unsigned points = 0;
  for (const config::CapturePoint point : wanted.points) points |= 1u << static_cast<unsigned>(point);
  if (wanted.direction == CaptureDirection::in) points &= ~out;
  if (wanted.direction == CaptureDirection::out) points &= out;
  interest.points = static_cast<std::uint8_t>(points);
  for (std::size_t i = 0; i < interfaces.size(); ++i)
    if (wanted.ports.empty() || std::find(wanted.ports.begin(), wanted.ports.end(), interfaces[i]) != wanted.ports.end())
      interest.interfaces |= std::uint64_t{1} << ((i + 1) & 63);
  return interest;
}

}  // namespace

static_assert(static_cast<int>(config::CapturePoint::driver) == static_cast<int>(TapPoint::driver));
static_assert(static_cast<int>(config::CapturePoint::drop) == static_cast<int>(TapPoint::drop));

Result<std::unique_ptr<Capturing>> Capturing::open(const config::Capture& wanted, const std::vector<std::string>& interfaces,
                                                   std::size_t lcores, bool manual) {
  capture::Interest interest = interest_of(wanted, interfaces);
  if (!wanted.filter.empty()) {
    auto filter = bpf::Filter::compile(wanted.filter);
    if (!filter) return failure(filter.error().code, std::string("capture.filter: ").append(filter.error().message));
    interest.filter = *filter;
  }
  const capture::Writer::Options options{.interfaces = interfaces,
                                         .max_bytes = wanted.max_bytes,
                                         .snaplen = wanted.snaplen,
                                         .unix_epoch = manual ? Duration{} : unix_time_of_monotonic_zero()};
  Result<std::unique_ptr<capture::Writer>> writer = capture::Writer::open(wanted.file, options);
  if (!writer) return tl::unexpected(writer.error());
  std::unique_ptr<Capturing> capturing(new Capturing(std::move(*writer), wanted.file));
  capturing->interest_ = std::move(interest);
  for (std::size_t i = 0; i < lcores; ++i) {
    capturing->taps_.push_back(std::make_unique<capture::Tap>(wanted.buffer_bytes, wanted.snaplen));
    capturing->tap_list_.push_back(capturing->taps_.back().get());
  }
  if (!manual) capturing->thread_ = std::thread([self = capturing.get()] { self->run(); });
  return capturing;
}

Capturing::~Capturing() { finish(); }

void Capturing::finish() {
  stopping_.store(true);
  if (thread_.joinable()) thread_.join();
  while (write() != 0) {
  }
  // Nobody may ask for the totals, in which it stands, too.
  if (const Result<void> flushed = writer_->flush(); !flushed && !std::exchange(is_failure_told_, true))
    log(LogLevel::error, "capture " + file_ + ": " + flushed.error().message + "; " + std::to_string(writer_->totals().failed) +
                             " frames are not in it: make room, or name another file");
}

capture::Tap::Totals Capturing::tap_totals() const {
  capture::Tap::Totals sum;
  for (const auto& tap : taps_) {
    const capture::Tap::Totals one = tap->totals();
    sum.recorded += one.recorded;
    sum.dropped += one.dropped;
    sum.after_stop += one.after_stop;
  }
  return sum;
}

void Capturing::run() {
  while (!stopping_.load(std::memory_order_relaxed))
    if (write() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

}  // namespace millrace

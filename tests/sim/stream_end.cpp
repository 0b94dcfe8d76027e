// SPDX-License-Identifier: BSD-3-Clause
// One end of a stream of the simulated world. Called by Traffic and by the callbacks of its Stream.
#include "tests/sim/stream_end.hpp"

#include "tests/sim/content.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace millrace::test {

Traffic::StreamEnd::StreamEnd(Traffic& traffic, std::size_t stream, std::size_t host)
    : traffic_(traffic),
      stream_index_(stream),
      host_(host),
      to_send_(traffic.plan_.streams[stream].bytes[host]),
      to_receive_(traffic.plan_.streams[stream].bytes[1 - host]),
      key_out_(content_word(traffic.plan_.seed, 2 * stream + host)),
      key_in_(content_word(traffic.plan_.seed, 2 * stream + 1 - host)),
      rng_(traffic.rng_.fork()),
      closes_first_(rng_.chance(0.5)) {}

void Traffic::StreamEnd::attach(Stream& stream) {
  if (attached_) return complain("was connected twice");
  attached_ = true;
  stream_ = &stream;
  note("attached on lcore", stream.sockets().lcore());
  if (rng_.chance(0.3)) stream.set_no_delay(true);
  stream.on_readable([this](Stream&) { read(); });
  stream.on_writable([this](Stream&) { write(); });
  stream.on_closed([this](Stream&, int error) { closed(error); });
  stream.on_connected([this](Stream&) {
    note("connected", 0);
    write();
  });
}

template <class Resume>
void Traffic::StreamEnd::pause(bool& paused, Resume resume) {
  paused = true;
  const Duration length = rng_.chance(0.02) ? Duration(rng_.below(3'000'000'000)) : Duration(rng_.below(10'000'000));
  stream_->sockets().after(length, [this, &paused, resume] {
    paused = false;
    resume(*this);
  });
}

void Traffic::StreamEnd::read() {
  while (stream_ != nullptr && !reading_paused_ && !at_end_) {
    const std::span<std::uint8_t> into(traffic_.block_.data(), 1 + rng_.below(1 + rng_.below(static_cast<std::uint32_t>(traffic_.block_.size() / 2))));
    const std::int64_t n = stream_->read(into);
    if (n == -EAGAIN) return;
    if (n < 0) return complain(std::string("read: ") + std::strerror(static_cast<int>(-n)));
    if (n == 0) {
      at_end_ = true;
      ++traffic_.progress_;
      note("read its end after", received_);
      if (received_ != to_receive_) complain("ended after " + std::to_string(received_) + " bytes");
      return close_if_finished();
    }
    if (!take(into.first(static_cast<std::size_t>(n)))) return;
    if (traffic_.plan_.pauses && rng_.chance(0.02)) pause(reading_paused_, [](StreamEnd& self) { self.read(); });
  }
}

bool Traffic::StreamEnd::take(std::span<const std::uint8_t> bytes) {
  const std::span<std::uint8_t> expected(traffic_.block_.data() + traffic_.block_.size() / 2, bytes.size());
  fill_content(key_in_, received_, expected);
  const auto differs = std::mismatch(bytes.begin(), bytes.end(), expected.begin()).first;
  if (differs != bytes.end() || bytes.size() > to_receive_ - received_) {
    complain("byte " + std::to_string(received_ + (differs - bytes.begin())) + " is wrong or too much");
    return false;
  }
  note("delivered", bytes.size());
  received_ += static_cast<std::uint32_t>(bytes.size());
  traffic_.bytes_delivered_ += bytes.size();
  traffic_.progress_ += bytes.size();
  return true;
}

void Traffic::StreamEnd::write() {
  while (stream_ != nullptr && !writing_paused_ && sent_ < to_send_) {
    const std::uint32_t wanted = std::min(to_send_ - sent_, 1 + rng_.below(1 + rng_.below(static_cast<std::uint32_t>(traffic_.block_.size()))));
    const std::span<std::uint8_t> bytes(traffic_.block_.data(), wanted);
    fill_content(key_out_, sent_, bytes);
    const std::int64_t n = stream_->write(bytes);
    if (n == -EAGAIN) return;
    if (n < 0) return complain(std::string("write: ") + std::strerror(static_cast<int>(-n)));
    note("wrote", static_cast<std::uint64_t>(n));
    sent_ += static_cast<std::uint32_t>(n);
    traffic_.progress_ += static_cast<std::uint64_t>(n);
    if (n < wanted) return;
    if (traffic_.plan_.pauses && rng_.chance(0.02)) pause(writing_paused_, [](StreamEnd& self) { self.write(); });
  }
  if (stream_ == nullptr || sent_ < to_send_ || shut_) return;
  shut_ = true;
  stream_->shutdown_write();
  close_if_finished();
}

void Traffic::StreamEnd::close_if_finished() {
  if (!closes_first_ || !shut_ || !at_end_) return;
  done_ = true;
  note("closes", 0);
  std::exchange(stream_, nullptr)->close();
}

void Traffic::StreamEnd::closed(int error) {
  // What was received can be read now or never.
  while (std::exchange(reading_paused_, false)) read();
  stream_ = nullptr;
  done_ = true;
  ++traffic_.progress_;
  note("closed", static_cast<std::uint64_t>(error));
  if (error != 0) complain(std::string("ended with ") + std::strerror(error));
  if (!at_end_ || !shut_) complain("ended too early");
}

void Traffic::StreamEnd::complain(const std::string& what) { traffic_.complain(to_string() + ": " + what); }

void Traffic::StreamEnd::note(const char* what, std::uint64_t value) {
  traffic_.trace_.stream(traffic_.now(), host_, stream_index_, what, value);
}

std::string Traffic::StreamEnd::to_string() const {
  return "stream " + std::to_string(stream_index_) + " at host " + std::to_string(host_) + ": sent " + std::to_string(sent_) + " of " +
         std::to_string(to_send_) + ", received " + std::to_string(received_) + " of " + std::to_string(to_receive_) +
         (!attached_ ? ", not open" : done_ ? ", done" : at_end_ ? ", at the end" : "") + (reading_paused_ ? ", reading paused" : "") +
         (writing_paused_ ? ", writing paused" : "");
}

}  // namespace millrace::test

// SPDX-License-Identifier: BSD-3-Clause
// The states of a DHCP client. Called by Dhcp (receive), the timing wheel and the address probe; calls messages.cpp and its
// owner. RFC 2131 sections 3.1 and 4.4; RFC 5227.
#include <millrace/stack/dhcp/client.hpp>

#include <millrace/base/log.hpp>

#include <algorithm>
#include <utility>

namespace millrace::dhcp {
namespace {

constexpr std::uint32_t first_wait_ms = 1000;
constexpr int most_requests = 4;                  // section 4.4.1: 60 seconds of them, then the beginning
constexpr int most_reboot_requests = 2;           // 12 seconds: where the host is now, that server may not be
constexpr Duration decline_wait = 10s;            // section 3.1, step 5
constexpr Duration least_nak_wait = 1s;           // systemd-networkd's, so that a server that refuses all is not stormed
constexpr Duration most_nak_wait = 64s;
constexpr Duration least_renewal_wait = 60s;      // section 4.4.5
constexpr int announce_num = 2;                   // RFC 5227 section 1.1
constexpr Duration announce_interval = 2s;

}  // namespace

Client::Client(Env& env, ip::Stack& ip, neighbor::Interface& interface, Owner& owner, const Options& options)
    : env_(env),
      ip_(ip),
      interface_(interface),
      owner_(owner),
      releases_(options.release),
      state_(options.had ? State::init_reboot : State::init),
      wish_(options.had) {
  arm(env_.now + std::chrono::milliseconds(env_.rng.below(first_wait_ms)));
}

Client::~Client() { env_.wheel->cancel(timer_); }

void Client::fire(void* self, Instant) { static_cast<Client*>(self)->on_timer(); }

void Client::on_timer() {
  switch (state_) {
    case State::init_reboot: return reboot();
    case State::rebooting: return sent_ < most_reboot_requests ? request() : start_over(Duration{0});
    case State::init: return select();
    case State::selecting: return discover();
    case State::requesting: return sent_ < most_requests ? request() : start_over(Duration{0});
    case State::probing: return start_over(Duration{0});  // the lease ended before its address was known to be free
    case State::bound:
      if (t1() <= env_.now) return renew();
      --announcements_;
      ip_.neighbors().announce(interface_, lease_->address.address);
      return wait_for_renewal();
    case State::renewing:
    case State::rebinding: return expires() <= env_.now ? lose_lease() : renew();
  }
}

void Client::start_over(Duration wait) {
  state_ = State::init;
  lease_.reset();
  probe_.reset();
  if (wait == Duration{0}) return select();
  arm(env_.now + wait);
}

void Client::begin(State state) {
  state_ = state;
  acquiring_ = env_.now;
  xid_ = static_cast<std::uint32_t>(env_.rng.next());
  sent_ = 0;
}

void Client::reboot() {
  begin(State::rebooting);
  request();
}

void Client::select() {
  begin(State::selecting);
  discover();
}

// Section 4.4.1: whether it was sent to this client, for what it asked last.
bool Client::is_answer(const wire::DhcpMessage& message) const {
  return message.is_reply && message.xid == xid_ && message.chaddr == interface_.mac && (!message.client_id || *message.client_id == interface_.mac);
}

void Client::receive(std::span<const std::uint8_t> bytes) {
  const auto message = wire::DhcpMessage::parse(bytes);
  if (!message || !is_answer(*message)) return;
  switch (message->type) {
    case wire::DhcpType::offer: return on_offer(*message);
    case wire::DhcpType::ack: return on_ack(*message);
    case wire::DhcpType::nak: return on_nak(*message);
    default: return;
  }
}

// The first one is taken, as by Linux's clients.
void Client::on_offer(const wire::DhcpMessage& message) {
  if (state_ != State::selecting || sent_ == 0) return;
  lease_ = lease_of(message);
  if (!lease_) return;
  state_ = State::requesting;
  sent_ = 0;
  request();
}

// Sections 4.4.2 and 4.4.5: in REBOOTING and REBINDING any server may.
bool Client::may_answer(const IpAddress& server) const {
  if (state_ == State::rebooting || state_ == State::rebinding) return true;
  return (state_ == State::requesting || state_ == State::renewing) && server == lease_->server;
}

void Client::on_ack(const wire::DhcpMessage& message) {
  const auto given = lease_of(message);
  if (!given || !may_answer(given->server) || given->address.address != wanted()) return;
  if (after(asked_, given->lasts) <= env_.now) return;  // it comes too late
  begun_ = asked_;
  if (lease() != nullptr) return extend(*given);
  lease_ = given;
  state_ = State::probing;
  arm(expires());
  probe_ = std::make_unique<neighbor::AddressProbe>(env_, ip_.neighbors(), interface_, lease_->address.address, [this](bool is_free) { probed(is_free); });
}

// Section 3.1, steps 4 and 6; section 4.4.5: what is refused is not used any more.
void Client::on_nak(const wire::DhcpMessage& message) {
  if (!message.server_id || !may_answer(*message.server_id)) return;
  wish_.reset();  // it is no good here
  nak_wait_ = std::clamp(2 * nak_wait_, least_nak_wait, most_nak_wait);
  const bool was_bound = lease() != nullptr;
  start_over(nak_wait_);
  if (was_bound) owner_.lease_changed(interface_);
}

void Client::probed(bool is_free) {
  if (is_free) return bind();
  log(LogLevel::warn, interface_.name + ": DHCP: somebody has " + lease_->address.address.to_string() + " already, another address is asked for");
  env_.stats->neighbor.add(stats::Neighbor::address_conflicts);
  decline();
  wish_.reset();
  start_over(decline_wait);
}

void Client::bind() {
  state_ = State::bound;
  probe_.reset();
  nak_wait_ = Duration{0};
  wish_ = lease_->address.address;
  owner_.lease_changed(interface_);
  ip_.neighbors().announce(interface_, *wish_);
  announcements_ = announce_num - 1;
  wait_for_renewal();
}

void Client::wait_for_renewal() { arm(announcements_ > 0 ? std::min(env_.now + announce_interval, t1()) : t1()); }

// Section 4.4.5: half of what is left until T2, then until the lease's end, is waited for an answer, but a minute at least.
void Client::renew() {
  const State wanted = t2() <= env_.now ? State::rebinding : State::renewing;
  if (state_ == State::bound) acquiring_ = env_.now;
  state_ = wanted;
  announcements_ = 0;
  request_more();
  const Instant end = state_ == State::renewing ? t2() : expires();
  const Duration half = end == never ? Duration(std::chrono::hours(24)) : (end - env_.now) / 2;
  arm(std::min(env_.now + std::max(half, least_renewal_wait), end));
}

void Client::extend(const Lease& lease) {
  lease_ = lease;
  state_ = State::bound;
  owner_.lease_changed(interface_);
  wait_for_renewal();
}

void Client::lose_lease() {
  log(LogLevel::warn, interface_.name + ": DHCP: the lease of " + lease_->address.address.to_string() + " has ended");
  start_over(Duration{0});
  owner_.lease_changed(interface_);
}

void Client::shut_down() {
  if (lease() != nullptr && releases_) release();
  state_ = State::init;
  probe_.reset();
  env_.wheel->cancel(timer_);
}

}  // namespace millrace::dhcp

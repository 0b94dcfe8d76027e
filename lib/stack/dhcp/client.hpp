// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/stack/dhcp/lease.hpp>
#include <millrace/stack/ip/stack.hpp>
#include <millrace/stack/neighbor/address_probe.hpp>
#include <millrace/timer/wheel.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace millrace::dhcp {

/// RFC 2131 figure 5; probing is section 2.2's look whether the address is free.
enum class State : std::uint8_t { init_reboot, rebooting, init, selecting, requesting, probing, bound, renewing, rebinding };

/// A client has no memory beyond a run of the program; who has one says what it was.
struct Options {
  std::optional<IpAddress> had{};  ///< the address of an earlier lease: it is asked for before any other (section 3.2)
  bool release = true;             ///< at its end the client gives the lease back
};

/// What a client asks of who owns it.
class Owner {
 public:
  virtual ~Owner() = default;
  /// Client::lease() has another value. From within a timer or a received message.
  virtual void lease_changed(neighbor::Interface& interface) = 0;
  /// Sends from port 68 of the own address to a server's port 67.
  virtual void send_to_server(const IpAddress& own, const IpAddress& server, std::span<const std::uint8_t> message) = 0;
};

/// DHCP's client (RFC 2131) of one interface, on the lcore that speaks for it. It identifies itself by the MAC (client
/// identifier 1, MAC, as Linux's clients do), takes the first offer that fits and probes its address (RFC 5227). One thread.
class Client {
 public:
  /// It begins in the first second, at random (RFC 2131 section 4.4.1 wants up to ten, which no client of Linux waits).
  Client(Env& env, ip::Stack& ip, neighbor::Interface& interface, Owner& owner, const Options& options = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// The payload of a datagram to port 68 that came in on the interface.
  void receive(std::span<const std::uint8_t> bytes);
  /// Tells the server that the lease is not needed any more, unless it is to be kept; the client does nothing from then on.
  void shut_down();

  /// What the interface has; null: nothing.
  [[nodiscard]] const Lease* lease() const { return state_ >= State::bound ? &*lease_ : nullptr; }
  /// Until when.
  [[nodiscard]] Instant expires() const { return after(begun_, lease_->lasts); }
  [[nodiscard]] State state() const { return state_; }

 private:
  // client.cpp: what happens
  static void fire(void* self, Instant now);
  void on_timer();
  void arm(Instant when) { env_.wheel->arm(timer_, when); }
  void start_over(Duration wait);
  void begin(State state);
  void reboot();
  void select();
  void on_offer(const wire::DhcpMessage& message);
  void on_ack(const wire::DhcpMessage& message);
  void on_nak(const wire::DhcpMessage& message);
  void probed(bool is_free);
  void bind();
  void wait_for_renewal();
  void renew();
  void extend(const Lease& lease);
  void lose_lease();
  [[nodiscard]] bool is_answer(const wire::DhcpMessage& message) const;
  [[nodiscard]] bool may_answer(const IpAddress& server) const;
  [[nodiscard]] IpAddress wanted() const { return lease_ ? lease_->address.address : *wish_; }
  [[nodiscard]] Instant t1() const { return after(begun_, lease_->t1); }
  [[nodiscard]] Instant t2() const { return after(begun_, lease_->t2); }

  // messages.cpp: what is said
  void discover();
  void request();
  void request_more();
  void decline();
  void release();
  [[nodiscard]] wire::DhcpMessage message(wire::DhcpType type) const;
  void broadcast(const IpAddress& source, const wire::DhcpMessage& message);
  [[nodiscard]] Duration pause();

  Env& env_;
  ip::Stack& ip_;
  neighbor::Interface& interface_;
  Owner& owner_;
  const bool releases_;
  State state_;
  std::uint32_t xid_ = 0;
  int sent_ = 0;                          ///< in this state
  Duration backoff_{};                    ///< of the next retransmission
  Duration nak_wait_{};                   ///< before the next beginning, after a refusal
  int announcements_ = 0;                 ///< of the address, still to come
  Instant acquiring_{};                   ///< since when: `secs`
  std::uint16_t secs_ = 0;                ///< of the last DISCOVER
  Instant begun_{};                       ///< when the lease was asked for
  Instant asked_{};                       ///< when the last request was sent
  std::optional<IpAddress> wish_;         ///< an address that it had before
  std::optional<Lease> lease_{};          ///< offered, then had
  std::unique_ptr<neighbor::AddressProbe> probe_{};
  timer::Timer timer_{&Client::fire, this};
};

}  // namespace millrace::dhcp

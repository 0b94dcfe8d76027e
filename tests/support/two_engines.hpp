// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/engine/engine.hpp>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::test {

/// A host with one sim port "p0" and one stack: 10.77.0.`host`/24 and fd00:77::`host`/64. With more than one lcore RPS
/// spreads over all. Under the manual clock.
[[nodiscard]] Config host_config(std::uint16_t host, std::size_t lcores = 1);
/// Throws when the text is none.
[[nodiscard]] Endpoint endpoint(std::string_view text);

/// Two engines on one link, both stepped by the test's thread under one manual clock. At the end both are destroyed;
/// no packet may have been freed without a reason.
class TwoEngines {
 public:
  struct Options {
    std::size_t lcores_a = 1;
    std::size_t lcores_b = 1;
    Impairment there{};  ///< from a to b
    Impairment back{};
    std::function<void(Config&)> adjust_a{};
    std::function<void(Config&)> adjust_b{};
  };
  TwoEngines() : TwoEngines(Options{}) {}
  explicit TwoEngines(const Options& options);
  ~TwoEngines();

  /// Passes of both until neither has anything to do at this moment.
  void settle();
  /// Settles, then jumps from deadline to deadline until `done`; false when that takes longer than `patience`.
  bool run_until(const std::function<bool()>& done, Duration patience = std::chrono::seconds(300));
  void run_for(Duration time);
  /// Passes of both, or a jump to the next deadline, at most to `until`: for ThreadQueue::set_step.
  bool step(Instant until);
  [[nodiscard]] Instant now() const { return now_; }
  /// Waits until every connection has left TIME-WAIT; then every buffer must be in its pool again.
  void check_pools();

  /// The sockets of one lcore: its engine is not running, so they may be used between passes.
  [[nodiscard]] static Sockets& sockets(Engine& engine, std::uint16_t lcore = 0);

  std::unique_ptr<Engine> a;  ///< 10.77.0.1
  std::unique_ptr<Engine> b;  ///< 10.77.0.2

 private:
  std::uint64_t lost_before_;
  std::uint64_t unbalanced_before_;
  Instant now_;
};

/// What one side of a TCP connection saw; its callbacks collect everything.
struct Conversation {
  Stream* stream = nullptr;  ///< null once it has ended
  std::string received;
  bool connected = false;
  bool ended = false;  ///< the peer's FIN
  int readable = 0;
  int writable = 0;
  int closed = -1;  ///< the error of on_closed

  void join(Stream& s);
  void read_all();
};

[[nodiscard]] inline std::span<const std::uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
/// Bytes of which no two stretches look alike.
[[nodiscard]] std::string pattern(std::size_t size, std::uint64_t seed = 1);

/// Gives the connections that arrive at `local` on every lcore to conversations, in the order of their coming.
void accept_into(Engine& engine, const Endpoint& local, std::vector<std::unique_ptr<Conversation>>& into);
/// Echoes, in the order of coming, what arrives; closes after the peer has. With room for as much as it sends.
void echo(Stream& stream);

}  // namespace millrace::test

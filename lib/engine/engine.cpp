// SPDX-License-Identifier: BSD-3-Clause
// The facade: life of an engine, its threads, manual drive, calls from outside. Called by applications; calls the parts
// that build.cpp made.
#include <millrace/engine/impl.hpp>
#include <millrace/engine/options.hpp>

#include <millrace/base/log.hpp>

#include <millrace/runtime/eal.hpp>
#include <millrace/runtime/topology.hpp>

#include <algorithm>
#include <cerrno>
#include <future>
#include <sys/random.h>

namespace millrace {
namespace {

std::atomic<std::uint64_t> unbalanced{0};

std::uint64_t drawn_seed() {
  std::uint64_t seed = 0;
  while (seed == 0)
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed) seed = 0;
  return seed;
}

void check_link(const Config& config, const std::string& port, const LinkEnd& end, std::vector<config::Problem>& problems) {
  const auto at = std::find_if(config.ports.begin(), config.ports.end(), [&](const config::Port& p) { return p.name == port; });
  if (at == config.ports.end() || at->driver != config::PortDriver::sim)
    problems.push_back({.key = "links", .value = port, .message = "must be the name of a sim port"});
  if (end.link == nullptr) problems.push_back({.key = "links", .value = port, .message = "must have an end of make_link()"});
}

Error all_problems(const std::vector<config::Problem>& problems) {
  std::string text;
  for (const config::Problem& problem : problems) text.append(text.empty() ? "" : "\n").append(problem.to_string());
  return Error{EINVAL, text};
}

}  // namespace

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Engine::~Engine() { stop(); }

Result<std::unique_ptr<Engine>> Engine::create(const Config& config, const std::map<std::string, LinkEnd>& links) {
  std::vector<config::Problem> problems = config::validate(config);
  for (const auto& [port, end] : links) check_link(config, port, end, problems);
  if (!problems.empty()) return tl::unexpected(all_problems(problems));
  auto impl = std::make_unique<Impl>();
  impl->config = with_poll_threads(config);
  if (problems = config::validate(impl->config); !problems.empty()) return tl::unexpected(all_problems(problems));
  impl->seed = config.seed != 0 ? config.seed : drawn_seed();
  if (Result<void> built = impl->build(links); !built) return tl::unexpected(built.error());
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

// Packets go home before the pools do: stacks and pollers first, then rings, then the devices. The first lcores own the
// tx queues, so they go last: the others' farewells leave through them.
Engine::Impl::~Impl() {
  ending.store(true);
  executor.reset();
  for (auto& lcore : lcores) lcore->inbox().clear();
  for (auto lcore = lcores.rbegin(); lcore != lcores.rend(); ++lcore) (*lcore)->shut_down();
  if (tx_rings) tx_rings->drain([&](pkt::Packet p) { drop(lcores[0]->env(), std::move(p), stats::DropReason::shutdown); });
  if (worker_rings) worker_rings->drain([&](pkt::Packet p) { drop(lcores[0]->env(), std::move(p), stats::DropReason::shutdown); });
  for (auto& lcore : lcores) lcore->parts = {};
  parked.clear();
  ports.clear();
  for (auto& lcore : lcores) lcore->env().home = nullptr;
  homes.clear();
  close_books();
}

// Nothing is held any more: what began has ended (receive_path P9).
void Engine::Impl::close_books() const {
  if (packet_balance().is_even()) return;
  unbalanced.fetch_add(1);
  std::vector<const stats::LcoreStats*> all;
  for (const auto& lcore : lcores) all.push_back(&lcore->stats());
  log(LogLevel::error, "an engine ended with packets unaccounted for: " + stats::packet_balance_text(all));
}

std::uint64_t Engine::unbalanced_ends() { return unbalanced.load(); }

std::uint16_t Engine::lcores() const { return static_cast<std::uint16_t>(impl_->lcores.size()); }

Result<void> Engine::start() {
  if (impl_->is_manual()) return failure(EINVAL, "an engine with the manual clock is stepped with run_once(), not started");
  if (impl_->is_running()) return failure(EALREADY, "the engine is running already");
  impl_->stopping.store(false);
  std::vector<std::future<Result<void>>> pinned;
  for (std::uint16_t id = 0; id < lcores(); ++id) {
    std::promise<Result<void>> ready;
    pinned.push_back(ready.get_future());
    impl_->threads.emplace_back([impl = impl_.get(), id, ready = std::move(ready)]() mutable { impl->run_lcore(id, std::move(ready)); });
  }
  for (auto& result : pinned)
    if (Result<void> r = result.get(); !r) {
      stop();
      return r;
    }
  impl_->start_rule_server();
  impl_->start_watchdog();
  return {};
}

void Engine::Impl::run_lcore(std::uint16_t id, std::promise<Result<void>> ready) {
  Result<void> pinned;
  if (const auto& cpu = config.lcores[id].cpu) pinned = runtime::pin_this_thread(*cpu);
  const bool ok = pinned.has_value();
  const runtime::ThreadRegistration registration;
  ready.set_value(std::move(pinned));
  if (ok) lcores[id]->run(stopping);
}

void Engine::stop() {
  impl_->stop_watchdog();
  impl_->stop_rule_server();
  impl_->stopping.store(true);
  for (auto& waker : impl_->wakers) waker->wake_if_asleep();
  for (auto& thread : impl_->threads) thread.join();
  impl_->threads.clear();
}

bool Engine::post(std::uint16_t lcore, std::function<void(Sockets&)> f, std::size_t stack) {
  MR_ASSERT(lcore < lcores() && stack < impl_->config.stacks.size());
  runtime::Lcore& target = *impl_->lcores.shared(lcore);
  return target.inbox().post([&target, stack, f = std::move(f)] { f(target.parts.stacks[stack]->sockets()); });
}

Result<void> Engine::on_each_lcore(const std::function<Result<void>(Sockets&)>& f, std::size_t stack) {
  if (stack >= impl_->config.stacks.size())
    return failure(EINVAL, "there is no stack " + std::to_string(stack) + ": the configuration has " + std::to_string(impl_->config.stacks.size()));
  Result<void> first;
  for (std::uint16_t id = 0; id < lcores(); ++id) {
    Result<void> result;
    if (impl_->is_running()) {
      std::promise<Result<void>> done;
      if (!post(id, [&](Sockets& sockets) { done.set_value(f(sockets)); }, stack))
        return failure(EAGAIN, "the inbox of lcore " + std::to_string(id) + " is full; try again");
      result = done.get_future().get();
    } else {
      runtime::Lcore& lcore = *impl_->lcores[id];
      lcore.env().now = now();  // it may have stood still since the last pass
      const runtime::BhSection section(lcore.softirq());
      result = f(lcore.parts.stacks[stack]->sockets());
    }
    if (!result && first) first = std::move(result);
  }
  return first;
}

Result<void> Engine::listen(const Endpoint& local, Sockets::Accept on_accept, int backlog) {
  if (local.port == 0) return failure(EINVAL, "cannot listen on " + local.to_string() + ": name a port, or each lcore would choose another");
  std::vector<bool> listening(lcores());
  Result<void> all = on_each_lcore([&](Sockets& sockets) {
    Result<void> begun = sockets.listen(local, backlog, on_accept);
    listening[sockets.lcore()] = begun.has_value();
    return begun;
  });
  if (all) return all;
  (void)on_each_lcore([&](Sockets& sockets) {
    if (listening[sockets.lcore()]) sockets.stop_listening(local);
    return Result<void>{};
  });
  return all;
}

Result<void> Engine::bind_udp(const Endpoint& local, std::function<void(UdpSocket&)> set_up) {
  std::vector<UdpSocket*> bound(lcores());
  Result<void> all = on_each_lcore([&](Sockets& sockets) -> Result<void> {
    Result<UdpSocket*> socket = sockets.bind_udp(local);
    if (!socket) return tl::unexpected(socket.error());
    bound[sockets.lcore()] = *socket;
    set_up(**socket);
    return {};
  });
  if (all) return all;
  (void)on_each_lcore([&](Sockets& sockets) {
    if (UdpSocket* socket = bound[sockets.lcore()]) socket->close();
    return Result<void>{};
  });
  return all;
}

void Engine::offload(Sockets& sockets, std::function<void()> work, std::function<void()> done) {
  runtime::Inbox& home = impl_->lcores.shared(sockets.lcore())->inbox();
  impl_->executor->run([&home, &ending = impl_->ending, work = std::move(work), done = std::move(done)] {
    work();
    while (!home.post(done) && !ending.load(std::memory_order_relaxed)) std::this_thread::yield();
  });
}

bool Engine::run_once() {
  bool worked = false;
  for (std::uint16_t id = 0; id < lcores(); ++id) worked |= run_once(id);
  return worked;
}

bool Engine::run_once(std::uint16_t lcore) {
  MR_ASSERT(!impl_->is_running() && lcore < lcores());
  bool worked = impl_->lcores.shared(lcore)->run_once();
  worked |= impl_->serve_rules();
  impl_->watch_if_due(impl_->lcores.shared(lcore)->env().now);
  if (impl_->is_manual())
    for (auto& [id, capture] : impl_->captures) capture->write();
  return worked;
}

bool Engine::step(Instant until) {
  if (run_once()) return true;
  const Instant next = std::min(next_deadline(), until);
  if (next == never || now() >= until) return false;
  if (next > now()) set_clock(next);
  return true;
}

Instant Engine::next_deadline() {
  Instant next = never;
  for (auto& lcore : impl_->lcores) {
    if (lcore->has_work()) return now();  // handed over by another lcore after this one had its pass
    next = std::min(next, lcore->next_deadline());
  }
  for (std::size_t i = 0; i < impl_->ports.size(); ++i)
    if (impl_->is_up(i)) next = std::min(next, impl_->ports[i]->next_arrival());
  return next;
}

Instant Engine::now() const { return impl_->is_manual() ? impl_->manual.peek() : impl_->monotonic.now(); }

void Engine::set_clock(Instant now) {
  MR_ASSERT(impl_->is_manual() && now >= impl_->manual.peek());
  impl_->manual.set(now);
}

void Engine::inject(std::string_view port, std::span<const std::uint8_t> frame) {
  const auto link = impl_->free_links.find(std::string(port));
  MR_ASSERT(link != impl_->free_links.end());
  link->second->inject(sim::End::b, now(), frame);
}

std::vector<std::uint8_t> Engine::take(std::string_view port) {
  const auto link = impl_->free_links.find(std::string(port));
  MR_ASSERT(link != impl_->free_links.end());
  return link->second->take(sim::End::b, now()).value_or(std::vector<std::uint8_t>{});
}

std::uint32_t Engine::packets_in_use() const {
  if (!impl_->is_running())
    for (const auto& home : impl_->homes) home->flush();
  std::uint32_t sum = 0;
  for (std::uint16_t id = 0; id < lcores(); ++id) sum += impl_->pools[id]->in_use() - impl_->home_rings->waiting(id);
  return sum;
}

std::uint64_t Engine::seed() const { return impl_->seed; }

}  // namespace millrace

// SPDX-License-Identifier: BSD-3-Clause
// What a stack's interfaces came to have by themselves. Called by applications through Engine, and by build.cpp; asks the
// first lcore, which speaks for all. inet6_dump_addr, /proc/net/igmp (receive_path H11).
#include <millrace/engine/host_config.hpp>

#include <millrace/base/log.hpp>
#include <millrace/engine/impl.hpp>

#include <algorithm>
#include <atomic>

namespace millrace {
namespace {

static_assert(static_cast<int>(AddressState::duplicate) == static_cast<int>(addrconf::AddressState::duplicate));

std::string name_of(socket::Stack& stack, std::uint16_t ifindex) { return stack.ip().interface(ifindex)->name; }

/// What the sockets of another lcore listen to is for the first one to report.
class GroupRelay final : public group::Relay {
 public:
  using Post = std::function<bool(std::function<void()>)>;
  using Find = std::function<socket::Stack&()>;
  GroupRelay(std::uint16_t lcore, Post post, Find speaker) : lcore_(lcore), post_(std::move(post)), speaker_(std::move(speaker)) {}
  void tell_speaker(std::uint16_t ifindex, const IpAddress& group, const group::Filter& wanted) override {
    const bool is_posted = post_([this, ifindex, group, wanted] {
      ip::Stack& ip = speaker_().ip();
      static_cast<void>(ip.groups().set(*ip.interface(ifindex), group, group::Groups::lcore_bit | lcore_, wanted));
    });
    if (!is_posted) log(LogLevel::warn, "group " + group.to_string() + ": not reported, for the first lcore's inbox is full");
  }

 private:
  const std::uint16_t lcore_;
  Post post_;
  Find speaker_;
};

/// DHCP's clients live on the first lcore.
class DhcpRelay final : public dhcp::Relay {
 public:
  using Post = std::function<bool(std::uint16_t lcore, std::function<void()>)>;
  using Find = std::function<dhcp::Dhcp&(std::uint16_t lcore)>;
  DhcpRelay(std::uint16_t lcore, std::uint16_t lcores, Post post, Find find) : lcore_(lcore), lcores_(lcores), post_(std::move(post)), find_(std::move(find)) {}
  void tell_speaker(dhcp::Heard heard) override {
    static_cast<void>(post_(0, [this, heard = std::move(heard)] { find_(0).hear(heard); }));  // the server is asked again
  }
  bool tell_others(const dhcp::Settings& settings) override {
    bool is_told = true;
    for (std::uint16_t other = 0; other < lcores_; ++other)
      if (other != lcore_) is_told = post_(other, [this, other, settings] { find_(other).apply(settings); }) && is_told;
    return is_told;
  }

 private:
  const std::uint16_t lcore_, lcores_;
  Post post_;
  Find find_;
};

/// What one lcore receives, for the raw sockets of the others.
class RawRelay final : public raw::Relay {
 public:
  using Post = std::function<bool(std::uint16_t lcore, std::function<void()>)>;
  using Find = std::function<socket::Stack&(std::uint16_t lcore)>;
  RawRelay(std::uint16_t lcore, std::uint16_t lcores, Post post, Find find, std::function<Env&(std::uint16_t)> env)
      : lcore_(lcore), post_(std::move(post)), find_(std::move(find)), env_(std::move(env)), waiting_(lcores) {}
  void tell_others(const raw::Protocols& wanted) override {
    for (std::uint16_t other = 0; other < waiting_.size(); ++other) {
      if (other == lcore_) continue;
      if (!post_(other, [this, other, wanted] { find_(other).raw().others_want(lcore_, wanted); }))
        log(LogLevel::warn, "raw sockets of lcore " + std::to_string(lcore_) + ": lcore " + std::to_string(other) + " does not hear of them, for its inbox is full");
    }
  }
  pkt::Packet hand_over(std::uint16_t to, raw::Handed handed) override {
    if (waiting_[to].fetch_add(1, std::memory_order_relaxed) >= most_waiting) {
      waiting_[to].fetch_sub(1, std::memory_order_relaxed);
      return std::move(handed.packet);
    }
    const auto held = std::make_shared<Held>(env_(to), std::move(handed));
    const bool is_posted = post_(to, [this, to, held] {
      waiting_[to].fetch_sub(1, std::memory_order_relaxed);
      find_(to).raw().receive_handed(std::move(held->handed));
    });
    if (is_posted) return {};
    waiting_[to].fetch_sub(1, std::memory_order_relaxed);
    return std::move(held->handed.packet);
  }

 private:
  static constexpr std::uint32_t most_waiting = 1000;  // for each lcore, from each
  /// Goes with its packet when the lcore stops before it has looked.
  struct Held {
    Held(Env& of, raw::Handed what) : env(of), handed(std::move(what)) {}
    ~Held() {
      if (handed.packet) drop(env, std::move(handed.packet), stats::DropReason::shutdown);
    }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    Env& env;
    raw::Handed handed;
  };
  const std::uint16_t lcore_;
  Post post_;
  Find find_;
  std::function<Env&(std::uint16_t)> env_;
  std::vector<std::atomic<std::uint32_t>> waiting_;  ///< by lcore
};

}  // namespace

raw::Relay* Engine::Impl::add_raw_relay(std::uint16_t lcore, std::size_t stack) {
  if (lcores.size() == 1) return nullptr;
  raw_relays.push_back(std::make_unique<RawRelay>(
      lcore, static_cast<std::uint16_t>(lcores.size()), [this](std::uint16_t to, std::function<void()> call) { return lcores.shared(to)->inbox().post(std::move(call)); },
      [this, stack](std::uint16_t of) -> socket::Stack& { return *lcores[of]->parts.stacks[stack]; }, [this](std::uint16_t of) -> Env& { return lcores.shared(of)->env(); }));
  return raw_relays.back().get();
}

group::Relay* Engine::Impl::add_group_relay(std::uint16_t lcore, std::size_t stack) {
  if (lcore == 0) return nullptr;
  group_relays.push_back(std::make_unique<GroupRelay>(
      lcore, [this](std::function<void()> call) { return lcores.shared(0)->inbox().post(std::move(call)); },
      [this, stack]() -> socket::Stack& { return *lcores[0]->parts.stacks[stack]; }));
  return group_relays.back().get();
}

dhcp::Relay* Engine::Impl::add_dhcp_relay(std::uint16_t lcore, std::size_t stack) {
  dhcp_relays.push_back(std::make_unique<DhcpRelay>(
      lcore, static_cast<std::uint16_t>(lcores.size()), [this](std::uint16_t to, std::function<void()> call) { return lcores.shared(to)->inbox().post(std::move(call)); },
      [this, stack](std::uint16_t of) -> dhcp::Dhcp& { return lcores[of]->parts.stacks[stack]->dhcp(); }));
  return dhcp_relays.back().get();
}

void Engine::Impl::ask_speaker(std::size_t stack, const std::function<void(socket::Stack&)>& f) {
  if (stack < config.stacks.size()) control(0, [&] { f(*lcores[0]->parts.stacks[stack]); });
}

std::vector<HostAddress> Engine::addresses(std::size_t stack) const {
  std::vector<HostAddress> rows;
  impl_->ask_speaker(stack, [&](socket::Stack& one) {
    const std::vector<addrconf::AddressRow> own = one.addrconf().addresses();
    const std::vector<dhcp::LeaseRow> leases = one.dhcp().leases();
    for (const neighbor::Interface* interface : one.ip().interfaces()) {
      for (const IpPrefix& prefix : interface->addresses) {
        const auto is_it = [&](const auto& row) { return row.ifindex == interface->ifindex && row.address == prefix; };
        if (std::any_of(own.begin(), own.end(), is_it)) continue;
        const auto lease = std::find_if(leases.begin(), leases.end(), is_it);
        const Instant until = lease != leases.end() ? lease->until : never;
        rows.push_back({.address = prefix, .dev = interface->name, .preferred_until = until, .valid_until = until});
      }
    }
    for (const addrconf::AddressRow& a : own)
      rows.push_back({a.address, name_of(one, a.ifindex), static_cast<AddressState>(a.state), a.preferred_until, a.valid_until});
  });
  return rows;
}

// RFC 8106 section 5.3.1: one that both name is one.
std::vector<NameServer> Engine::name_servers(std::size_t stack) const {
  std::vector<NameServer> rows;
  const auto add = [&rows](const NameServer& server) {
    const auto known = std::find_if(rows.begin(), rows.end(), [&](const NameServer& r) { return r.address == server.address && r.dev == server.dev; });
    if (known == rows.end()) return rows.push_back(server);
    known->until = std::max(known->until, server.until);
  };
  impl_->ask_speaker(stack, [&](socket::Stack& one) {
    for (const auto& known : {one.dhcp().name_servers(), one.addrconf().name_servers()})
      for (const addrconf::DnsRow& d : known) add({d.server, name_of(one, d.ifindex), d.until});
  });
  return rows;
}

std::vector<HostGroup> Engine::groups(std::size_t stack) const {
  std::vector<HostGroup> rows;
  impl_->ask_speaker(stack, [&](socket::Stack& one) {
    for (const group::Row& row : one.ip().groups().rows())
      rows.push_back({row.group, name_of(one, row.ifindex), row.users, row.querier_version});
  });
  return rows;
}

}  // namespace millrace

// SPDX-License-Identifier: BSD-3-Clause
// What a stack's interfaces came to have by themselves. Called by applications through Engine, and by build.cpp; asks the
// first lcore, which speaks for all. inet6_dump_addr, /proc/net/igmp (receive_path H11).
#include <millrace/engine/host_config.hpp>

#include <millrace/base/log.hpp>
#include <millrace/engine/impl.hpp>

#include <algorithm>

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

}  // namespace

group::Relay* Engine::Impl::add_group_relay(std::uint16_t lcore, std::size_t stack) {
  if (lcore == 0) return nullptr;
  group_relays.push_back(std::make_unique<GroupRelay>(
      lcore, [this](std::function<void()> call) { return lcores.shared(0)->inbox().post(std::move(call)); },
      [this, stack]() -> socket::Stack& { return *lcores[0]->parts.stacks[stack]; }));
  return group_relays.back().get();
}

void Engine::Impl::ask_speaker(std::size_t stack, const std::function<void(socket::Stack&)>& f) {
  if (stack < config.stacks.size()) control(0, [&] { f(*lcores[0]->parts.stacks[stack]); });
}

std::vector<HostAddress> Engine::addresses(std::size_t stack) const {
  std::vector<HostAddress> rows;
  impl_->ask_speaker(stack, [&](socket::Stack& one) {
    const std::vector<addrconf::AddressRow> own = one.addrconf().addresses();
    for (const neighbor::Interface* interface : one.ip().interfaces())
      for (const IpPrefix& prefix : interface->addresses)
        if (std::none_of(own.begin(), own.end(), [&](const auto& a) { return a.ifindex == interface->ifindex && a.address == prefix; }))
          rows.push_back({.address = prefix, .dev = interface->name});
    for (const addrconf::AddressRow& a : own)
      rows.push_back({a.address, name_of(one, a.ifindex), static_cast<AddressState>(a.state), a.preferred_until, a.valid_until});
  });
  return rows;
}

std::vector<NameServer> Engine::name_servers(std::size_t stack) const {
  std::vector<NameServer> rows;
  impl_->ask_speaker(stack, [&](socket::Stack& one) {
    for (const addrconf::DnsRow& d : one.addrconf().name_servers()) rows.push_back({d.server, name_of(one, d.ifindex), d.until});
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

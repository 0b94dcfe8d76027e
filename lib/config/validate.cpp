// SPDX-License-Identifier: BSD-3-Clause
// Checks a Config that was read or made in code. Called by the loader and by the engine when it is built; ports and
// stacks have files of their own.
#include <millrace/config/findings.hpp>

#include <algorithm>
#include <bit>
#include <cctype>

namespace millrace::config {

void Findings::power_of_two(const std::string& key, std::int64_t value, Range range) {
  if (!range.contains(value) || !std::has_single_bit(static_cast<std::uint64_t>(value)))
    add(key, std::to_string(value), "must be a power of two in " + range.to_string());
}

void Findings::word(const std::string& key, const std::string& value, std::span<const std::string_view> words) {
  if (std::find(words.begin(), words.end(), value) == words.end()) add(key, value, "must be " + one_of(words));
}

void Findings::name(const std::string& key, const std::string& value, std::size_t longest) {
  const bool fits = !value.empty() && value.size() <= longest && value != "." && value != "..";
  const bool clean = std::all_of(value.begin(), value.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-' || c == ':';
  });
  if (!fits || !clean)
    add(key, value, "must be a name of 1.." + std::to_string(longest) + " letters, digits and . _ - :");
}

std::string one_of(std::span<const std::string_view> words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + std::string(words[i]);
  return text;
}

namespace {

/// Bytes of a packet buffer beside its data: DPDK's object header, our 192 bytes of mbuf and Meta, the headroom.
constexpr std::uint64_t buffer_overhead = 64 + 192 + 128;

void validate_eal(const Config& config, Findings& findings) {
  const Eal& eal = config.eal;
  findings.range("eal.memory_mb", eal.memory_mb, limit::memory_mb);
  findings.range("eal.pool_packets", eal.pool_packets, limit::pool_packets);
  findings.range("eal.data_room", eal.data_room, limit::data_room);
  findings.word("eal.log_level", eal.log_level, log_words);
  for (std::size_t i = 0; i < eal.args.size(); ++i)
    if (eal.args[i].empty()) findings.add(indexed("eal.args", i), "", "is empty; leave it out");
  const std::uint64_t bytes = config.lcores.size() * eal.pool_packets * (eal.data_room + buffer_overhead);
  const std::uint64_t need = (bytes + (1 << 20) - 1) >> 20;
  if (need >= eal.memory_mb)
    findings.add("eal.memory_mb", std::to_string(eal.memory_mb),
                 "is too little: the packet pools take " + std::to_string(need) +
                     " MiB (lcores x eal.pool_packets x eal.data_room)");
}

void validate_lcores(const Config& config, Findings& findings) {
  if (!limit::lcores.contains(static_cast<std::int64_t>(config.lcores.size())))
    findings.add("lcores", std::to_string(config.lcores.size()),
                 "there must be " + limit::lcores.to_string() + " lcores");
  Unique cpus(findings, "this CPU");
  for (std::size_t i = 0; i < config.lcores.size(); ++i) {
    const auto& cpu = config.lcores[i].cpu;
    if (!cpu) continue;
    const std::string key = indexed("lcores", i) + ".cpu";
    findings.range(key, *cpu, limit::cpu);
    cpus.add(key, std::to_string(*cpu));
  }
}

// dev_disable_lro(): what a device has merged cannot be sent on as it came (receive_path E17).
void validate_lro(const Config& config, Findings& findings) {
  if (config.sysctl.ip_forward == 0 && config.sysctl.ip6_forwarding == 0) return;
  for (std::size_t i = 0; i < config.ports.size(); ++i)
    if (config.ports[i].lro)
      findings.add(indexed("ports", i) + ".lro", "true", "must be off where packets are forwarded (net.ipv4.ip_forward, net.ipv6.conf.all.forwarding); gro merges, too");
}

void validate_sysctl(const Config& config, Findings& findings) {
  Sysctl sysctl = config.sysctl;
  for (const SysctlKey& key : sysctl_keys()) {
    const std::string at = "sysctl." + std::string(key.name);
    const std::string value = get_sysctl(config.sysctl, key.name).value_or("");
    const std::size_t lcores = config.lcores.size();
    if (key.kind != SysctlKind::mask) {
      if (!key.allows(key.values(sysctl))) findings.add(at, value, "must be " + key.valid());
    } else if (const LcoreMask& mask = *key.mask(sysctl); lcores < mask.size() && (mask >> lcores).any()) {
      findings.add(at, value, "names absent lcores; there are " + std::to_string(lcores) + " lcores, numbered from 0");
    }
  }
}

// "lo", or "lo@STACK" where there are several stacks.
bool is_loopback(const Config& config, const std::string& name) {
  if (config.stacks.size() == 1) return name == "lo";
  return std::any_of(config.stacks.begin(), config.stacks.end(),
                     [&](const Stack& stack) { return name == "lo@" + stack.name; });
}

void validate_capture(const Config& config, Findings& findings) {
  const Capture& capture = config.capture;
  if (capture.enabled && capture.file.empty())
    findings.add("capture.file", "", "must name a file, since capture.enabled is true");
  const auto clamped = static_cast<std::int64_t>(std::min<std::uint64_t>(capture.max_bytes, INT64_MAX));
  findings.range("capture.max_bytes", clamped, limit::max_bytes);
  findings.range("capture.snaplen", capture.snaplen, limit::snaplen);
  findings.range("capture.buffer_bytes", capture.buffer_bytes, limit::buffer_bytes);
  if (capture.points.empty()) findings.add("capture.points", "[]", "must name at least one of " + one_of(capture_point_words));
  for (std::size_t i = 0; i < capture.points.size(); ++i)
    if (const auto point = static_cast<std::size_t>(capture.points[i]); point >= capture_point_words.size())
      findings.add(indexed("capture.points", i), std::to_string(point), "must be " + one_of(capture_point_words));
  Unique named(findings, "this port");
  for (std::size_t i = 0; i < capture.ports.size(); ++i) {
    const std::string& port = capture.ports[i];
    const std::string key = indexed("capture.ports", i);
    named.add(key, port);
    if (!is_loopback(config, port) &&
        std::none_of(config.ports.begin(), config.ports.end(), [&](const Port& p) { return p.name == port; }))
      findings.add(key, port, "is not a port, nor a stack's lo; ports are named by ports[].name");
  }
}

}  // namespace

std::vector<Problem> validate(const Config& config) {
  Findings findings;
  validate_eal(config, findings);
  validate_lcores(config, findings);
  validate_ports(config, findings);
  validate_stacks(config, findings);
  validate_lro(config, findings);
  validate_sysctl(config, findings);
  validate_capture(config, findings);
  return std::move(findings.problems);
}

}  // namespace millrace::config

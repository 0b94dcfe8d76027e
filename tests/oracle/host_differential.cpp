// SPDX-License-Identifier: BSD-3-Clause
// The same frames go to the kernel of this machine, on a TAP device, and to Millrace, on an in-memory port; what each sends in
// answer, and what each counts, must be the same, but for the differences that host_accepted.txt names, each with a reason.
#include <millrace/base/byte_order.hpp>
#include <millrace/engine/engine.hpp>

#include "tests/oracle/host_frames.hpp"
#include "tests/oracle/linux_host.hpp"
#include "tests/support/netns.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>

using namespace millrace;
using test::Bytes;

namespace {

std::string hex(const Bytes& bytes, std::size_t most = 120) {
  std::string text;
  for (std::size_t i = 0; i < std::min(bytes.size(), most); ++i) {
    std::array<char, 3> digits{};
    std::snprintf(digits.data(), digits.size(), "%02x", bytes[i]);
    text += digits.data();
  }
  return text;
}

bool is_neighbor_question(const Bytes& frame) {
  if (frame.size() >= 42 && load_be16(&frame[12]) == 0x0806) return frame[21] == 1;
  return frame.size() >= 78 && load_be16(&frame[12]) == 0x86dd && frame[20] == 58 && frame[54] == 135;
}

/// What a peer at 02:00:00:00:00:01 says when it is asked for its link address.
Bytes answer_to(const Bytes& question) {
  Bytes answer = question;
  std::copy_n(&question[6], 6, answer.begin());
  const std::array<std::uint8_t, 6> mac{2, 0, 0, 0, 0, 1};
  std::copy_n(mac.begin(), 6, answer.begin() + 6);
  if (load_be16(&question[12]) == 0x0806) {
    answer[21] = 2;
    std::copy_n(mac.begin(), 6, answer.begin() + 22);
    std::copy_n(&question[38], 4, answer.begin() + 28);
    std::copy_n(&question[22], 10, answer.begin() + 32);
    return answer;
  }
  answer.resize(86);
  store_be16(&answer[18], 32);
  std::copy_n(&question[62], 16, answer.begin() + 22);
  std::copy_n(&question[22], 16, answer.begin() + 38);
  const std::array<std::uint8_t, 8> head{136, 0, 0, 0, 0x60, 0, 0, 0};
  std::copy_n(head.begin(), 8, answer.begin() + 54);
  std::copy_n(&question[62], 16, answer.begin() + 62);
  answer[78] = 2;
  answer[79] = 1;
  std::copy_n(mac.begin(), 6, answer.begin() + 80);
  Bytes pseudo(answer.begin() + 22, answer.begin() + 54);
  for (const std::uint8_t byte : {0, 0, 0, 32, 0, 0, 0, 58}) pseudo.push_back(byte);
  pseudo.insert(pseudo.end(), answer.begin() + 54, answer.end());
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < pseudo.size(); i += 2) sum += load_be16(&pseudo[i]);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  store_be16(&answer[56], static_cast<std::uint16_t>(~sum));
  return answer;
}

/// Without what each host is free to choose: IPv4's identification with the checksum over it, IPv6's flow label; and without the
/// peer's link address, which one of them learns and the other was told.
Bytes comparable(Bytes frame) {
  std::fill_n(frame.begin(), std::min<std::size_t>(6, frame.size()), std::uint8_t{0});
  if (frame.size() >= 34 && load_be16(&frame[12]) == 0x0800) {
    store_be16(&frame[18], 0);
    store_be16(&frame[24], 0);
  }
  if (frame.size() >= 54 && load_be16(&frame[12]) == 0x86dd) {
    frame[15] &= 0xf0;
    store_be16(&frame[16], 0);
  }
  return frame;
}

/// "icmp 3/3", "tcp flags 20", "arp 2".
std::string name_of(const Bytes& frame) {
  if (frame.size() < 42) return "short";
  const std::uint16_t type = load_be16(&frame[12]);
  if (type == 0x0806) return "arp " + std::to_string(frame[21]);
  const bool v4 = type == 0x0800;
  const std::size_t l4 = v4 ? 14 + (frame[14] & 0xfu) * 4u : 54;
  const std::uint8_t proto = v4 ? frame[23] : frame[20];
  if (frame.size() < l4 + 2) return "short";
  if (proto == 1 || proto == 58) return "icmp " + std::to_string(frame[l4]) + "/" + std::to_string(frame[l4 + 1]);
  if (proto == 6 && frame.size() >= l4 + 14) return "tcp flags " + std::to_string(frame[l4 + 13]);
  return "protocol " + std::to_string(proto);
}

std::string names_of(const std::vector<Bytes>& frames) {
  std::string text;
  for (const Bytes& frame : frames) text += (text.empty() ? "" : " + ") + name_of(frame);
  return text.empty() ? "nothing" : text;
}

/// "Linux icmp 3/3, Millrace nothing"; empty: the same.
std::string difference(const std::vector<Bytes>& linux_said, const std::vector<Bytes>& ours) {
  if (linux_said == ours) return "";
  const std::string theirs = names_of(linux_said), mine = names_of(ours);
  if (theirs != mine) return "Linux " + theirs + ", Millrace " + mine;
  return "other bytes in " + mine;
}

class Millrace {
 public:
  Millrace() {
    Config config;
    config.clock = config::ClockSource::manual;
    config.seed = 1;
    config.ports.push_back({.name = "diff0", .mac = MacAddress{{2, 0, 0, 0, 0, 2}}, .gro = false});  // every frame by itself, as on a TAP device
    config.stacks.push_back({.name = "host",
                             .interfaces = {{.port = "diff0", .name = "diff0", .addresses = {*IpPrefix::parse("10.77.0.2/24"), *IpPrefix::parse("fd00:77::2/64")}}},
                             .routes = {}});
    config.sysctl.icmp_ratelimit = config.sysctl.icmp6_ratelimit = 0;
    config.sysctl.icmp_msgs_per_sec = 100000000;
    config.sysctl.icmp_msgs_burst = 100000000;
    auto made = Engine::create(config);
    if (!made) {
      std::fprintf(stderr, "%s\n", made.error().message.c_str());
      std::exit(1);
    }
    engine = std::move(*made);
    for (const char* peer : {"10.77.0.1", "10.77.0.9", "fd00:77::1", "fd00:77::9"})
      if (!engine->neigh_replace({.address = *IpAddress::parse(peer), .dev = "diff0", .lladdr = MacAddress{{2, 0, 0, 0, 0, 1}}})) std::exit(1);
    for (const char* local : {"0.0.0.0:7", "[::]:7"})
      if (!engine->bind_udp(*Endpoint::parse(local), [](UdpSocket& socket) {
            socket.on_readable([](UdpSocket& readable) {
              std::array<std::uint8_t, 2048> into;
              Endpoint from;
              while (readable.receive_from(into, from) >= 0) {
              }
            });
          }))
        std::exit(1);
    settle();
    static_cast<void>(take());
  }

  std::vector<Bytes> deliver(const Bytes& frame) {
    engine->set_clock(engine->now() + 1us);
    engine->inject("diff0", frame);
    std::vector<Bytes> said;
    for (int round = 0; round < 4; ++round) {
      settle();
      bool has_asked = false;
      for (Bytes& one : take()) {
        if (is_neighbor_question(one)) {
          engine->inject("diff0", answer_to(one));
          has_asked = true;
        } else {
          said.push_back(std::move(one));
        }
      }
      if (!has_asked) break;
    }
    return said;
  }

  std::unique_ptr<Engine> engine;

 private:
  void settle() {
    for (int i = 0; i < 8 && engine->run_once(); ++i) {
    }
  }
  std::vector<Bytes> take() {
    std::vector<Bytes> frames;
    for (;;) {
      Bytes frame = engine->take("diff0");
      if (frame.empty()) return frames;
      frames.push_back(std::move(frame));
    }
  }
};

using Counters = std::map<std::string, long long>;

/// A file of two lines a title, names and values, as netstat -s reads it.
void read_pairs(const std::string& text, Counters& all) {
  std::istringstream lines(text);
  for (std::string names, values; std::getline(lines, names) && std::getline(lines, values);) {
    std::istringstream name_words(names), value_words(values);
    std::string title, name;
    long long value = 0;
    name_words >> title;
    value_words >> title;
    while (name_words >> name && value_words >> value) all[title + name] = value;
  }
}

Counters counters(const std::string& snmp, const std::string& netstat, const std::string& snmp6) {
  Counters all;
  read_pairs(snmp, all);
  read_pairs(netstat, all);
  std::istringstream words(snmp6);
  std::string name;
  for (long long value = 0; words >> name >> value;) all[name] = value;
  return all;
}

/// Whether one of them asked for a link address, or was told one, while it dealt with a frame: that goes by timers of its own.
bool has_talked_of_neighbors(const Counters& before, const Counters& now) {
  for (const char* name : {"Icmp6OutNeighborSolicits", "Icmp6InNeighborAdvertisements"})
    if (before.at(name) != now.at(name)) return true;
  return false;
}

/// Counters are read before and after a frame, so that a difference has one; of most frames beyond the first only the answers are
/// compared, for reading takes longer than they do.
bool is_counted(long frame) { return frame < 3000 || frame % 16 == 0; }

/// Lines "REGEX :: REASON" over "frames KIND: DIFFERENCE" and "counter NAME (KIND)".
class Accepted {
 public:
  explicit Accepted(const std::string& path) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
      const std::size_t reason = line.find(" :: ");
      if (line.empty() || line[0] == '#' || reason == std::string::npos) continue;
      lines_.push_back({line.substr(0, reason), std::regex(line.substr(0, reason)), 0});
    }
  }
  bool has(const std::string& difference) {
    for (Line& line : lines_)
      if (std::regex_search(difference, line.pattern)) return ++line.used, true;
    return false;
  }
  void report() const {
    for (const Line& line : lines_) std::printf("  accepted %7d times: %s\n", line.used, line.text.c_str());
  }

 private:
  struct Line {
    std::string text;
    std::regex pattern;
    int used;
  };
  std::vector<Line> lines_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: %s ACCEPTED FRAMES SEED\n", argv[0]), 2;
  std::string why_not;
  auto linux_host = test::LinuxHost::make(why_not);
  if (!linux_host) return std::printf("skipped: %s\n", why_not.c_str()), test::exit_skipped;
  Millrace ours;
  Accepted accepted(argv[1]);
  const long wanted = std::atol(argv[2]);
  test::HostFrames frames(static_cast<std::uint64_t>(std::atoll(argv[3])));
  const auto of_linux = [] { return counters(test::LinuxHost::read("/proc/self/net/snmp"), test::LinuxHost::read("/proc/self/net/netstat"), test::LinuxHost::read("/proc/self/net/snmp6")); };
  const auto of_ours = [&] { return counters(ours.engine->proc_net_snmp(), ours.engine->proc_net_netstat(), ours.engine->proc_net_snmp6()); };
  const Counters linux_before = of_linux(), ours_before = of_ours();

  std::map<std::string, std::pair<int, std::string>> differences;  // by kind and difference: how often, and one of them
  std::map<std::string, std::pair<int, std::string>> miscounts;
  Counters linux_last = linux_before, ours_last = ours_before;
  long answered = 0, accepted_frames = 0;
  for (long i = 0; i < wanted; ++i) {
    const test::HostFrame frame = frames.next();
    if (is_counted(i) && !is_counted(i - 1)) {
      linux_last = of_linux();
      ours_last = of_ours();
    }
    std::vector<Bytes> theirs, mine;
    for (Bytes& one : linux_host->deliver(frame.bytes))
      if (!is_neighbor_question(one)) theirs.push_back(comparable(std::move(one)));
    for (Bytes& one : ours.deliver(frame.bytes)) mine.push_back(comparable(std::move(one)));
    answered += static_cast<long>(!theirs.empty());
    if (const std::string what = difference(theirs, mine); !what.empty()) {
      const std::string line = "frames " + frame.kind + ": " + what;
      if (accepted.has(line)) {
        ++accepted_frames;
      } else {
        auto& [times, example] = differences[line];
        if (times++ == 0) example = hex(frame.bytes) + "\n      Linux    " + (theirs.empty() ? "" : hex(theirs[0])) + "\n      Millrace " + (mine.empty() ? "" : hex(mine[0]));
      }
    }
    if (!is_counted(i)) continue;
    const Counters linux_now = of_linux(), ours_now = of_ours();
    const bool is_disturbed = has_talked_of_neighbors(linux_last, linux_now) || has_talked_of_neighbors(ours_last, ours_now);
    for (const auto& [name, value] : linux_now) {
      const auto at = ours_now.find(name);
      if (at == ours_now.end()) continue;
      const long long linux_delta = value - linux_last[name], our_delta = at->second - ours_last[name];
      if (linux_delta == our_delta || (is_disturbed && name.find('6') != std::string::npos)) continue;
      const std::string line = "counter " + name + " (" + frame.kind + ")";
      if (accepted.has(line)) continue;
      auto& [times, example] = miscounts[line];
      if (times++ == 0) example = "Linux " + std::to_string(linux_delta) + ", Millrace " + std::to_string(our_delta) + "\n      " + hex(frame.bytes);
    }
    linux_last = linux_now;
    ours_last = ours_now;
  }
  for (const auto& [line, seen] : differences) std::printf("%6d x %s\n      %s\n", seen.first, line.c_str(), seen.second.c_str());
  for (const auto& [line, seen] : miscounts) std::printf("%6d x %s: %s\n", seen.first, line.c_str(), seen.second.c_str());
  std::printf("%ld frames, %ld answered by Linux, %ld with an accepted difference, %zu kinds of other answers, %zu kinds of other counts\n", wanted, answered,
              accepted_frames, differences.size(), miscounts.size());
  accepted.report();
  return differences.empty() && miscounts.empty() && answered > wanted / 10 ? 0 : 1;
}

// SPDX-License-Identifier: BSD-3-Clause
// Reads /proc/net as net-tools' netstat -s and iproute2's nstat and ss do. Called by tests of what Engine prints.
#include "tests/support/proc_net_readers.hpp"

#include "tests/support/catch.hpp"

#include <array>
#include <arpa/inet.h>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <sstream>

namespace millrace::test {
namespace {

// ss takes the hexadecimal words as they lie in memory. Ends after ":PORT".
std::string address_at(const char* text, bool v6) {
  std::array<std::uint32_t, 4> words{};
  unsigned port = 0;
  if (v6) {
    REQUIRE(std::sscanf(text, "%08x%08x%08x%08x:%x", &words[0], &words[1], &words[2], &words[3], &port) == 5);
  } else {
    REQUIRE(std::sscanf(text, "%x:%x", &words[0], &port) == 2);
  }
  std::array<char, INET6_ADDRSTRLEN> shown{};
  REQUIRE(inet_ntop(v6 ? AF_INET6 : AF_INET, words.data(), shown.data(), shown.size()) != nullptr);
  const std::string address = shown.data();
  return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

}  // namespace

std::vector<std::string> lines_of(std::string_view text) {
  REQUIRE(!text.empty());
  CHECK(text.back() == '\n');
  std::istringstream in{std::string(text)};
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> words_of(const std::string& line, bool colons) {
  std::string apart = line;
  for (char& c : apart)
    if (colons && c == ':') c = ' ';
  std::istringstream in(apart);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

Snmp read_snmp(std::string_view text) {
  Snmp all;
  const auto lines = lines_of(text);
  REQUIRE(lines.size() % 2 == 0);
  for (std::size_t i = 0; i < lines.size(); i += 2) {
    const auto names = words_of(lines[i]);
    const auto values = words_of(lines[i + 1]);
    REQUIRE(names.size() == values.size());
    REQUIRE(names[0] == values[0]);
    REQUIRE(names[0].back() == ':');
    auto& table = all[names[0].substr(0, names[0].size() - 1)];
    for (std::size_t n = 1; n < names.size(); ++n) {
      std::size_t end = 0;
      CHECK(table.emplace(names[n], std::stoll(values[n], &end)).second);
      CHECK(end == values[n].size());
    }
  }
  return all;
}

std::vector<std::string> columns_of(std::string_view text, const std::string& title) {
  for (const std::string& line : lines_of(text)) {
    auto words = words_of(line);
    if (words[0] != title + ":") continue;
    words.erase(words.begin());
    return words;
  }
  return {};
}

std::map<std::string, long long> read_snmp6(std::string_view text) {
  std::map<std::string, long long> all;
  for (const std::string& line : lines_of(text)) {
    const auto words = words_of(line);
    REQUIRE(words.size() == 2);
    CHECK(all.emplace(words[0], std::stoll(words[1])).second);
  }
  return all;
}

std::vector<SsRow> read_udp(std::string_view text, bool v6) {
  std::vector<SsRow> rows;
  const auto lines = lines_of(text);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const char* local = std::strchr(lines[i].c_str(), ':');
    REQUIRE(local != nullptr);
    local += 2;
    const char* remote = std::strchr(local, ':');
    REQUIRE(remote != nullptr);
    remote += 6;  // behind ":PPPP "
    const char* data = std::strchr(remote, ':');
    REQUIRE(data != nullptr);
    data += 6;
    SsRow row{.local = address_at(local, v6), .remote = address_at(remote, v6)};
    unsigned long long pointer = 1;
    REQUIRE(std::sscanf(data, "%x %x:%x %*x:%*x %*x %u %*d %llu %d %llx %llu", &row.state, &row.tx_queue, &row.rx_queue, &row.uid,
                        &row.inode, &row.references, &pointer, &row.drops) == 8);
    CHECK(pointer == 0);
    rows.push_back(row);
  }
  return rows;
}

}  // namespace millrace::test

// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::test {

/// Readers of the files of /proc/net that know nothing of lib/: they go about it as netstat -s, nstat and ss do. Each
/// fails the test where those would read nonsense.

/// A file of two lines a title, as netstat -s reads snmp and netstat: the words of the first are the names of the second's.
/// By title, then by name.
using Snmp = std::map<std::string, std::map<std::string, long long>>;
[[nodiscard]] Snmp read_snmp(std::string_view text);
/// The names behind the first title of that name, in their order.
[[nodiscard]] std::vector<std::string> columns_of(std::string_view text, const std::string& title);

/// A file of a name and a number a line, as nstat reads snmp6.
[[nodiscard]] std::map<std::string, long long> read_snmp6(std::string_view text);

/// A socket as ss reads it from udp or udp6.
struct SsRow {
  std::string local;  ///< "10.77.0.2:7", "[::]:7"
  std::string remote;
  unsigned state = 0;
  unsigned tx_queue = 0;
  unsigned rx_queue = 0;
  unsigned uid = 0;
  unsigned long long inode = 0;
  int references = 0;
  unsigned long long drops = 0;
};
[[nodiscard]] std::vector<SsRow> read_udp(std::string_view text, bool v6);

[[nodiscard]] std::vector<std::string> lines_of(std::string_view text);
/// The words of a line: what blanks, and colons where `colons`, part.
[[nodiscard]] std::vector<std::string> words_of(const std::string& line, bool colons = false);

}  // namespace millrace::test

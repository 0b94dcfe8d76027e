// SPDX-License-Identifier: BSD-3-Clause
// Reads a configuration file into a Config and collects everything that is wrong with it. Called by applications and
// the engine's tools; calls parse_tree(), read_config() and validate().
#include <millrace/config/loader.hpp>

#include <millrace/config/loader_sections.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace millrace::config {
namespace {

constexpr std::size_t largest_file = 1 << 20;
constexpr std::size_t most_problems = 200;
constexpr std::size_t longest_value = 80;

/// The length of the UTF-8 sequence that begins the text (RFC 3629), or 0 when there is none. Control characters but
/// tab and line ends count as none: a file that has them is no YAML (YAML 1.2 section 5.1).
std::size_t character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return lead >= 0x20 ? lead != 0x7f : lead == '\t' || lead == '\n' || lead == '\r';
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
  const bool outside = (lead == 0xed && byte(1) > 0x9f) || (lead == 0xf4 && byte(1) > 0x8f);
  return overlong || outside ? 0 : length;
}

/// The line of the first byte that is no text, or 0.
int first_binary_line(std::string_view text) {
  int line = 1;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = character(text.substr(at));
    if (length == 0) return line;
    if (text[at] == '\n') ++line;
    at += length;
  }
  return 0;
}

/// Control characters, which YAML's escapes can bring in, would break the line that a problem has.
std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return text;
}

/// Values are shown, but not at any length; a character is not cut apart.
std::string shortened(std::string_view text) {
  if (text.size() <= longest_value) return std::string(text);
  std::size_t end = longest_value;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end)) + "...";
}

tl::unexpected<std::vector<Problem>> only(std::string_view file, int line, std::string message) {
  Problem problem{.file = std::string(file), .line = line, .message = one_line(std::move(message))};
  return tl::unexpected<std::vector<Problem>>({std::move(problem)});
}

/// The key that holds this one: "ports[0].mtu" -> "ports[0]" -> "ports" -> "".
std::string parent(const std::string& key) {
  const std::size_t at = key.find_last_of(".[");
  return at == key.npos ? std::string() : key.substr(0, at);
}

/// The line of the key, or of the nearest one around it that stands in the file.
int line_of(const Reading& reading, std::string key) {
  while (true) {
    if (const auto it = reading.lines.find(key); it != reading.lines.end()) return key.empty() ? 0 : it->second;
    if (key.empty()) return 0;
    key = parent(key);
  }
}

/// Problems that validate() finds in what could not be read would be about defaults, not about the file.
bool already_known(const std::vector<Problem>& problems, std::string key) {
  for (; !key.empty(); key = parent(key))
    if (std::any_of(problems.begin(), problems.end(), [&](const Problem& p) { return p.key == key; })) return true;
  return false;
}

Result<std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failure(errno, std::string("cannot be opened: ") + std::strerror(errno));
  std::string text(largest_file + 1, '\0');
  std::size_t size = 0;
  ssize_t got = 0;
  do {
    got = ::read(fd, text.data() + size, text.size() - size);
    if (got > 0) size += static_cast<std::size_t>(got);
  } while (size < text.size() && (got > 0 || (got < 0 && errno == EINTR)));
  const int error = got < 0 ? errno : 0;
  ::close(fd);
  if (error == EISDIR) return failure(error, "is a directory; must be a YAML file");
  if (error != 0) return failure(error, std::string("cannot be read: ") + std::strerror(error));
  if (size > largest_file) return failure(EFBIG, "is larger than 1 MiB");
  text.resize(size);
  return text;
}

}  // namespace

Loaded parse_yaml(std::string_view text, std::string_view name) {
  if (text.size() > largest_file) return only(name, 0, "is larger than 1 MiB");
  if (const int line = first_binary_line(text); line != 0)
    return only(name, line, "is not text: must be YAML in UTF-8");
  ParsedTree tree = parse_tree(text);
  if (!tree) return only(name, tree.error().line, tree.error().message);
  if (tree->kind == Tree::Kind::null) return only(name, 0, "is empty; config/default.yaml shows every key");

  Reading reading;
  Config config = read_config(*tree, reading);
  std::vector<Problem> problems = reading.problems;
  for (Problem& problem : validate(config)) {
    if (already_known(reading.problems, problem.key)) continue;
    problem.line = line_of(reading, problem.key);
    problems.push_back(std::move(problem));
  }
  if (problems.empty()) return config;

  std::stable_sort(problems.begin(), problems.end(),
                   [](const Problem& a, const Problem& b) { return a.line < b.line; });
  const std::size_t found = problems.size();
  if (found > most_problems) {
    problems.resize(most_problems);
    problems.push_back({.message = "and " + std::to_string(found - most_problems) + " more problems"});
  }
  for (Problem& problem : problems) {
    problem.file = std::string(name);
    problem.key = one_line(shortened(problem.key));
    problem.value = one_line(shortened(problem.value));
    problem.message = one_line(std::move(problem.message));
  }
  return tl::unexpected<std::vector<Problem>>(std::move(problems));
}

Loaded load_yaml(const std::string& path) {
  const Result<std::string> text = read_file(path);
  if (!text) return only(path, 0, text.error().message);
  return parse_yaml(*text, path);
}

std::string to_string(const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& problem : problems) text += problem.to_string() + "\n";
  return text;
}

}  // namespace millrace::config

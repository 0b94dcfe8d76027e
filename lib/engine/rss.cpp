// SPDX-License-Identifier: BSD-3-Clause
// RSS as configured, and what the device made of it. Called by build.cpp and PortControl; calls Port::set_rss and rss.
#include <millrace/engine/rss.hpp>

#include <millrace/base/log.hpp>

#include <array>
#include <cerrno>

namespace millrace {
namespace {

const char* fields_text(bool ports) { return ports ? "sdfn" : "sd"; }

}  // namespace

wire::Rss with_wanted(const wire::Rss& now, const config::Rss& wanted) {
  wire::Rss rss = now;
  if (!wanted.key.empty()) rss.key = wanted.key;
  if (wanted.symmetric) rss.key = wire::symmetric_rss_key(now.key.size());
  if (wanted.fields) rss.fields = *wanted.fields;
  if (wanted.equal != 0) rss.reta = wire::reta_equal(now.reta.size(), wanted.equal);
  if (!wanted.weights.empty()) rss.reta = wire::reta_weights(now.reta.size(), wanted.weights);
  return rss;
}

std::string difference(const wire::Rss& asked, const wire::Rss& got) {
  std::string text;
  const auto add = [&text](const std::string& item) { text += (text.empty() ? "" : "; ") + item; };
  if (asked.key != got.key) add("key: asked " + wire::rss_key_text(asked.key) + ", the device has " + wire::rss_key_text(got.key));
  const std::array<std::pair<const char*, bool wire::RssFields::*>, 4> fields{{{"tcp4", &wire::RssFields::tcp4},
                                                                               {"udp4", &wire::RssFields::udp4},
                                                                               {"tcp6", &wire::RssFields::tcp6},
                                                                               {"udp6", &wire::RssFields::udp6}}};
  for (const auto& [name, field] : fields)
    if (asked.fields.*field != got.fields.*field)
      add(std::string("fields ") + name + ": asked " + fields_text(asked.fields.*field) + ", the device hashes " + fields_text(got.fields.*field));
  if (asked.reta.size() != got.reta.size()) {
    add("RETA: asked " + std::to_string(asked.reta.size()) + " entries, the device has " + std::to_string(got.reta.size()));
    return text;
  }
  std::size_t entries = 0;
  for (std::size_t i = 0; i < asked.reta.size(); ++i) entries += asked.reta[i] != got.reta[i] ? 1 : 0;
  if (entries != 0) add("RETA: " + std::to_string(entries) + " of " + std::to_string(asked.reta.size()) + " entries lead to other queues than asked");
  return text;
}

Result<wire::Rss> ask_rss(port::Port& port, const config::Rss& wanted) {
  const std::optional<wire::Rss> now = port.rss();
  const wire::Rss asked = with_wanted(now.value_or(wire::Rss{}), wanted);
  if (now && *now == asked) return asked;
  if (Result<void> set = port.set_rss(asked); !set) return failure(set.error().code, "rss: " + set.error().message);
  return asked;
}

Result<void> obeyed(const port::Port& port, const wire::Rss& asked) {
  const std::optional<wire::Rss> got = port.rss();
  const std::string differs = got ? difference(asked, *got) : "the device no longer tells what it spreads by";
  return differs.empty() ? Result<void>() : failure(EOPNOTSUPP, "rss: " + differs);
}

Result<void> set_up_rss(const config::Port& config, port::Port& port) {
  if (config.rss == config::Rss{}) return {};
  const Result<wire::Rss> asked = ask_rss(port, config.rss);
  if (!asked) return failure(asked.error().code, "port '" + config.name + "': " + asked.error().message);
  if (const Result<void> done = obeyed(port, *asked); !done) log(LogLevel::warn, "port '" + config.name + "': " + done.error().message);
  return {};
}

}  // namespace millrace

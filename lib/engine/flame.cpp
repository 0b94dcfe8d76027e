// SPDX-License-Identifier: BSD-3-Clause
// Where the lcores' time went, as folded stacks and as a flame graph. Called by applications, which take the snapshots.
// The folded format and the look are those of Brendan Gregg's FlameGraph (receive_path M5).
#include <millrace/engine/flame.hpp>

#include <millrace/engine/time_spent.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <numeric>

namespace millrace {
namespace {

void add_lcore(const Stats& before, const Stats& after, std::size_t lcore, std::vector<TimeStack>& stacks) {
  const std::string root = std::string{"lcore"}.append(std::to_string(lcore));
  const auto add = [&](std::string_view frames, std::uint64_t ns) {
    if (ns != 0) stacks.push_back({std::string{root}.append(";").append(frames), ns});
    return ns;
  };
  const auto ns = [&](std::string_view name) { return time_spent(before, after, name, lcore); };
  add("application", ns("time_app_ns"));
  const std::uint64_t stages = add("softirq;net_rx;rx", ns("time_rx_ns")) + add("softirq;net_rx;gro", ns("time_gro_ns")) +
                               add("softirq;net_rx;steer", ns("time_steer_ns")) + add("softirq;net_rx;proto", ns("time_proto_ns"));
  add("softirq;other", ns("time_softirq_ns") - std::min(stages, ns("time_softirq_ns")));
  add("idle", ns("time_idle_ns"));
}

std::string_view last_frame(std::string_view frames) { return frames.substr(frames.rfind(';') + 1); }

/// A frame with what it called.
struct Frame {
  std::string name;
  std::uint64_t ns = 0;
  std::vector<Frame> called{};
};

Frame& child(Frame& frame, std::string_view name) {
  for (Frame& called : frame.called)
    if (called.name == name) return called;
  return frame.called.emplace_back(Frame{std::string{name}});
}

Frame tree_of(const std::vector<TimeStack>& stacks) {
  Frame all{"all"};
  for (const TimeStack& stack : stacks) {
    all.ns += stack.ns;
    Frame* at = &all;
    for (std::string_view rest = stack.frames; !rest.empty();) {
      const std::size_t end = std::min(rest.find(';'), rest.size());
      at = &child(*at, rest.substr(0, end));
      at->ns += stack.ns;
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return all;
}

std::size_t depth_of(const Frame& frame) {
  std::size_t deepest = 0;
  for (const Frame& called : frame.called) deepest = std::max(deepest, depth_of(called));
  return deepest + 1;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;  // XML 1.0 has no control characters
    }
  }
  return out;
}

constexpr double image_width = 1200, margin = 10, row_height = 18, title_height = 36;
constexpr double letter_width = 7;

class Drawing {
 public:
  explicit Drawing(const Frame& all) : all_(all), bottom_(title_height + row_height * static_cast<double>(depth_of(all))) {}

  std::string draw(std::string_view title) {
    std::array<char, 512> head{};
    std::snprintf(head.data(), head.size(),
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                  "<svg version=\"1.1\" xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\""
                  " font-family=\"monospace\" font-size=\"12\">\n"
                  "<rect width=\"100%%\" height=\"100%%\" fill=\"#fbf8ee\"/>\n",
                  image_width, bottom_ + margin, image_width, bottom_ + margin);
    out_ = head.data();
    out_.append("<text x=\"600\" y=\"22\" text-anchor=\"middle\" font-size=\"16\">").append(escaped(title)).append("</text>\n");
    if (all_.ns != 0) box(all_, margin, 0);
    return out_.append("</svg>\n");
  }

 private:
  void box(const Frame& frame, double x, unsigned row) {
    const double width = (image_width - 2 * margin) * static_cast<double>(frame.ns) / static_cast<double>(all_.ns);
    const double y = bottom_ - row_height * (row + 1);
    const std::string name = escaped(frame.name);
    std::array<char, 256> text{};
    std::snprintf(text.data(), text.size(), ": %.6f s, %.2f%%</title>", static_cast<double>(frame.ns) / 1e9, 100 * static_cast<double>(frame.ns) / static_cast<double>(all_.ns));
    out_.append("<g><title>").append(name).append(text.data());
    std::snprintf(text.data(), text.size(), "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" rx=\"2\" fill=\"hsl(%u,85%%,65%%)\" stroke=\"#fbf8ee\"/>", x, y, width,
                  row_height, hue(frame.name));
    out_.append(text.data());
    if (const auto letters = static_cast<std::size_t>(width / letter_width); letters > 2) {
      std::snprintf(text.data(), text.size(), "<text x=\"%.2f\" y=\"%.2f\">", x + 3, y + row_height - 5);
      out_.append(text.data()).append(frame.name.size() <= letters ? name : escaped(std::string_view(frame.name).substr(0, letters - 2)).append("..")).append("</text>");
    }
    out_.append("</g>\n");
    for (const Frame& called : frame.called) {
      box(called, x, row + 1);
      x += (image_width - 2 * margin) * static_cast<double>(called.ns) / static_cast<double>(all_.ns);
    }
  }
  // Warm, and the same for the same name.
  static unsigned hue(std::string_view name) {
    return std::accumulate(name.begin(), name.end(), 0u, [](unsigned sum, char c) { return sum * 31 + static_cast<unsigned char>(c); }) % 55;
  }

  const Frame& all_;
  double bottom_;
  std::string out_;
};

}  // namespace

std::vector<TimeStack> time_stacks(const Stats& before, const Stats& after) {
  std::vector<TimeStack> stacks;
  const Stats::Counter* const any = after.find("softnet", "time_idle_ns");
  for (std::size_t lcore = 0; any != nullptr && lcore < any->by_lcore.size(); ++lcore) add_lcore(before, after, lcore, stacks);
  return stacks;
}

// What rounding down loses goes to those that lost the most.
std::vector<StageShare> stage_shares(const std::vector<TimeStack>& stacks) {
  constexpr std::uint64_t whole = 10'000;
  constexpr std::array<std::string_view, 7> order{"application", "rx", "gro", "steer", "proto", "other", "idle"};
  std::array<std::uint64_t, order.size()> ns{};
  for (const TimeStack& stack : stacks)
    for (std::size_t i = 0; i < order.size(); ++i)
      if (last_frame(stack.frames) == order[i]) ns[i] += stack.ns;
  const std::uint64_t all = std::accumulate(ns.begin(), ns.end(), std::uint64_t{0});
  if (all == 0) return {};
  std::vector<StageShare> shares;
  std::array<double, order.size()> lost{};
  std::uint64_t given = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const double exact = static_cast<double>(whole) * static_cast<double>(ns[i]) / static_cast<double>(all);
    shares.push_back({std::string{order[i]}, static_cast<std::uint32_t>(exact)});
    lost[i] = exact - shares[i].hundredths;
    given += shares[i].hundredths;
  }
  for (; given < whole; ++given) {
    const auto most = static_cast<std::size_t>(std::max_element(lost.begin(), lost.end()) - lost.begin());
    ++shares[most].hundredths;
    lost[most] = 0;
  }
  return shares;
}

std::string folded_text(const std::vector<TimeStack>& stacks) {
  std::string text;
  for (const TimeStack& stack : stacks) text.append(stack.frames).append(" ").append(std::to_string(stack.ns)).append("\n");
  return text;
}

std::string flame_svg(const std::vector<TimeStack>& stacks, std::string_view title) {
  const Frame all = tree_of(stacks);
  return Drawing(all).draw(title);
}

}  // namespace millrace

// SPDX-License-Identifier: BSD-3-Clause
// Turns YAML text into a Tree, from yaml-cpp's events. Called by loader.cpp.
#include <millrace/config/loader_tree.hpp>

#include <sstream>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

namespace millrace::config {
namespace {

constexpr std::size_t deepest = 16;
constexpr std::size_t most_nodes = 100000;

/// Ends the parse from inside an event.
struct Refusal {
  int line;
  const char* message;
};

class TreeBuilder : public YAML::EventHandler {
 public:
  [[nodiscard]] Tree take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(mark, anchor, Tree::Kind::null, {}); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse_anchor(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, const std::string& value) override {
    if (wants_key()) {
      if (anchor != 0) refuse_anchor(mark);
      key_ = value;
      key_line_ = mark.line + 1;
      has_key_ = true;
    } else {
      add(mark, anchor, Tree::Kind::scalar, value);
    }
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, anchor, Tree::Kind::list);
  }
  void OnSequenceEnd() override { open_.pop_back(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, anchor, Tree::Kind::map);
  }
  void OnMapEnd() override { open_.pop_back(); }

 private:
  [[noreturn]] static void refuse_anchor(const YAML::Mark& mark) {
    throw Refusal{mark.line + 1, "uses an anchor or alias, which are not followed; write the value out"};
  }
  [[nodiscard]] bool wants_key() const { return !open_.empty() && open_.back()->kind == Tree::Kind::map && !has_key_; }

  Tree& add(const YAML::Mark& mark, YAML::anchor_t anchor, Tree::Kind kind, const std::string& text) {
    if (anchor != 0) refuse_anchor(mark);
    if (wants_key()) throw Refusal{mark.line + 1, "has a key that is no plain text; a key is a name, such as mtu"};
    if (++nodes_ > most_nodes) throw Refusal{mark.line + 1, "has more than 100000 values"};
    // No sibling is added while a node is open, so that the pointers in open_ stay good.
    Tree& node = open_.empty() ? root_ : open_.back()->items.emplace_back();
    node.kind = kind;
    node.line = has_key_ ? key_line_ : mark.line + 1;
    node.text = text;
    if (has_key_) node.key = std::move(key_);
    has_key_ = false;
    return node;
  }
  void open(const YAML::Mark& mark, YAML::anchor_t anchor, Tree::Kind kind) {
    if (open_.size() == deepest) throw Refusal{mark.line + 1, "is nested deeper than 16 levels"};
    open_.push_back(&add(mark, anchor, kind, {}));
  }

  Tree root_;
  std::vector<Tree*> open_;
  std::string key_;
  int key_line_ = 0;
  bool has_key_ = false;
  std::size_t nodes_ = 0;
};

tl::unexpected<Problem> refused(int line, std::string message) {
  return tl::unexpected<Problem>(Problem{.line = line, .message = std::move(message)});
}

}  // namespace

ParsedTree parse_tree(std::string_view text) {
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    TreeBuilder builder;
    if (!parser.HandleNextDocument(builder)) return Tree{};
    Tree tree = builder.take();
    TreeBuilder second;
    if (parser.HandleNextDocument(second))
      return refused(second.take().line, "begins a second document; one file is one configuration");
    return tree;
  } catch (const Refusal& refusal) {
    return refused(refusal.line, refusal.message);
  } catch (const YAML::Exception& error) {
    return refused(error.mark.line + 1, "is no valid YAML: " + error.msg);
  } catch (const std::exception& error) {
    return refused(0, std::string("cannot be read as YAML: ") + error.what());
  }
}

}  // namespace millrace::config

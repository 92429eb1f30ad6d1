#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <sstream>
#include <utility>

#include "config/tree.h"

// The only file that knows yaml-cpp.
namespace redlockd::config {
namespace {

Position At(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

// Builds the tree from the parser's events; `open_` are the lists and mappings not yet ended. A
// mapping gathers its keys and values in `items` first, in turns.
class Builder : public YAML::EventHandler {
 public:
  Tree Take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Add(Begin(Tree::Kind::kNothing, mark, anchor));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { RefuseAnchor(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                const std::string& value) override {
    Tree tree = Begin(Tree::Kind::kScalar, mark, anchor);
    tree.text = value;
    Add(std::move(tree));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open_.push_back(Begin(Tree::Kind::kList, mark, anchor));
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open_.push_back(Begin(Tree::Kind::kMapping, mark, anchor));
  }
  void OnMapEnd() override {
    Tree& mapping = open_.back();
    for (std::size_t i = 0; i + 1 < mapping.items.size(); i += 2) {
      Tree& key = mapping.items[i];
      mapping.entries.push_back({key.text, key.at, std::move(mapping.items[i + 1])});
    }
    mapping.items.clear();
    Close();
  }

 private:
  static void RefuseAnchor(const YAML::Mark& mark) {
    throw YAML::ParserException(mark, "anchors and aliases are not supported");
  }

  Tree Begin(Tree::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) RefuseAnchor(mark);
    const bool is_key = !open_.empty() && open_.back().kind == Tree::Kind::kMapping &&
                        open_.back().items.size() % 2 == 0;
    if (is_key && kind != Tree::Kind::kScalar)
      throw YAML::ParserException(mark, "a key must be a word");
    Tree tree;
    tree.kind = kind;
    tree.at = At(mark);
    return tree;
  }

  void Add(Tree tree) {
    if (open_.empty()) {
      root_ = std::move(tree);
    } else {
      open_.back().items.push_back(std::move(tree));
    }
  }

  void Close() {
    Tree done = std::move(open_.back());
    open_.pop_back();
    Add(std::move(done));
  }

  std::vector<Tree> open_;
  Tree root_;
};

}  // namespace

std::variant<Tree, Problem> ParseYaml(std::string_view text) {
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder;
    Builder second;
    parser.HandleNextDocument(builder);
    if (parser.HandleNextDocument(second)) {
      return Problem{second.Take().at, "", "expected one YAML document, found another"};
    }
    return builder.Take();
  } catch (const YAML::Exception& error) {
    return Problem{At(error.mark), "", "expected YAML, found a mistake in it: " + error.msg};
  }
}

}  // namespace redlockd::config

#include <string>

#include "config/keys.h"
#include "config/load.h"

namespace redlockd::config {
namespace {

// A YAML scalar that reads back as `text`: plain where that is surely the same.
std::string Scalar(const std::string& text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._:-";
  const bool is_null = text == "null" || text == "Null" || text == "NULL";
  const bool is_plain = text.find_first_not_of(kPlain) == std::string::npos && !is_null &&
                        !text.empty() && text.front() != '-' && text.front() != ':' &&
                        text.back() != ':';
  if (is_plain) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

// Where the value of a key that is not given comes from, as a comment.
std::string Origin(const Key& key) {
  if (key.absent == Key::Absent::kSameAs) return "  # as " + std::string(key.fallback);
  return "  # default";
}

class Printer {
 public:
  explicit Printer(const Loaded& loaded) : loaded_(loaded), config_(loaded.config) {}

  std::string Print() {
    for (const Key& key : Keys()) {
      if (key.path.substr(0, kNode.size()) != kNode) {
        PrintKey(key, key.path, "", "", {config_});
      } else if (&key == FindKey("nodes[].address")) {
        PrintNodes();
      }
    }
    return std::move(text_);
  }

 private:
  static constexpr std::string_view kNode = "nodes[].";

  void PrintNodes() {
    text_ += config_.nodes.empty() ? "nodes: []\n" : "nodes:\n";
    for (std::size_t i = 0; i < config_.nodes.size(); ++i) {
      section_ = "";
      const std::string shown = "nodes[" + std::to_string(i) + "].";
      std::string bullet = "- ";
      for (const Key& key : Keys()) {
        if (key.path.substr(0, kNode.size()) != kNode) continue;
        PrintKey(key, key.path.substr(kNode.size()), shown, bullet, {config_, &config_.nodes[i]});
        bullet = "  ";
      }
    }
    section_ = "";
  }

  // A comment and a line, behind the line of the section if it is the first there. `name` is "ttl"
  // or "lease.ttl"; `around` is what stands before it in `given`; `bullet` is for the keys of a
  // node.
  void PrintKey(const Key& key, std::string_view name, const std::string& around,
                const std::string& bullet, Target target) {
    const bool is_given = loaded_.given.count(around + std::string(name)) > 0;
    if (!is_given && key.absent == Key::Absent::kNothing) return;

    std::string indent(bullet.empty() ? 0 : 4, ' ');
    const std::size_t dot = name.find('.');
    const std::string_view section = dot == std::string_view::npos ? "" : name.substr(0, dot);
    if (!section.empty()) {
      if (section_ != section) text_ += indent + std::string(section) + ":\n";
      name = name.substr(dot + 1);
      indent += "  ";
    }
    section_ = section;

    text_ += indent + "# " + std::string(key.says) + "\n";
    if (bullet == "- ") indent = "  - ";
    const std::string value =
        Scalar(std::visit([=](const auto& kind) { return kind.Print(target); }, key.value));
    text_ += indent + std::string(name) + ": " + value + (is_given ? "" : Origin(key)) + "\n";
  }

  const Loaded& loaded_;
  Config config_;  // a copy, as accessors give what can be written to
  std::string text_;
  std::string_view section_;
};

}  // namespace

std::string Print(const Loaded& loaded) { return Printer(loaded).Print(); }

}  // namespace redlockd::config

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
  constexpr char kDigits[] = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      quoted += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
      continue;
    }
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
    std::string_view list;
    for (const Key& key : Keys()) {
      if (ListOf(key).empty()) {
        PrintKey(key, key.path, "", "", {config_});
      } else if (ListOf(key) != list) {  // the first of its keys, which stand together
        PrintList(key);
      }
      list = ListOf(key);
    }
    return std::move(text_);
  }

 private:
  // The list that `any` is a key of.
  void PrintList(const Key& any) {
    const std::string list(ListOf(any));
    const std::size_t count = Targets(any, config_).size();
    text_ += list + (count == 0 ? ": []\n" : ":\n");
    for (std::size_t i = 0; i < count; ++i) {
      section_ = "";
      const std::string shown = list + "[" + std::to_string(i) + "].";
      std::string bullet = "- ";
      for (const Key& key : Keys()) {
        if (ListOf(key) != list) continue;
        const std::string_view name = key.path.substr(list.size() + std::string_view("[].").size());
        PrintKey(key, name, shown, bullet, Targets(key, config_)[i]);
        bullet = "  ";
      }
    }
    section_ = "";
  }

  // A comment and a line, after the line of the section if it is the first there. `name` is "ttl"
  // or "lease.ttl"; `around` is what stands before it in `given`; `bullet` is for the keys of a
  // list's entry.
  void PrintKey(const Key& key, std::string_view name, const std::string& around,
                const std::string& bullet, Target target) {
    const bool is_given = loaded_.given.count(around + std::string(name)) > 0;
    const std::string value = config::Print(key, target);
    if (!is_given && value.empty() && key.absent != Key::Absent::kDefault) return;

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
    text_ +=
        indent + std::string(name) + ": " + Scalar(value) + (is_given ? "" : Origin(key)) + "\n";
  }

  const Loaded& loaded_;
  Config config_;  // a copy, as accessors give what can be written to
  std::string text_;
  std::string_view section_;
};

}  // namespace

std::string Print(const Loaded& loaded) { return Printer(loaded).Print(); }

}  // namespace redlockd::config

#include "config/reader.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/check.h"
#include "config/pem_file.h"
#include "config/secret_file.h"
#include "config/suggest.h"

namespace redlockd::config {
namespace {

// Where in the file one is: as the table says it ("nodes[].address") and as the administrator would
// ("nodes[2].address").
struct Path {
  std::string row;
  std::string shown;

  Path Child(const std::string& name) const {
    return {row.empty() ? name : row + "." + name, shown.empty() ? name : shown + "." + name};
  }
  Path Element(std::size_t index) const {
    return {row + "[]", shown + "[" + std::to_string(index) + "]"};
  }
};

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// In quotes, and short.
std::string Quote(std::string_view text) {
  constexpr std::size_t kMost = 60;
  return "\"" + std::string(text.substr(0, kMost)) + (text.size() > kMost ? "...\"" : "\"");
}

std::string Describe(const Tree& tree) {
  switch (tree.kind) {
    case Tree::Kind::kNothing:
      return "nothing";
    case Tree::Kind::kScalar:
      return Quote(tree.text);
    case Tree::Kind::kList:
      return "a list";
    case Tree::Kind::kMapping:
      break;
  }
  return "a section";
}

std::string ExpectedSection(const std::string& row) {
  return "a section with " + Join(NamesIn(row));
}

// "; did you mean ...?", or nothing. A name that is right in another place, best below this one, is
// better than one that is nearly right here.
std::string Suggestion(const Path& section, const std::string& name) {
  std::string elsewhere;
  for (const Key& key : Keys()) {
    const std::string path(key.path);
    const std::size_t dot = path.rfind('.');
    if (dot == std::string::npos || path.substr(dot + 1) != name) continue;
    const bool is_below = path.rfind(section.row + ".", 0) == 0;
    if (elsewhere.empty() || is_below) elsewhere = path;
  }
  if (!elsewhere.empty()) return "; did you mean " + elsewhere + "?";
  const std::optional<std::string> nearest = Nearest(name, NamesIn(section.row));
  return nearest ? "; did you mean " + *nearest + "?" : "";
}

class Reader {
 public:
  explicit Reader(Loaded& loaded) : loaded_(loaded) {}

  void ReadFile(const Tree& tree) {
    if (tree.kind == Tree::Kind::kMapping) {
      ReadEntries(tree, Path{}, Target{loaded_.config});
    } else if (tree.kind != Tree::Kind::kNothing) {
      Fail(tree.at, "", ExpectedSection(""), Describe(tree));
    }
    CheckTls(Path{}.Child("tls"));
    // Last, as what a node does not say it takes from the rest of the file.
    ReadList(nodes_, "nodes", 1, kMaxNodes);
    WarnOfUnverified();
    ReadList(rules_, "rules", 0, kMaxRules);
  }

 private:
  void Fail(Position at, const std::string& key, const std::string& expected,
            const std::string& found) {
    loaded_.errors.push_back({at, key, "expected " + expected + ", found " + found});
  }

  void ReadEntries(const Tree& mapping, const Path& path, Target target) {
    std::map<std::string, Position> seen;
    for (const TreeEntry& entry : mapping.entries) {
      const Path child = path.Child(entry.key);
      const auto [first, is_new] = seen.emplace(entry.key, entry.at);
      if (!is_new) {
        Fail(entry.at, child.shown, "each key once",
             "it again after line " + std::to_string(first->second.line));
        continue;
      }
      ReadEntry(entry, path, child, target);
    }
  }

  void ReadEntry(const TreeEntry& entry, const Path& section, const Path& path, Target target) {
    const Key* const key = FindKey(path.row);
    const Tree** const list = ListAt(path.row);
    if (key == nullptr && list == nullptr && NamesIn(path.row).empty()) {
      FailUnknown(entry, section, path);
      return;
    }
    loaded_.given.emplace(path.shown, entry.at);
    if (list != nullptr) {
      *list = &entry.value;
    } else if (key != nullptr) {
      ReadValue(*key, entry, path, target);
    } else {
      ReadSection(entry.value, path, target);
    }
  }

  // Where a list waits until the rest of the file is read; null if `row` is none.
  const Tree** ListAt(std::string_view row) {
    if (row == "nodes") return &nodes_;
    return row == "rules" ? &rules_ : nullptr;
  }

  void FailUnknown(const TreeEntry& entry, const Path& section, const Path& path) {
    const std::string suggestion = Suggestion(section, entry.key);
    Fail(entry.at, path.shown,
         suggestion.empty() ? "one of " + Join(NamesIn(section.row)) : "a known key",
         Quote(entry.key) + suggestion);
  }

  void ReadSection(const Tree& value, const Path& path, Target target) {
    const Key* const enabled = FindKey(path.Child("enabled").row);
    if (value.kind == Tree::Kind::kMapping) {
      if (enabled != nullptr) Enable(*enabled, path, target);
      ReadEntries(value, path, target);
    } else if (value.kind != Tree::Kind::kNothing || enabled != nullptr) {
      // Nothing: all of it may be commented out. Where that would decide something, it is to be said.
      Fail(value.at, path.shown, ExpectedSection(path.row), Describe(value));
    }
  }

  // A section that can be on or off is on if it is there, but for what it says itself.
  void Enable(const Key& enabled, const Path& section, Target target) {
    std::get<FlagValue>(enabled.value).of(target) = true;
    loaded_.given[section.Child("enabled").shown] = loaded_.PlaceOf(section.shown);
  }

  void ReadValue(const Key& key, const TreeEntry& entry, const Path& path, Target target) {
    const Tree& value = entry.value;
    const auto read = [&](const auto& kind) { return kind.Read(target, value.text); };
    const auto expected = [](const auto& kind) { return kind.Expected(); };
    const auto* secret = std::get_if<SecretFileValue>(&key.value);
    const auto* pem = std::get_if<PemFileValue>(&key.value);
    const bool is_hidden = secret || (pem && pem->is_secret);
    if (value.kind == Tree::Kind::kNothing) {
      Fail(entry.at, path.shown, std::visit(expected, key.value), "nothing");
      return;
    }
    loaded_.given[path.shown] = value.at;
    if (value.kind != Tree::Kind::kScalar || !std::visit(read, key.value)) {
      Fail(value.at, path.shown, std::visit(expected, key.value),
           is_hidden && value.kind == Tree::Kind::kScalar
               ? "something else, which is not shown here"
               : Describe(value));
    } else if (secret) {
      ReadSecret(*secret, value.at, path, target);
    } else if (pem) {
      const PemRead file = ReadPemFile(pem->of(target), pem->is_secret);
      Note(file.error, file.warning, value.at, path);
    }
  }

  void ReadSecret(const SecretFileValue& value, Position at, const Path& path, Target target) {
    SecretRead read = ReadSecretFile(value.of(target));
    Note(read.error, read.warning, at, path);
    value.secret(target) = std::move(read.secret);
  }

  // What a file that is named here gave reason to; either may be empty.
  void Note(const std::string& error, const std::string& warning, Position at, const Path& path) {
    if (!error.empty()) loaded_.errors.push_back({at, path.shown, error});
    if (!warning.empty()) loaded_.warnings.push_back({at, path.shown, warning});
  }

  // `list` is null if the file does not name it.
  void ReadList(const Tree* list, const std::string& name, std::size_t least, std::size_t most) {
    const std::string expected = "a list of " +
                                 (least == 0 ? "at most " : std::to_string(least) + " to ") +
                                 std::to_string(most) + " " + name;
    const Position at = loaded_.PlaceOf(name);
    if (list == nullptr || list->kind == Tree::Kind::kNothing) {
      if (least > 0) Fail(at, name, expected, "none");
      return;
    }
    if (list->kind != Tree::Kind::kList) {
      Fail(list->at, name, expected, Describe(*list));
      return;
    }
    const std::size_t count = list->items.size();
    if (count < least || count > most) Fail(at, name, expected, std::to_string(count));
    for (std::size_t i = 0; i < count; ++i) {
      const Path path = Path{name, name}.Element(i);
      if (list == nodes_) {
        ReadNode(list->items[i], path);
      } else {
        ReadRule(list->items[i], path);
      }
    }
  }

  void ReadNode(const Tree& tree, const Path& path) {
    Node node;
    if (!ReadElement(tree, path, {loaded_.config, &node, nullptr})) return;
    if (node.address != Address{}) {  // what could not be read was reported already
      CheckNew(path.Child("address"), ToString(node.address), "each node once");
    }
    if (!node.username.empty() && loaded_.given.count(path.Child("password_file").shown) == 0) {
      const std::string username = path.Child("username").shown;
      Fail(loaded_.PlaceOf(username), username, "a password_file as well", "none");
    }
    CheckTls(path.Child("tls"));
    if (std::holds_alternative<UnixAddress>(node.address)) KeepPlain(path.Child("tls"), node);
    loaded_.config.nodes.push_back(std::move(node));
  }

  // What one section says of TLS, the set's or a node's. A certificate is of no use with another
  // one's key: they are given together.
  void CheckTls(const Path& section) {
    const auto place_if_given = [&](const char* name) {
      const auto found = loaded_.given.find(section.Child(name).shown);
      return found == loaded_.given.end() ? std::nullopt : std::optional(found->second);
    };
    const auto cert = place_if_given("cert");
    const auto key = place_if_given("key");
    if (cert && !key) Fail(*cert, section.Child("cert").shown, "a key as well", "none");
    if (key && !cert) Fail(*key, section.Child("key").shown, "a cert as well", "none");
  }

  // Once for each place in the file that turns it off for a node which is reached by TLS.
  void WarnOfUnverified() {
    std::set<std::string> warned;
    for (std::size_t i = 0; i < loaded_.config.nodes.size(); ++i) {
      const Tls& tls = loaded_.config.nodes[i].tls;
      if (!tls.enabled || tls.verify) continue;
      const Path own = Path{"nodes", "nodes"}.Element(i).Child("tls").Child("verify");
      const bool is_own = loaded_.given.count(own.shown) != 0;
      const Path from = is_own ? own : Path{}.Child("tls").Child("verify");
      if (!warned.insert(from.shown).second) continue;
      Note("",
           "any server that answers is taken for the node: the connection is encrypted, but "
           "nothing shows whom it leads to",
           loaded_.PlaceOf(from.shown), from);
    }
  }

  // A Unix socket does not leave the host, and Redis speaks no TLS on one. So what the set says does
  // not apply to it.
  void KeepPlain(const Path& section, Node& node) {
    if (const auto own = loaded_.given.find(section.shown);
        own != loaded_.given.end() && node.tls.enabled) {
      Fail(own->second, section.shown, "no TLS to a Unix socket", "a section that turns it on");
    }
    node.tls.enabled = false;
    loaded_.given.emplace(section.Child("enabled").shown, loaded_.PlaceOf(section.shown));
  }

  void ReadRule(const Tree& tree, const Path& path) {
    Rule rule;
    if (!ReadElement(tree, path, {loaded_.config, nullptr, &rule})) return;
    if (!rule.prefix.empty()) CheckNew(path.Child("prefix"), rule.prefix, "each prefix once");
    loaded_.config.rules.push_back(std::move(rule));
  }

  // False if the entry of a list is none of the kind that belongs there.
  bool ReadElement(const Tree& tree, const Path& path, Target target) {
    loaded_.given.emplace(path.shown, tree.at);
    if (tree.kind != Tree::Kind::kMapping) {
      Fail(tree.at, path.shown, ExpectedSection(path.row), Describe(tree));
      return false;
    }
    for (const Key& key : Keys()) {
      if (key.path.substr(0, path.row.size()) == path.row) SetAbsent(key, target);
    }
    ReadEntries(tree, path, target);
    for (const std::string& name : NamesIn(path.row)) {
      const Path child = path.Child(name);
      const Key* const key = FindKey(child.row);
      const bool is_wanted = key != nullptr && key->absent == Key::Absent::kMistake;
      if (!is_wanted || loaded_.given.count(child.shown) > 0) continue;
      const auto expected = [](const auto& kind) { return kind.Expected(); };
      Fail(loaded_.PlaceOf(path.shown), child.shown, std::visit(expected, key->value), "nothing");
    }
    return true;
  }

  // That no entry before gave `path` the same value.
  void CheckNew(const Path& path, const std::string& value, const std::string& expected) {
    const Position at = loaded_.PlaceOf(path.shown);
    const auto [first, is_new] = lines_.emplace(path.row + " " + value, at.line);
    if (is_new) return;
    Fail(at, path.shown, expected, value + " again after line " + std::to_string(first->second));
  }

  Loaded& loaded_;
  const Tree* nodes_ = nullptr;
  const Tree* rules_ = nullptr;
  std::map<std::string, int> lines_;  // of the values that are to be new: "nodes[].address a:1"
};

}  // namespace

void ReadTree(const Tree& tree, Loaded& loaded) {
  Reader reader(loaded);
  reader.ReadFile(tree);
  constexpr std::string_view kOwnKeys = "redlockd:";
  if (loaded.config.key_prefix.substr(0, kOwnKeys.size()) == kOwnKeys) {
    loaded.AddError(
        "key_prefix",
        "expected a prefix that does not begin with redlockd:, which is reserved, found \"" +
            loaded.config.key_prefix + "\"");
  }
  if (loaded.config.metrics.status_page && loaded.given.count("metrics.address") == 0) {
    loaded.AddError("metrics.status_page", "expected metrics.address as well, found none");
  }
}

void SetAbsent(const Key& key, Target target) {
  std::string text(key.fallback);
  switch (key.absent) {
    case Key::Absent::kNothing:
    case Key::Absent::kMistake:
      return;
    case Key::Absent::kSameAs:
      text = Print(*FindKey(key.fallback), target);
      if (text.empty()) return;
      break;
    case Key::Absent::kDefault:
      break;
  }
  [[maybe_unused]] const bool fits =
      std::visit([&](const auto& value) { return value.Read(target, text); }, key.value);
  CHECK(fits);
}

}  // namespace redlockd::config

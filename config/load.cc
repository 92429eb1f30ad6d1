#include "config/load.h"

#include <algorithm>

#include "config/file.h"
#include "config/keys.h"
#include "config/reader.h"
#include "config/tree.h"
#include "protocol/printable.h"

namespace redlockd::config {
namespace {

constexpr std::size_t kMostConfigBytes = 1 << 20;

void SortByPlace(std::vector<Problem>& problems) {
  std::stable_sort(problems.begin(), problems.end(),
                   [](const Problem& a, const Problem& b) { return a.at < b.at; });
}

// What no single key shows.
void WarnOfNodeCount(Loaded& loaded) {
  const std::size_t count = loaded.config.nodes.size();
  std::string what;
  if (count == 1) {
    what =
        "one node gives no redundancy: while it is down, no lock can be taken or kept, and if it "
        "loses its data, its locks are lost";
  } else if (count % 2 == 0) {
    what = "with " + std::to_string(count) + " nodes a lock needs " +
           std::to_string(count / 2 + 1) + ", so that " + std::to_string((count - 1) / 2) +
           " may fail, as with " + std::to_string(count - 1) + " nodes; an odd number is better";
  }
  if (!what.empty()) loaded.warnings.push_back({loaded.PlaceOf("nodes"), "nodes", what});
}

}  // namespace

Position Loaded::PlaceOf(std::string_view key) const {
  for (std::string_view path = key;; path = path.substr(0, path.find_last_of(".["))) {
    if (const auto found = given.find(path); found != given.end()) return found->second;
    if (path.find_last_of(".[") == std::string_view::npos) return Position{};
  }
}

void Loaded::AddError(std::string_view key, std::string what) {
  errors.push_back({PlaceOf(key), std::string(key), std::move(what)});
  SortByPlace(errors);
}

std::string Loaded::Text(const Problem& problem) const {
  std::string text = file + ":";
  if (problem.at != kWholeFile) {
    text += std::to_string(problem.at.line) + ":" + std::to_string(problem.at.column) + ":";
  }
  if (!problem.key.empty()) text += " " + problem.key + ":";
  return redlock::protocol::Printable(text + " " + problem.what);
}

Loaded LoadText(std::string_view text, const std::string& file) {
  Loaded loaded;
  loaded.file = file;
  loaded.config = Defaults();
  const std::variant<Tree, Problem> tree = ParseYaml(text);
  if (const auto* problem = std::get_if<Problem>(&tree)) {
    loaded.errors.push_back(*problem);
    return loaded;
  }
  ReadTree(std::get<Tree>(tree), loaded);
  SortByPlace(loaded.errors);
  if (loaded.errors.empty()) WarnOfNodeCount(loaded);
  SortByPlace(loaded.warnings);
  return loaded;
}

Loaded Load(const std::string& file) {
  const std::variant<File, Unread> read = ReadRegularFile(file, kMostConfigBytes);
  if (const auto* unread = std::get_if<Unread>(&read)) {
    Loaded loaded;
    loaded.file = file;
    loaded.config = Defaults();
    loaded.errors.push_back({kWholeFile, "", "expected the configuration, found " + unread->why});
    return loaded;
  }
  return LoadText(std::get<File>(read).text, file);
}

Config Defaults() {
  Config config;
  for (const Key& key : Keys()) {
    if (ListOf(key).empty()) SetAbsent(key, {config});
  }
  return config;
}

}  // namespace redlockd::config

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "config/keys.h"
#include "config/load.h"
#include "daemon/app/translate.h"
#include "protocol/printable.h"
#include "tests/fuzz/check.h"

// A configuration file, any text: either every mistake in it is told with its place, or all values
// are within their bounds and what --check-config prints is the same configuration again.
namespace redlockd::fuzz {
namespace {

using namespace config;

// "PATH VALUE" for each key, as Print would say it.
std::vector<std::string> Values(Config config) {
  std::vector<std::string> values;
  const auto add = [&values](const Key& key, Target target) {
    const auto print = [target](const auto& value) { return value.Print(target); };
    values.push_back(std::string(key.path) + " " + std::visit(print, key.value));
  };
  for (const Key& key : Keys()) {
    for (const Target target : Targets(key, config)) add(key, target);
  }
  return values;
}

// A value is within its bounds if its own text is taken.
void CheckBounds(Config config) {
  const auto check = [](const Key& key, Target target) {
    const auto taken = [target](const auto& value) {
      return value.Read(target, value.Print(target));
    };
    const bool is_none =
        (key.absent == Key::Absent::kNothing || key.absent == Key::Absent::kSameAs) &&
        std::visit([target](const auto& value) { return value.Print(target).empty(); }, key.value);
    FUZZ_CHECK(is_none || std::visit(taken, key.value), "out of bounds: " + std::string(key.path));
  };
  FUZZ_CHECK(!config.nodes.empty() && config.nodes.size() <= kMaxNodes, "too many or few nodes");
  FUZZ_CHECK(config.rules.size() <= kMaxRules, "too many rules");
  for (const Key& key : Keys()) {
    for (const Target target : Targets(key, config)) check(key, target);
  }
}

void CheckProblems(const Loaded& loaded, const std::vector<Problem>& problems) {
  for (const Problem& problem : problems) {
    FUZZ_CHECK(problem.at.line >= 1 && problem.at.column >= 1, "a mistake without a place");
    FUZZ_CHECK(!problem.what.empty(), "a mistake without words");
    FUZZ_CHECK(
        loaded.Text(problem).find(redlock::protocol::Printable(problem.what)) != std::string::npos,
        "it is not told");
  }
}

}  // namespace
}  // namespace redlockd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace redlockd::fuzz;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Loaded loaded = LoadText(text, "f.yaml");
  CheckProblems(loaded, loaded.errors);
  CheckProblems(loaded, loaded.warnings);
  if (!loaded.errors.empty()) return 0;
  CheckBounds(loaded.config);

  const std::string printed = Print(loaded);
  const Loaded again = LoadText(printed, "f.yaml");
  FUZZ_CHECK(again.errors.empty(),
             "what is printed is refused: " + again.Text(again.errors[0]) + "\n" + printed);
  FUZZ_CHECK(Values(again.config) == Values(loaded.config), "it prints another:\n" + printed);

  redlockd::app::CheckTiming(loaded);
  CheckProblems(loaded, loaded.errors);
  FUZZ_CHECK(!redlockd::app::DerivedTimes(loaded.config).empty(), "no times follow");
  return 0;
}

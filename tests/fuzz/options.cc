#include "libclient/cli/options.h"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "protocol/name.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/check.h"

// The command line of redlock: one word a line.
namespace redlockd::fuzz {
namespace {

using namespace redlock::cli;

void CheckRun(const RunOptions& run) {
  FUZZ_CHECK(!redlock::protocol::CheckName(run.name), "not a name");
  FUZZ_CHECK(!run.command.empty(), "no command");
  FUZZ_CHECK(!run.wait || run.wait->count() >= 0, "a negative wait");
  FUZZ_CHECK(run.busy_code >= 0 && run.busy_code <= 255, "not an exit code");
  FUZZ_CHECK(run.ttl.count() >= 0 && run.max_hold.count() >= 0 && run.min_hold.count() >= 0,
             "a negative duration");
  FUZZ_CHECK(!run.kill_after || run.kill_after->count() > 0, "a duration that is not above 0");
}

void CheckQuery(const QueryOptions& query) {
  const bool is_break = query.kind == QueryOptions::Kind::kBreak;
  const bool has_name = is_break || query.kind == QueryOptions::Kind::kShow;
  FUZZ_CHECK(has_name == !query.name.empty(), "a name too many or too few");
  FUZZ_CHECK(!has_name || !redlock::protocol::CheckName(query.name), "not a name");
  FUZZ_CHECK(is_break == (query.fence.empty() != query.owner.empty()), "not one of the two");
  FUZZ_CHECK(!query.now || !query.owner.empty(), "at once, but of which owner?");
}

void CheckWatch(const WatchOptions& watch) {
  for (const std::string& name : watch.names) {
    FUZZ_CHECK(!redlock::protocol::CheckName(name), "not a name");
  }
}

}  // namespace
}  // namespace redlockd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace redlockd::fuzz;
  std::vector<std::string> words{"redlock"};
  for (Bytes input(data, size); !input.empty();) words.emplace_back(input.Until('\n'));
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  const auto parsed = ParseOptions(static_cast<int>(words.size()), argv.data());
  if (const int* code = std::get_if<int>(&parsed)) {
    FUZZ_CHECK(*code == 0 || *code == kExitUsage, "exit code " + std::to_string(*code));
    return 0;
  }
  const auto& command = std::get<Options>(parsed).command;
  if (const auto* run = std::get_if<RunOptions>(&command)) {
    CheckRun(*run);
  } else if (const auto* watch = std::get_if<WatchOptions>(&command)) {
    CheckWatch(*watch);
  } else {
    CheckQuery(std::get<QueryOptions>(command));
  }
  return 0;
}

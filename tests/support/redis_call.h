#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/redis/command.h"
#include "daemon/redis/encoder.h"

// What the daemon asks of a node, in the hands of who plays the node or stands in for the daemon.
namespace redlockd::test {

// The keys and the arguments of a script, as scripts/*.lua name them.
struct ScriptWords {
  std::vector<std::string> keys;
  std::vector<std::string> args;
};

// As the node reads them out of what the daemon writes. `hears`: it sends hints to the daemon.
inline ScriptWords WordsOf(redis::Call call, std::string_view run_id, bool hears = false) {
  if (call.hears_at != redis::Call::kNowhere && hears) call.text[call.hears_at] = '1';
  if (call.run_id_at != redis::Call::kNowhere) {
    std::string bulk;
    redis::AppendBulk(bulk, run_id);
    call.text.insert(call.run_id_at, bulk);
  }
  std::vector<std::string> words;
  for (std::size_t at = call.text.find('$'); at < call.text.size();) {
    const std::size_t begin = call.text.find('\n', at) + 1;
    words.push_back(call.text.substr(begin, std::stoul(call.text.substr(at + 1, begin - at))));
    at = begin + words.back().size() + 2;
  }
  const auto keys = words.begin() + 3;  // after EVALSHA, the script's sha, how many there are
  const auto args = keys + std::stol(words.at(2));
  return {{keys, args}, {args, words.end()}};
}

inline ScriptWords WordsOf(const engine::NodeOp& op, const redis::SetOptions& set,
                           std::string_view run_id, bool hears = false) {
  return WordsOf(redis::CallOf(op, set), run_id, hears);
}

inline void AppendCall(std::string& out, redis::ScriptId script, const ScriptWords& words) {
  const std::string key_count = std::to_string(words.keys.size());
  std::vector<std::string_view> argv = {"EVALSHA", redis::Get(script).sha, key_count};
  argv.insert(argv.end(), words.keys.begin(), words.keys.end());
  argv.insert(argv.end(), words.args.begin(), words.args.end());
  redis::AppendCommand(out, argv);
}

}  // namespace redlockd::test

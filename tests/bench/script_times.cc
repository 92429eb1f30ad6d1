#include <algorithm>
#include <functional>
#include <stdexcept>

#include "daemon/redis/encoder.h"
#include "tests/bench/floor.h"
#include "tests/bench/floor_node.h"

namespace redlockd::bench {
namespace {

// The least that takes a lock with a fence.
constexpr std::string_view kBare =
    "redis.call('GET', KEYS[1]) local fence = redis.call('INCR', KEYS[2]) "
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) return fence";

Template BareTemplate(FloorNode& node) {
  const ReplyPtr sha = node.Ask("SCRIPT LOAD %b", kBare.data(), kBare.size());
  const std::string lock = "bare-" + std::string(Template::kCycle);
  const std::string fence = "redlockd:fence:" + lock;
  const std::string owner =
      "0123456789abcdef0123456789abcdef:" + std::string(Template::kCycle) + ":floor";
  const std::string_view argv[] = {"EVALSHA", sha->str, "2", lock, fence, owner, "10000"};
  std::string command;
  redis::AppendCommand(command, argv);
  return Template(command);
}

// Of EVALSHA since the last RESETSTAT, by the node's own count.
double MicrosecondsPerCall(FloorNode& node) {
  const ReplyPtr info = node.Ask("INFO commandstats");
  const std::string text(info->str, info->len);
  const std::size_t line = text.find("cmdstat_evalsha:");
  const std::size_t at = text.find("usec_per_call=", line);
  if (line == std::string::npos || at == std::string::npos) {
    throw std::runtime_error("no commandstats of EVALSHA");
  }
  return std::stod(text.substr(at + 14));
}

// Sends the command of each cycle, some at a time, as a busy daemon does.
double Time(FloorNode& node, int count, const std::function<const std::string&(int)>& command) {
  constexpr int kAtATime = 64;
  node.Ask("CONFIG RESETSTAT");
  for (int first = 0; first < count; first += kAtATime) {
    const int last = std::min(count, first + kAtATime);
    for (int i = first; i < last; ++i) node.Queue(command(i));
    for (int i = first; i < last; ++i) {
      const ReplyPtr reply = node.Wait();
      if (!SaysOk(*reply) && reply->type != REDIS_REPLY_INTEGER) {
        throw std::runtime_error("a node refused a script");
      }
    }
  }
  return MicrosecondsPerCall(node);
}

}  // namespace

nlohmann::json TimeScripts(const ScriptOptions& options) {
  FloorNode node(options.port);
  Template bare = BareTemplate(node);
  const long long first = std::stoll(MicrosecondsNow());
  const auto cycle = [&](int i) { return std::to_string(first + i); };
  nlohmann::json result;
  result["acquire_us"] = Time(
      node, options.count, [&](int i) -> auto& {
        return node.acquire().With(cycle(i), MicrosecondsNow());
      });
  result["release_us"] = Time(
      node, options.count, [&](int i) -> auto& { return node.release().With(cycle(i), {}); });
  result["bare_us"] = Time(
      node, options.count, [&](int i) -> auto& { return bare.With(cycle(i), {}); });
  return result;
}

}  // namespace redlockd::bench

// redlock: the command line of redlockd. `redlock run` (run/) runs a command under a lock, `redlock
// watch` (watch.h) follows locks, `redlock top` (top/) shows what is, live, `redlock health` (health.h)
// judges; every other command is one question to the daemon (query.h).
#include "base/standard_descriptors.h"
#include "libclient/cli/health.h"
#include "libclient/cli/options.h"
#include "libclient/cli/query.h"
#include "libclient/cli/run/run.h"
#include "libclient/cli/top/top.h"
#include "libclient/cli/watch.h"

int main(int argc, char** argv) {
  using namespace redlock::cli;
  redlock::base::OpenMissingStandardDescriptors();
  const auto parsed = ParseOptions(argc, argv);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  const auto& options = std::get<Options>(parsed);
  if (const auto* run = std::get_if<RunOptions>(&options.command)) {
    return Run(options.socket, *run);
  }
  if (const auto* watch = std::get_if<WatchOptions>(&options.command)) {
    return Watch(options.socket, *watch);
  }
  if (const auto* top = std::get_if<TopOptions>(&options.command)) {
    return Top(options.socket, *top);
  }
  if (const auto* health = std::get_if<HealthOptions>(&options.command)) {
    return PrintHealth(options.socket, *health);
  }
  return Query(options.socket, std::get<QueryOptions>(options.command));
}

// redlock health: can locks be taken on this host? For monitoring, and for probes of containers.
#pragma once

#include <string>

#include "libclient/cli/answer.h"
#include "libclient/cli/options.h"

namespace redlock::cli {

// Exit codes, those of monitoring plugins.
enum class Health {
  kOk = 0,        // every node votes
  kDegraded = 1,  // a majority votes
  kNoQuorum = 2,  // no lock can be taken, and none renewed
  kNoDaemon = 3,  // nothing is known: no daemon answered in time
};

// What the answer to the daemon's `nodes` says.
Health HealthOf(const Answer& nodes);

// One line: the health, and the nodes that do not vote, with the reasons.
std::string HealthText(const Answer& nodes);
// The answer as JSON, with `health` beside its fields.
std::string HealthJson(Answer nodes);

// Asks the daemon and prints the answer. Returns the exit code, after options.timeout at most.
int PrintHealth(const std::string& socket, const HealthOptions& options);

}  // namespace redlock::cli

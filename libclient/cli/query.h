// The commands that are one question to the daemon: list show break nodes stats status reload ping.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>

#include "libclient/cli/answer.h"
#include "libclient/cli/options.h"

namespace redlock::cli {

// Sends the one question and waits for its answer. Without a reply (the daemon is gone, say) the answer
// is the error alone.
Answer Ask(redlock_client* client, const QueryOptions& options);

// False if it did not get out (a full disk, say).
bool Print(const std::string& text, std::FILE* to = stdout);

// Asks, prints, and gives the exit code. socket: empty for libredlock's default.
int Query(const std::string& socket, const QueryOptions& options);

// An answer without an error, or what came before one, for people; in lines of `places` (0: as long
// as need be).
std::string ForPeople(QueryOptions::Kind kind, const Answer& answer, std::size_t places);

}  // namespace redlock::cli

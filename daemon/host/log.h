#pragma once

#include <string_view>

#include "config/config.h"

// The daemon's log: one line a call, to stderr, where the journal or a person reads it. How a line
// looks, and why a call never waits for a reader, is explained in log_sink.h. Any thread.
namespace redlockd::host {

// Before it, lines of kInfo and above are written. At the start, and again for another level.
void StartLog(config::LogLevel level);

void LogError(std::string_view line);
void LogWarning(std::string_view line);
void LogInfo(std::string_view line);

}  // namespace redlockd::host

#pragma once

#include <string_view>

#include "config/config.h"
#include "daemon/host/log_field.h"

// The daemon's log: one line a call, to the journal if stderr leads there, else to stderr, where a
// person reads it. How a line looks, and why a call never waits for a reader, is explained in
// log_sink.h. Any thread.
namespace redlockd::host {

// Before it, lines of kInfo and above are written. At the start, and again for another level.
void StartLog(config::LogLevel level);

void LogError(std::string_view line, const LogFields& fields = {});
void LogWarning(std::string_view line, const LogFields& fields = {});
void LogInfo(std::string_view line, const LogFields& fields = {});
// An info that is written whatever the level is: it was asked for by itself.
void LogAudit(std::string_view line, const LogFields& fields);

}  // namespace redlockd::host

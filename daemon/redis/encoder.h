#pragma once

#include <span>
#include <string>
#include <string_view>

namespace redlockd::redis {

// Appends one bulk string, as which a command has each of its words.
void AppendBulk(std::string& out, std::string_view text);

// Appends one command to `out`, as a Redis node reads it (RESP2: an array of bulk strings).
void AppendCommand(std::string& out, std::span<const std::string_view> argv);

}  // namespace redlockd::redis

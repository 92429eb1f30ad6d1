#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace redlockd::redis {

// A command as a Redis node reads it (RESP2): an array of bulk strings, each a word of it. All
// append to `out`.

void BeginCommand(std::string& out, std::size_t words);
// One word, of up to three parts.
void AppendBulk(std::string& out, std::string_view a, std::string_view b = {},
                std::string_view c = {});

// A whole one.
void AppendCommand(std::string& out, std::span<const std::string_view> argv);

}  // namespace redlockd::redis

// Requests out of what a caller gave, and what is wrong with them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "libclient/include/redlock/redlock.h"
#include "protocol/request.h"

namespace redlock::client {

struct Problem {
  int error = REDLOCK_OK;
  std::string text{};

  explicit operator bool() const { return error != REDLOCK_OK; }
};

// The names that a caller gave for one request: 1 to protocol::kMostNames, all of them different.
Problem TakeNames(const char* const* names, std::size_t count, std::vector<std::string>* own);

// `verb args...`, as redlock_query() has them.
Problem MakeRequest(const char* verb, const redlock_arg* args, std::size_t arg_count,
                    protocol::Request* request);

// Whether it can be sent, under any tag.
Problem CheckRequest(const protocol::Request& request);

}  // namespace redlock::client

// What redlock_reply of the C header is: an answer with its rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "libclient/include/redlock/redlock.h"
#include "protocol/reply.h"

// The text of a line follows its fields as "text".
struct redlock_reply {
  using Line = std::vector<redlock::protocol::Field>;

  int error = REDLOCK_OK;
  std::int64_t clock_offset_ns = 0;  // the daemon's clock minus ours
  Line answer;
  std::vector<Line> rows;
  std::string text;

  void TakeRow(redlock::protocol::Reply line);
  void TakeAnswer(redlock::protocol::Reply line);

  const Line* At(std::size_t row) const;
  const char* Find(std::size_t row, std::string_view key) const;
};

namespace redlock::client {

using ReplyPtr = std::unique_ptr<redlock_reply>;

// Whether the caller has set its size.
bool IsGrantSized(const redlock_grant& grant);

}  // namespace redlock::client

#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "daemon/engine/types.h"
#include "daemon/engine/views.h"
#include "daemon/session/state.h"

namespace redlockd::session {

class Session;
class Sessions;

// The answer to a `list`, made while it is being read: a host may hold more than may stand unread
// in a session's output. Keeps only how far it has got; what comes or goes meanwhile is or
// is not in it.
class Listing {
 public:
  Listing(engine::RequestId request, std::string tag) : request_(request), tag_(std::move(tag)) {}

  explicit Listing(const record::Listing& former);
  record::Listing Save() const;

  engine::RequestId request() const { return request_; }

  // Appends at most about `bytes` of rows to `out`, for the eyes of `reader`. True if that was the
  // rest, with its OK.
  bool Continue(Sessions& room, const Session& reader, std::size_t bytes, std::string& out);

 private:
  engine::RequestId request_;
  std::string tag_;
  engine::RowPlace next_;
  std::size_t holds_ = 0;
  std::size_t waits_ = 0;
};

}  // namespace redlockd::session

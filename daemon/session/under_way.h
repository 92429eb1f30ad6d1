#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/engine/types.h"
#include "daemon/session/state.h"

namespace redlockd::session {

// The requests of one session that have begun and are not answered yet. At most one is untagged,
// and no two have the same tag. Knows nothing else of the session.
class UnderWay {
 public:
  struct Request {
    engine::RequestId id;
    std::string tag;  // empty: none
    std::string subject;
    std::vector<std::string> also{};  // the further names
    bool is_wait;                     // `cancel` can end it
    engine::SessionId asker = 0;      // the session, or an owner within it
    bool on_page = false;             // a lock: its hold is to be on the session's page
    bool tells_renewals = false;      // a lock: its client wants events for them
  };

  void Add(Request request);
  void Remove(engine::RequestId id);
  // All of them, in the order of their ids; none is under way any more.
  std::map<engine::RequestId, Request> TakeAll();
  std::vector<record::Request> Save() const;

  // Null if there is none.
  const Request* Find(engine::RequestId id) const;
  const Request* FindTag(const std::string& tag) const;
  bool HasUntagged() const { return untagged_.has_value(); }
  bool empty() const { return size() == 0; }
  std::size_t waits() const { return waits_; }
  std::size_t others() const { return size() - waits_; }

 private:
  std::size_t size() const { return tagged_.size() + (untagged_ ? 1 : 0); }

  std::optional<Request> untagged_;
  std::map<engine::RequestId, Request> tagged_;
  std::unordered_map<std::string, engine::RequestId> tags_;  // of tagged_
  std::size_t waits_ = 0;
};

}  // namespace redlockd::session

// What a client and its daemon say to each other, all of it written down: the requests that are not
// answered yet, and the locks that the client may believe to hold.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/faults/history.h"
#include "tests/faults/session.h"
#include "tests/faults/store.h"

namespace redlockd::test::faults {

class Conversation {
 public:
  struct Hold {
    std::uint64_t fence = 0;
    Duration deadline{};  // the last that was told, on this host's clock
    bool hears_renewals = false;
    bool lost = false;     // LOST was heard
    bool refused = false;  // a write was
  };

  Conversation(const Journal& journal, Store& store) : journal_(journal), store_(store) {}

  // A new session, whose requests have tags or not. False where there is no daemon.
  bool Connect(const std::string& socket, bool tags);
  bool ended() const { return !session_ || session_->ended(); }
  bool has_tags() const { return tags_; }
  // By "close", "half-close" or "quit"; nothing but a note if the daemon has ended it already.
  void End(std::string_view how);

  // Returns the request's id, which is its tag where there are tags.
  std::string Ask(std::string_view verb, const std::string& lock = {},
                  std::string_view options = {});
  // Whether a request for this lock is not answered yet.
  bool IsWanted(std::string_view lock) const;
  // Until it is answered: true; or the session has ended: false. While faults come and go an answer
  // may take as long as it likes; at the end of the run it may not.
  bool Await(const std::string& id);
  // Takes what the daemon says for so long.
  void Listen(Duration for_so_long);

  // nullptr without one. Stays where it is until it is forgotten or the next session begins.
  Hold* Held(const std::string& lock);
  void Forget(const std::string& lock) { holds_.erase(lock); }

 private:
  struct Request {
    std::string id, verb, lock;
    bool hears_renewals = false;
  };

  bool IsOpen(const std::string& id) const;
  void Take(const Reply& reply);
  void TakeAnswer(const Reply& reply);
  void TakeEvent(const Reply& event);
  // Adds what the reply says of these keys; times as times of the run.
  void Add(const Reply& reply, std::initializer_list<std::string_view> keys, Fields& fields) const;

  const Journal& journal_;
  Store& store_;
  std::uint64_t last_id_ = 0;
  std::optional<Session> session_;
  bool tags_ = false;
  std::vector<Request> open_;  // in the order in which they were asked
  std::map<std::string, Hold> holds_;
};

}  // namespace redlockd::test::faults

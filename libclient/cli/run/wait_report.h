// What `redlock run` says while it waits in line: that it does, for whom, and since when. For that
// it asks the daemon who has the lock, now and then.
#pragma once

#include <redlock/redlock.h>

#include <list>
#include <optional>
#include <string>

#include "libclient/cli/answer.h"
#include "libclient/cli/options.h"
#include "libclient/cli/run/guard.h"
#include "libclient/cli/run/voice.h"

namespace redlock::cli {

// Who has the lock, by the answer to `show`.
struct Holder {
  std::string id;           // distinguishes one holder from another
  std::string text;         // a clause for people: "held ..."; empty: nobody is known
  bool is_endless = false;  // a value of another program that no time ends: no lock at all
};
Holder HolderOf(const Answer& answer);

// All must outlive it, and it the requests of the client: their answers come back to it.
class WaitReport {
 public:
  WaitReport(redlock_client* client, const RunOptions& options, const Voice& voice,
             Guard::Time now);
  WaitReport(const WaitReport&) = delete;
  WaitReport& operator=(const WaitReport&) = delete;

  // When to call Look() next.
  Guard::Time next() const { return next_; }
  void Look(Guard::Time now);
  // The wait is over: what is answered now is no news.
  void End() { is_over_ = true; }

 private:
  // One of the locks that are waited for.
  struct Lock {
    WaitReport& report;
    std::string name;
    std::optional<std::string> told{};  // the id of the holder that was reported last
  };
  void OnAnswer(Lock& lock, const redlock_reply* reply);

  redlock_client* const client_;
  const RunOptions& options_;
  const Voice& voice_;
  Guard::Time next_;
  bool is_over_ = false;
  std::list<Lock> locks_;
};

}  // namespace redlock::cli

// The hold of `redlock run`: asked of the daemon, and followed by what the daemon says about it.
// Its Guard gets every deadline that the daemon sends.
#pragma once

#include <redlock/redlock.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "libclient/cli/client.h"
#include "libclient/cli/options.h"
#include "libclient/cli/run/guard.h"
#include "libclient/cli/run/voice.h"

namespace redlock::cli {

class Hold {
 public:
  struct Refusal {
    int exit_code;
    std::string text;
    bool is_stopping = false;  // the daemon is, or has gone: the next one may grant it
    bool lacks_quorum = false;
  };

  // `client` is connected; options and voice must outlive the hold. The wait that the options ask
  // for began at `begin`.
  Hold(ClientPtr client, const RunOptions& options, Guard::Time begin, const Voice& voice);
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  // Reads what the daemon said. Harmless at any time.
  void Dispatch();

  // To be polled for poll_events(); -1 once the daemon is gone.
  int fd() const { return redlock_fd(client_.get()); }
  short poll_events() const { return redlock_events(client_.get()); }

  // For other questions over the same connection.
  redlock_client* client() { return client_.get(); }

  // One of the two, once the daemon has answered.
  bool is_granted() const { return guard_.has_value(); }
  const std::optional<Refusal>& refusal() const { return refusal_; }

  // Once it is granted: the locks, in the order of the options.
  struct Lock {
    std::string name;
    std::uint64_t fence = 0;
    Guard::Time deadline{0};
  };
  const std::vector<Lock>& locks() const { return locks_; }
  Guard& guard() { return *guard_; }

  // A copy of the session's socket, with a number that is out of the way of what scripts use. It
  // keeps the session open whatever becomes of the client.
  int socket() const { return socket_.get(); }

  // Tells the daemon and waits a moment for its answer, so that who asks next finds the lock free.
  // Ends the session, also if others have inherited its socket. Without it the session ends with
  // the last of those.
  void LetGo();

 private:
  void Ask(Guard::Time begin);
  int AskByWords(const redlock_lock_options& ask);
  static void TakeAnswer(redlock_client*, int error, const redlock_reply* reply, void* self);
  void OnAnswer(int error, const redlock_reply* reply);
  void OnGrant(const redlock_reply* reply);
  bool ReadGrant(const redlock_reply* reply, Duration* ttl);
  bool ReadRows(const redlock_reply* reply, Duration* ttl);
  Lock* LockOf(const redlock_event& event);  // null: of none of the holds
  Guard::Time Earliest() const;
  void OnEvent(const redlock_event& event);
  void Refuse(int error, const std::string& text);

  ClientPtr client_;
  const RunOptions& options_;
  const Voice& voice_;
  const base::Descriptor socket_;
  std::vector<Lock> locks_;
  std::optional<Guard> guard_;
  std::optional<Refusal> refusal_;
  bool is_let_go_ = false;
};

}  // namespace redlock::cli

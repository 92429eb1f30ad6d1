#pragma once

#include <sys/types.h>

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/descriptor.h"
#include "daemon/engine/effects.h"
#include "daemon/engine/fair_line.h"
#include "daemon/event/end_of_turn.h"
#include "daemon/session/engine_port.h"
#include "daemon/session/listener.h"
#include "daemon/session/permissions.h"
#include "daemon/session/session.h"
#include "daemon/session/state.h"

// The session room: local clients. It accepts them, reads their lines, hands what they ask to the
// engine and writes what the engine answers, in the words of protocol/PROTOCOL.md. It holds no
// lock: who has what is the engine's to know.
//
//   Listener -> Sessions -> Session -> Connection     who -> one client's order of things -> bytes
//                               |'---> Owners         those within it, each a session to the engine
//                               |'---> SharedPage     until when its holds are good, for it to read
//                  verbs -> handlers -> EnginePort    what a line means, and what is done
//   EnginePort .. Sessions::Answer, Notify -> answers what the engine says, in protocol's words
//
// One thread. Nothing in this room blocks.
namespace redlockd::session {

struct Options {
  std::size_t max_sessions = 0;
  std::size_t max_sessions_per_uid = 0;
  std::size_t reserved_descriptors = 0;  // of the process, not for sessions
  std::size_t max_unread_output = 0;     // bytes; a session that leaves more unread is dropped
  // The engine's limit; more requests than that may be under way.
  std::size_t locks_per_session = 0;
  std::string key_prefix;            // rule D9
  std::optional<gid_t> admin_group;  // besides uid 0 and the daemon's own uid
  Permissions permissions;
  std::string instance;                     // of this run of the daemon (rule A1)
  std::vector<std::string> node_addresses;  // in the order of engine::NodeIndex
};

// All sessions. Owns them; its end closes their sockets, and posts nothing.
class Sessions {
 public:
  // Accepts on `fd`, a listening, non-blocking AF_UNIX stream socket that stays the caller's.
  // `loop`, `fd` and `port` outlive it.
  Sessions(event::Loop& loop, int fd, Options options, EnginePort& port);
  ~Sessions();

  // Effects of the engine. A session that has ended meanwhile needs no answer.
  void Answer(const engine::AnswerClient& answer);
  void Notify(const engine::NotifyClient& notify);
  void Notify(const engine::NotifyWatchers& notify);

  // From now on the limits, the permissions and the group of administrators are these, for clients
  // that connect and for what is asked; nobody is disconnected. All else in `options` is as before.
  void Change(const Options& options);

  // Leaves new clients in the socket's queue, for who accepts on it next.
  void StopAccepting() { listener_.Stop(); }

  // For the next process (rules H), when the engine has taken all that was posted: what there is of all
  // clients, and their descriptors, which stay the room's.
  State Save();
  std::vector<EndsOf> Descriptors() const;
  // From the former process, before anything else. Nothing is read, and the engine hears nothing,
  // before Resume, which comes when the engine knows its sessions. A client without its ends is gone: what it
  // holds is released, and its connection closed.
  void Restore(const State& former, std::map<engine::SessionId, Ends> ends);
  void Resume();

  // Nothing is left to be written: the daemon may end.
  bool AllSent() const;

  std::size_t count() const { return sessions_.size(); }

  // For this room.
  event::Loop& loop() { return loop_; }
  const Options& options() const { return options_; }
  EnginePort& port() { return port_; }
  // The session with that id, or with that owner; null if there is none.
  const Session* Find(engine::SessionId id) const;
  // An id for an owner within that session; until Unregister, what the engine has for it goes to the
  // session.
  engine::SessionId Register(Session& session);
  void Unregister(engine::SessionId owner) { owners_.erase(owner); }
  void Greet(std::string& out) const;
  // Whether that one, the newest of the process, is beyond what sessions may yet need.
  bool CanSpare(int descriptor) const;
  // Session::EndTurn at the end of this turn; from within it, of the next.
  void AtEndOfTurn(engine::SessionId id);
  // The session has work to do. At once, unless others wait or this turn has had its share of work;
  // else when its time comes: users take turns, so that nobody waits for what one user asks for.
  void Serve(Session& session);

 private:
  Session* At(engine::SessionId id) const;
  void Accept(redlock::base::Descriptor socket);
  std::optional<std::string> AtLimit(const Peer& peer) const;
  void Work(Session& session);
  void EndTurn();
  void RemoveOver();
  void Remove(engine::SessionId id);

  event::Loop& loop_;
  Options options_;
  EnginePort& port_;
  engine::SessionId last_id_ = 0;
  engine::FairLine<Session> line_;  // those that have work to do
  int left_;                        // of what may be done in this turn, in lines
  bool working_ = false;
  std::unordered_map<engine::SessionId, std::unique_ptr<Session>> sessions_;
  std::unordered_map<engine::SessionId, Session*> owners_;  // whose they are
  std::unordered_map<uid_t, std::size_t> sessions_of_uid_;
  std::vector<record::Client> lost_;  // of the former process, until Resume
  std::vector<engine::SessionId> scheduled_;
  std::vector<engine::SessionId> running_;  // of EndTurn, while that runs
  event::EndOfTurn end_of_turn_;
  Listener listener_;
};

}  // namespace redlockd::session

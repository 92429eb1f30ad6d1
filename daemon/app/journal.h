#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/app/line_fields.h"
#include "daemon/app/ration.h"
#include "daemon/engine/effects.h"
#include "daemon/engine/events.h"
#include "daemon/session/peer.h"

namespace redlockd::app {

// What the log says of nodes, of the quorum, of locks that end against their holders' will, and of
// what administrators ask for. There is no line for a grant or a release: those are as many as there
// are locks, and AuditLog has them where they are asked for.
class Journal {
 public:
  // Lines of locks, a second; more are counted. A majority that goes away may end thousands at once.
  static constexpr std::size_t kLinesASecond = 100;
  // Likewise of breaks by users who are no administrators.
  static constexpr std::size_t kBreaksASecond = 10;
  // A line in this time is for denials; anyone who may connect can cause them.
  static constexpr int kSecondsOfDenials = 60;

  // Null if the client is gone.
  using PeerOf = std::function<const session::Peer*(engine::SessionId)>;

  // `nodes`: how the log calls them. `majority`: of them.
  Journal(std::vector<std::string> nodes, std::size_t majority, PeerOf peer_of)
      : nodes_(std::move(nodes)), majority_(majority), peer_of_(std::move(peer_of)) {}

  // `up`: how many vote now.
  void OnNode(const engine::NodeChanged& change, std::size_t up);
  // Of a node's connections.
  void OnNote(engine::NodeIndex node, const std::string& note) const;
  // Clients are served from now on.
  void OnServing(std::size_t up) const;
  // What a client has heard of its lock.
  void OnNotice(const engine::NotifyClient& effect);
  // A request that only administrators may make, if it is one; others leave no trace.
  void OnRequest(const engine::Event& event);
  // An administrator asks for what is not the engine's to do.
  void OnAdministrator(engine::SessionId session, const std::string& verb) const;
  // A client asked for what it may not; `lock` is empty if it named none. A line; those of the minute
  // after it are counted.
  void OnDenied(engine::SessionId session, std::string_view verb, const std::string& lock);
  // What has come of a request.
  void OnAnswer(const engine::AnswerClient& answer);
  // What was only counted: once a second, and when the daemon ends.
  void Tick() { ReportMore(locks_.Tick(), denials_.Tick(), breaks_.Tick()); }
  void Flush() { ReportMore(locks_.Rest(), denials_.Rest(), breaks_.Rest()); }

 private:
  using RequestKey = std::pair<engine::SessionId, engine::RequestId>;
  // What an administrator asked for, as lines name it.
  struct Act {
    std::string text;
    host::LogFields fields;
  };

  void OnQuorum(std::size_t up);
  std::string Votes(std::size_t up) const;
  // As lines name it, and with its fields.
  std::string WhoIs(engine::SessionId session, host::LogFields& fields) const;
  Act OnAct(engine::SessionId session, const std::string& verb, const std::string& lock) const;
  static void ReportMore(std::size_t locks, std::size_t denials, std::size_t breaks);

  const std::vector<std::string> nodes_;
  const std::size_t majority_;
  const PeerOf peer_of_;
  bool has_quorum_ = false;
  Ration locks_{kLinesASecond, 1};
  Ration denials_{1, kSecondsOfDenials};
  // Of users whom a rule lets break, and who are no administrators: they could ask without an end.
  Ration breaks_{kBreaksASecond, 1};
  std::map<RequestKey, Act> asked_;  // by administrators, and not answered
};

}  // namespace redlockd::app

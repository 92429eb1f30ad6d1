#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "daemon/engine/effects.h"
#include "daemon/event/end_of_turn.h"
#include "daemon/event/http_server.h"
#include "daemon/event/loop.h"
#include "daemon/metrics/metrics.h"
#include "daemon/session/engine_port.h"
#include "daemon/session/peer.h"
#include "daemon/status/json.h"
#include "daemon/status/survey.h"
#include "daemon/status/timeline.h"

namespace redlockd::app {

// The status page: remembers the last minutes and the last losses, and walks over the locks while
// somebody looks. However many look, and however many locks there are, that takes bounded work in a
// turn of the loop, and bounded memory. One thread.
class StatusPage {
 public:
  static constexpr std::size_t kLosses = 20;  // that are remembered

  struct Sources {
    std::function<metrics::Snapshot()> look;                         // what is so now
    std::function<const session::Peer*(engine::SessionId)> peer_of;  // null: it is gone
    std::function<bool(std::string_view lock)> may_show;             // everybody may see the lock
  };
  // Both outlive it.
  StatusPage(event::Loop& loop, const session::EnginePort& port, Sources sources);

  // The page of that path; none if it is not one of these.
  std::optional<event::HttpServer::Page> Answer(const event::HttpServer::Request& request);

  // What a client heard of its lock.
  void OnNotice(const engine::NotifyClient& effect);
  // Once a second: so many are connected and vote.
  void Tick(std::size_t sessions, std::size_t nodes_up);

 private:
  const std::string& Json();
  void BeginWalk(engine::Time now);
  void GoOn();
  std::optional<status::Client> ClientOf(engine::SessionId session) const;
  status::Details Details() const;

  const session::EnginePort& port_;
  const Sources sources_;
  const std::string host_;
  status::Timeline timeline_;
  std::deque<status::Loss> losses_;  // the newest first
  status::Survey survey_;
  engine::Time walk_began_;
  engine::Time next_walk_;  // not before
  event::EndOfTurn go_on_;  // with the walk
  std::string json_;        // as of
  std::optional<engine::Time> made_at_;
};

// Whether a request is for this host by a name that is surely its own: an IP address, localhost, or
// `own`. `host` is the header Host, with or without a port; empty: there is none. A name of somebody
// else's may lead here, too, in a browser that is to read the page for him.
bool IsOwnName(std::string_view host, const std::string& own);

}  // namespace redlockd::app

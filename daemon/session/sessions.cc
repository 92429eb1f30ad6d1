#include "daemon/session/sessions.h"

#include <sys/socket.h>

#include <algorithm>

#include "daemon/session/peer.h"
#include "daemon/session/rows.h"
#include "daemon/session/verbs.h"
#include "protocol/limits.h"
#include "protocol/reply.h"

namespace redlockd::session {
namespace {

using redlock::protocol::ErrorCode;
using redlock::protocol::ReplyLine;

}  // namespace

Sessions::Sessions(event::Loop& loop, int fd, Options options, EnginePort& port)
    : loop_(loop),
      options_(std::move(options)),
      port_(port),
      end_of_turn_(loop, [this] { EndTurn(); }),
      listener_(loop, fd, options_.reserved_descriptors,
                [this](Descriptor socket) { Accept(std::move(socket)); }) {}

Sessions::~Sessions() = default;

void Sessions::Greet(std::string& out) const {
  ReplyLine::Event(out, "HELLO")
      .Word("redlockd")
      .Word(std::to_string(redlock::protocol::kVersion))
      .Add("caps", Caps())
      .Add("line", redlock::protocol::kLineBytes)
      .Add("boot", options_.instance)
      .Add("now", OnWire(port_.Now()));
}

void Sessions::Accept(Descriptor socket) {
  std::optional<Peer> peer = PeerOf(socket.get(), options_.admin_group);
  if (!peer) return;
  if (const auto problem = AtLimit(peer->uid)) {
    std::string line;
    ReplyLine::Err(line, "", ErrorCode::kLimit).Text(*problem);
    // A client that has left already need not be told.
    (void)send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL);
    return;
  }
  const uid_t uid = peer->uid;
  const engine::SessionId id = ++last_id_;
  ++sessions_of_uid_[uid];
  port_.Post(engine::SessionOpened{id, uid});
  sessions_.emplace(id, std::make_unique<Session>(*this, id, std::move(*peer), std::move(socket)));
}

std::optional<std::string> Sessions::AtLimit(uid_t uid) const {
  if (sessions_.size() >= options_.max_sessions) {
    return "the daemon has " + std::to_string(sessions_.size()) + " sessions, its limit";
  }
  const auto of_uid = sessions_of_uid_.find(uid);
  if (of_uid != sessions_of_uid_.end() && of_uid->second >= options_.max_sessions_per_uid) {
    return "uid " + std::to_string(uid) + " has " + std::to_string(of_uid->second) +
           " sessions, the limit of a user";
  }
  return std::nullopt;
}

const Session* Sessions::Find(engine::SessionId id) const {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second.get();
}

void Sessions::Answer(const engine::AnswerClient& answer) {
  const auto found = sessions_.find(answer.session);
  if (found != sessions_.end()) found->second->Answer(answer.request, answer.answer);
}

void Sessions::Tell(const engine::TellClient& tell) {
  const auto found = sessions_.find(tell.session);
  if (found != sessions_.end()) found->second->Tell(tell.notice);
}

void Sessions::AtEndOfTurn(engine::SessionId id) {
  scheduled_.push_back(id);
  end_of_turn_.Schedule();
}

void Sessions::EndTurn() {
  running_.swap(scheduled_);
  for (const engine::SessionId id : running_) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) continue;
    found->second->EndTurn();
    // A session ends here only, where none of its own functions is still running.
    if (found->second->over()) Remove(id);
  }
  running_.clear();
}

void Sessions::Remove(engine::SessionId id) {
  const auto session = sessions_.find(id);
  const auto of_uid = sessions_of_uid_.find(session->second->peer().uid);
  if (--of_uid->second == 0) sessions_of_uid_.erase(of_uid);
  sessions_.erase(session);
}

bool Sessions::AllSent() const {
  return std::all_of(sessions_.begin(), sessions_.end(),
                     [](const auto& entry) { return entry.second->AllSent(); });
}

}  // namespace redlockd::session

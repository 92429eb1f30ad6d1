#include "daemon/session/sessions.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>

#include "daemon/session/answers.h"
#include "daemon/session/bounds.h"
#include "daemon/session/peer.h"
#include "daemon/session/rows.h"
#include "daemon/session/verbs.h"
#include "protocol/limits.h"
#include "protocol/reply.h"

namespace redlockd::session {
namespace {

using redlock::base::Descriptor;
using redlock::protocol::ErrorCode;
using redlock::protocol::ReplyLine;

// Lines that are taken of all sessions in a turn of the loop, so that no turn is long: what comes
// from nodes meanwhile is due at once.
constexpr int kLinesPerTurn = 64;

}  // namespace

Sessions::Sessions(event::Loop& loop, int fd, Options options, EnginePort& port)
    : loop_(loop),
      options_(std::move(options)),
      port_(port),
      left_(kLinesPerTurn),
      end_of_turn_(loop, [this] { EndTurn(); }),
      listener_(loop, fd, options_.reserved_descriptors,
                [this](Descriptor socket) { Accept(std::move(socket)); }) {}

Sessions::~Sessions() = default;

void Sessions::Change(const Options& options) {
  options_.max_sessions = options.max_sessions;
  options_.max_sessions_per_uid = options.max_sessions_per_uid;
  options_.max_unread_output = options.max_unread_output;
  options_.locks_per_session = options.locks_per_session;
  options_.admin_group = options.admin_group;
  options_.permissions = options.permissions;
}

void Sessions::Greet(std::string& out) const {
  ReplyLine::Event(out, "HELLO")
      .Word("redlockd")
      .Word(std::to_string(redlock::protocol::kVersion))
      .Add("caps", Caps())
      .Add("line", redlock::protocol::kLineBytes)
      .Add("boot", options_.instance)
      .Add("now", OnWire(port_.Now()));
}

// The kernel gives out the lowest free number: all below it are in use.
bool Sessions::CanSpare(int descriptor) const {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return true;
  const std::size_t to_come = options_.max_sessions - std::min(options_.max_sessions, count());
  return static_cast<std::size_t>(descriptor) + options_.reserved_descriptors +
             to_come * kDescriptorsPerSession <
         limit.rlim_cur;
}

void Sessions::Accept(Descriptor socket) {
  std::optional<Peer> peer = PeerOf(socket.get(), options_.admin_group);
  if (!peer) return;
  if (const auto problem = AtLimit(*peer)) {
    std::string line;
    ReplyLine::Err(line, "", ErrorCode::kLimit).Text(*problem);
    // A client that has left already need not know.
    (void)send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL);
    return;
  }
  const uid_t uid = peer->uid;
  const engine::SessionId id = ++last_id_;
  ++sessions_of_uid_[uid];
  port_.Post(engine::SessionOpened{id, uid, peer->pid});
  sessions_.emplace(id, std::make_unique<Session>(*this, id, std::move(*peer), std::move(socket)));
}

// Whatever the others do, an administrator can connect; and no administrator keeps out the others.
std::optional<std::string> Sessions::AtLimit(const Peer& peer) const {
  const std::size_t for_admins = std::min(kForAdmins, options_.max_sessions / 4);
  const std::size_t most = options_.max_sessions - (peer.admin ? 0 : for_admins);
  if (sessions_.size() >= most) {
    return "the daemon has " + std::to_string(sessions_.size()) + " sessions, its limit";
  }
  const std::size_t most_of_uid = options_.max_sessions_per_uid + (peer.admin ? for_admins / 2 : 0);
  const auto of_uid = sessions_of_uid_.find(peer.uid);
  if (of_uid != sessions_of_uid_.end() && of_uid->second >= most_of_uid) {
    return "uid " + std::to_string(peer.uid) + " has " + std::to_string(of_uid->second) +
           " sessions, the limit for a user";
  }
  return std::nullopt;
}

Session* Sessions::At(engine::SessionId id) const {
  if (const auto found = sessions_.find(id); found != sessions_.end()) return found->second.get();
  const auto owner = owners_.find(id);
  return owner == owners_.end() ? nullptr : owner->second;
}

const Session* Sessions::Find(engine::SessionId id) const { return At(id); }

engine::SessionId Sessions::Register(Session& session) {
  owners_.emplace(++last_id_, &session);
  return last_id_;
}

void Sessions::Answer(const engine::AnswerClient& answer) {
  if (Session* session = At(answer.session)) session->Answer(answer.request, answer.answer);
}

void Sessions::Notify(const engine::NotifyClient& notify) {
  if (Session* session = At(notify.session)) session->Notify(notify.session, notify.notice);
}

void Sessions::Notify(const engine::NotifyWatchers& notify) {
  std::string line;
  WriteWatch(line, notify.notice);
  for (const engine::SessionId session : notify.sessions) {
    const auto found = sessions_.find(session);
    if (found != sessions_.end() && found->second->MaySee(notify.notice.name)) {
      found->second->NotifyWatch(line);
    }
  }
}

void Sessions::AtEndOfTurn(engine::SessionId id) {
  scheduled_.push_back(id);
  end_of_turn_.Schedule();
}

void Sessions::Serve(Session& session) {
  if (session.StandsInLine()) return;
  if (working_ || line_.First() != nullptr || left_ <= 0) {
    session.StandIn(line_);
  } else {
    Work(session);
  }
  end_of_turn_.Schedule();
}

void Sessions::Work(Session& session) {
  working_ = true;
  const bool has_more = session.Work(left_);
  working_ = false;
  if (has_more && !session.StandsInLine()) session.StandIn(line_);
}

void Sessions::EndTurn() {
  while (left_ > 0 && line_.First() != nullptr) {
    Session& next = *line_.First();
    next.LeaveLine();
    Work(next);
  }
  if (line_.First() != nullptr) end_of_turn_.Schedule();
  port_.Settle();
  left_ = kLinesPerTurn;  // of the next turn: an answer may let more of its session's lines run
  running_.swap(scheduled_);
  for (const engine::SessionId id : running_) {
    const auto found = sessions_.find(id);
    if (found != sessions_.end()) found->second->EndTurn();
  }
  RemoveOver();
  running_.clear();
}

// A session is removed here only, where none of its own functions is still running. The client sees
// its connection close after the engine has taken that end: whatever is asked by then, on any other
// connection, finds the locks released.
void Sessions::RemoveOver() {
  const auto goes_on = [this](engine::SessionId id) {
    const auto found = sessions_.find(id);
    return found == sessions_.end() || !found->second->over();
  };
  std::erase_if(running_, goes_on);
  if (running_.empty()) return;
  port_.Settle();
  for (const engine::SessionId id : running_) Remove(id);
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

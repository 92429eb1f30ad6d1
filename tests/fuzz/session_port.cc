#include "tests/fuzz/session_port.h"

#include <algorithm>
#include <tuple>

namespace redlockd::fuzz {

using namespace engine;
using namespace std::chrono_literals;

void Port::Post(Event event) {
  ++posted_;
  if (const auto* opened = std::get_if<SessionOpened>(&event)) {
    FUZZ_CHECK(sessions_.emplace(opened->session, 0).second, "a session id again");
  } else {
    std::visit(
        [this](const auto& e) {
          if constexpr (requires { e.session; }) {
            FUZZ_CHECK(sessions_.contains(e.session), "after the end of the session");
          }
          if constexpr (requires { e.request; }) {
            FUZZ_CHECK(e.request > std::exchange(sessions_[e.session], e.request), "an id again");
          }
        },
        event);
  }
  if (const auto* closed = std::get_if<SessionClosed>(&event)) sessions_.erase(closed->session);
  if (const auto* dropped = std::get_if<SessionDropped>(&event)) sessions_.erase(dropped->session);
  events_.push_back(std::move(event));
}

bool Port::AnswerOne(session::Sessions& sessions) {
  if (events_.empty()) return false;
  const Event event = std::move(events_.front());
  events_.pop_front();
  answer_to_ = &sessions;
  std::visit([this](const auto& e) { On(e); }, event);
  return true;
}

void Port::Reply(const auto& request, Answer answer) {
  answer_to_->Answer({request.session, request.request, std::move(answer)});
}

void Port::Notify(const HoldView& hold, Notice::Kind kind) {
  Notice notice{.kind = kind, .name = hold.name, .fence = hold.fence, .deadline = hold.deadline};
  if (kind == Notice::Kind::kLost) notice.reason = LossReason::kDeadline;
  answer_to_->Notify({hold.session, notice});
}

engine::SessionUse Port::UseOf(SessionId session) const {
  const bool holds = std::any_of(holds_.begin(), holds_.end(), [session](const auto& entry) {
    return entry.second.session == session;
  });
  const bool waits = std::any_of(waits_.begin(), waits_.end(), [session](const auto& entry) {
    return entry.first.first == session;
  });
  const auto loss = lost_.lower_bound({session, ""});
  return {.locks = holds || waits, .losses = loss != lost_.end() && loss->first == session};
}

engine::Failed Port::Failed(Failure failure, const std::string& name) const {
  return {.failure = failure, .name = name};
}

void Port::On(const SessionInputEnded& e) {
  ended_.insert(e.session);
  for (const auto& [call, wait] : std::exchange(waits_, {})) {
    if (call.first != e.session) {
      waits_.emplace(call, wait);
    } else {
      Reply(wait, Failed(Failure::kCancelled, wait.name));
    }
  }
}

void Port::On(const LockRequested& e) {
  FUZZ_CHECK(!e.name.empty() && e.name.size() <= 255, "not a name");
  FUZZ_CHECK(!e.ttl || e.ttl->count() > 0, "not a ttl");
  FUZZ_CHECK(!e.wait || e.wait->count() >= 0, "not a wait");
  if (holds_.contains(e.name)) return Reply(e, Failed(Failure::kDeadlock, e.name));
  switch (e.name[0]) {
    case 'w':
      if (ended_.contains(e.session)) return Reply(e, Failed(Failure::kCancelled, e.name));
      waits_.emplace(Call(e.session, e.request), e);
      return;
    case 'b':
      return Reply(e, Failed(Failure::kBusy, e.name));
    case 'n':
      return Reply(e, Failed(Failure::kNoQuorum, e.name));
    default:
      break;
  }
  const HoldView hold{.name = e.name,
                      .session = e.session,
                      .fence = 7,
                      .granted = Now(),
                      .deadline = Now() + 10s,
                      .ttl = e.ttl.value_or(10s),
                      .votes = 2,
                      .jeopardy = false,
                      .note = e.note};
  Reply(e, Granted{e.name, hold.fence, hold.deadline, hold.ttl, 2, 3});
  holds_.emplace(e.name, hold);
  if (e.wanted_events) Notify(hold, Notice::Kind::kWanted);
  if (e.name[0] == 'r') Notify(hold, Notice::Kind::kRenewed);
  if (e.name[0] != 'l') return;
  Notify(hold, Notice::Kind::kJeopardy);
  lost_.emplace(hold.session, hold.name);
  holds_.erase(e.name);
  Notify(hold, Notice::Kind::kLost);
}

void Port::On(const UnlockRequested& e) {
  lost_.erase({e.session, e.name});
  if (holds_.erase(e.name) == 0) return Reply(e, Failed(Failure::kNotHeld, e.name));
  Reply(e, Released{e.name, 7});
}

void Port::On(const BreakRequested& e) {
  const auto hold = holds_.find(e.name);
  if (hold == holds_.end()) return Reply(e, Failed(Failure::kNotHeld, e.name));
  Notify(hold->second, Notice::Kind::kBroken);
  holds_.erase(hold);
  Reply(e, Broken{e.name, 10s});
}

void Port::On(const CheckRequested& e) {
  if (!holds_.contains(e.name)) return Reply(e, Failed(Failure::kNotHeld, e.name));
  Reply(e, Checked{e.name, 7, Now() + 10s});
}

void Port::On(const CancelRequested& e) {
  const auto wait = waits_.find({e.session, e.target});
  if (wait == waits_.end()) return Reply(e, Failed(Failure::kNoSuchWait, ""));
  Reply(wait->second, Failed(Failure::kCancelled, wait->second.name));
  waits_.erase(wait);
  Reply(e, WaitCancelled{});
}

void Port::On(const WatchRequested& e) {
  Reply(e, Done{});
  for (int what = 0; what <= static_cast<int>(WatchNotice::What::kReleased); ++what) {
    answer_to_->Notify(NotifyWatchers{{e.session},
                                      {.what = static_cast<WatchNotice::What>(what),
                                       .name = e.name.empty() ? "x" : e.name,
                                       .fence = 7,
                                       .reason = LossReason::kDeadline}});
  }
}

// The owner that stands on the nodes is the name's own bytes, and a NUL.
void Port::On(const ShowRequested& e) {
  NodeAnswer answer;
  answer.verdict = Verdict::kOk;
  answer.text = e.name + std::string(":\0:", 3) + e.name;
  answer.left = 5s;
  const auto hold = holds_.find(e.name);
  const HolderNamed named{0, 1, HolderFacts{.fence = 7, .note = e.name}};
  Reply(e, Shown{e.name,
                 {{0, answer, "", named}, {1, answer}, {2, {}}},
                 hold == holds_.end() ? std::nullopt : std::optional(hold->second)});
}

void Port::On(const TrustEmptyRequested& e) { Reply(e, NodesSet{{{0, {}}, {1, {}}, {2, {}}}}); }
void Port::On(const AdoptRequested& e) { Reply(e, Failed(Failure::kRefused, "")); }

void Port::Forget(SessionId session) {
  ended_.erase(session);
  std::erase_if(waits_, [=](const auto& wait) { return wait.first.first == session; });
  std::erase_if(holds_, [=](const auto& hold) { return hold.second.session == session; });
  std::erase_if(lost_, [=](const auto& loss) { return loss.first == session; });
}

std::vector<RowView> Port::Rows(const RowPlace& from, std::size_t most) const {
  std::map<std::tuple<std::string, std::size_t, std::size_t>, RowView> all;
  for (const auto& [name, hold] : holds_) all.emplace(std::tuple(name, 0, hold.place), hold);
  std::map<std::string, std::size_t> waiting;
  for (const auto& [call, wait] : waits_) {
    const std::size_t place = ++waiting[wait.name];
    all.emplace(std::tuple(wait.name, place, 0),
                WaitView{wait.name, call.first, Now(), std::nullopt, place, wait.note});
  }
  std::vector<RowView> rows;
  for (auto at = all.lower_bound({from.name, from.place, from.hold}); at != all.end(); ++at) {
    if (rows.size() == most) break;
    rows.push_back(at->second);
  }
  return rows;
}

std::vector<NodeView> Port::Nodes() const {
  return {{.node = 0, .state = NodeState::kUp, .text = "", .run_id = "r"},
          {.node = 1, .state = NodeState::kNew, .text = "new", .ready_in = 3s},
          {.node = 2, .state = NodeState::kDown, .text = "\nOK\xfc"}};
}

}  // namespace redlockd::fuzz

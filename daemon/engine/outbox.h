#pragma once

#include <utility>
#include <vector>

#include "base/check.h"
#include "daemon/engine/effects.h"

namespace redlockd::engine {

// Where the engine's parts put the effects of the Step that is running.
class Outbox {
 public:
  void Begin(Effects& effects) {
    CHECK(effects_ == nullptr);
    effects_ = &effects;
  }
  void End() { effects_ = nullptr; }

  template <class Op>
  void Ask(NodeSet nodes, Ticket ticket, Op op) {
    if (nodes.any()) Add<AskNodes>(nodes, ticket, std::move(op));
  }
  void Reply(SessionId session, RequestId request, Answer answer) {
    Add<AnswerClient>(session, request, std::move(answer));
  }
  void Notify(SessionId session, Notice notice) { Add<NotifyClient>(session, std::move(notice)); }
  void NotifyWatchers(std::vector<SessionId> sessions, WatchNotice notice) {
    Add<engine::NotifyWatchers>(std::move(sessions), std::move(notice));
  }
  void Audit(SessionId session, WatchNotice notice) { Add<Audited>(session, std::move(notice)); }
  void Changed(NodeChanged change) { Add<NodeChanged>(std::move(change)); }
  void Warn(std::string text) { Add<Warned>(std::move(text)); }

 private:
  // Without a move of the variant in between: effects are wide, and there are many.
  template <class Kind, class... Parts>
  void Add(Parts&&... parts) {
    CHECK(effects_ != nullptr);
    effects_->emplace_back(Kind{std::forward<Parts>(parts)...});
  }

  Effects* effects_ = nullptr;
};

}  // namespace redlockd::engine

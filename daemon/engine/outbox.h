#pragma once

#include <utility>

#include "daemon/engine/effects.h"

namespace redlockd::engine {

// Where the engine's parts put the effects of the Step that is running.
class Outbox {
 public:
  void Begin(Effects& effects) { effects_ = &effects; }
  void End() { effects_ = nullptr; }

  void Ask(NodeSet nodes, Ticket ticket, NodeOp op) {
    if (nodes.any()) effects_->push_back(AskNodes{nodes, ticket, std::move(op)});
  }
  void Reply(SessionId session, RequestId request, Answer answer) {
    effects_->push_back(AnswerClient{session, request, std::move(answer)});
  }
  void Tell(SessionId session, Notice notice) {
    effects_->push_back(TellClient{session, std::move(notice)});
  }
  void Changed(NodeChanged change) { effects_->push_back(std::move(change)); }
  void Warn(std::string text) { effects_->push_back(Warned{std::move(text)}); }

 private:
  Effects* effects_ = nullptr;
};

}  // namespace redlockd::engine

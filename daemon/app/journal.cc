#include "daemon/app/journal.h"

#include <optional>
#include <variant>

#include "daemon/host/log.h"

namespace redlockd::app {
namespace {

using engine::LossReason;
using engine::Notice;

// An administrator who never hears an answer (its session has closed) is not remembered for long.
constexpr std::size_t kMostAsked = 64;

struct Asked {
  engine::SessionId session;
  engine::RequestId request;
  std::string verb;
};

std::optional<Asked> AskedFor(const engine::Event& event) {
  if (const auto* trust = std::get_if<engine::TrustEmptyRequested>(&event)) {
    return Asked{trust->session, trust->request, "trust-empty"};
  }
  if (const auto* adopt = std::get_if<engine::AdoptRequested>(&event)) {
    return Asked{adopt->session, adopt->request, "adopt"};
  }
  if (const auto* broken = std::get_if<engine::BreakRequested>(&event)) {
    return Asked{broken->session, broken->request, "break " + broken->name};
  }
  return std::nullopt;
}

// Why the hold of a lock is over, or may be soon; empty if nobody needs to know.
std::string WhatHappened(const Notice& notice) {
  if (notice.kind == Notice::Kind::kBroken) return "was broken by an administrator";
  if (notice.kind == Notice::Kind::kJeopardy) return "is in jeopardy: " + notice.text;
  if (notice.kind != Notice::Kind::kLost) return "";
  switch (notice.reason) {
    case LossReason::kDeadline:
      return "was lost at its deadline: " + notice.text;
    case LossReason::kMaxHold:
      return "was ended at its max-hold";
    case LossReason::kDraining:
      return "was ended, as the daemon stops";
    case LossReason::kBroken:
      return "was broken by an administrator";
    case LossReason::kNone:
      break;
  }
  return "";
}

}  // namespace

bool Ration::Take() {
  if (seconds_left_ == 0) {
    seconds_left_ = seconds_;
    taken_ = 0;
  }
  if (taken_ == lines_) {
    ++counted_;
    return false;
  }
  ++taken_;
  return true;
}

std::size_t Ration::Tick() {
  if (seconds_left_ == 0 || --seconds_left_ > 0) return 0;
  return std::exchange(counted_, 0);
}

void Journal::OnNode(const engine::NodeChanged& change, std::size_t up) {
  const std::string& node = nodes_.at(change.node);
  if (change.is_note) return host::LogWarning(node + ": " + change.text);
  if (change.votes) {
    host::LogInfo(node + " votes");
  } else {
    host::LogWarning(node + " does not vote: " + change.text);
  }
  OnQuorum(up);
}

void Journal::OnQuorum(std::size_t up) {
  const bool has_quorum = up >= majority_;
  if (std::exchange(has_quorum_, has_quorum) == has_quorum) return;
  if (has_quorum) {
    host::LogInfo("there is a quorum: " + Votes(up));
  } else {
    host::LogError("the quorum is lost: " + Votes(up) + "; no lock can be taken or renewed");
  }
}

void Journal::OnServing(std::size_t up) const {
  if (up < majority_) {
    host::LogWarning("there is no quorum yet: " + Votes(up) + "; no lock can be taken");
  }
}

std::string Journal::Votes(std::size_t up) const {
  return std::to_string(up) + " of " + std::to_string(nodes_.size()) + " nodes vote, " +
         std::to_string(majority_) + " needed";
}

void Journal::OnNotice(const engine::NotifyClient& effect) {
  const Notice& notice = effect.notice;
  const std::string what = WhatHappened(notice);
  if (what.empty() || !locks_.Take()) return;
  const std::string line = "lock " + notice.name + " (fence " + std::to_string(notice.fence) +
                           ") of " + WhoIs(effect.session) + " " + what;
  notice.reason == LossReason::kDeadline ? host::LogError(line) : host::LogWarning(line);
}

std::string Journal::WhoIs(engine::SessionId session) const {
  const session::Peer* peer = peer_of_(session);
  if (!peer) return "a client that is gone";
  return "uid " + std::to_string(peer->uid) + ", pid " + std::to_string(peer->pid) + " (" +
         peer->command + ")";
}

void Journal::Tick() {
  if (const std::size_t more = locks_.Tick(); more > 0) {
    host::LogWarning("and " + std::to_string(more) + " more lines of locks within a second");
  }
  if (const std::size_t more = denials_.Tick(); more > 0) {
    host::LogWarning("and " + std::to_string(more) +
                     " more requests of users who may not were refused within a minute");
  }
}

void Journal::OnDenied(engine::SessionId session, std::string_view verb, const std::string& lock) {
  if (!denials_.Take()) return;
  host::LogWarning(std::string(verb) + (lock.empty() ? "" : " " + lock) + " refused to " +
                   WhoIs(session) + ", who may not");
}

// What an administrator does can undo what the nodes guard: it leaves a trace.
void Journal::OnAdministrator(engine::SessionId session, const std::string& verb) const {
  host::LogWarning(verb + " requested by " + WhoIs(session));
}

void Journal::OnRequest(const engine::Event& event) {
  const auto asked = AskedFor(event);
  if (!asked) return;
  OnAdministrator(asked->session, asked->verb);
  if (asked_.size() >= kMostAsked) asked_.erase(asked_.begin());
  asked_[{asked->session, asked->request}] = asked->verb;
}

void Journal::OnAnswer(const engine::AnswerClient& answer) {
  const auto found = asked_.find({answer.session, answer.request});
  if (found == asked_.end()) return;
  const auto* failed = std::get_if<engine::Failed>(&answer.answer);
  if (failed) {
    host::LogWarning(found->second + " failed: " + failed->text);
  } else {
    host::LogWarning(found->second + " done");
  }
  asked_.erase(found);
}

}  // namespace redlockd::app

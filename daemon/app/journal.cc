#include "daemon/app/journal.h"

#include <optional>
#include <variant>

#include "daemon/host/log.h"
#include "daemon/session/words.h"

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
  std::string lock{};
};

std::optional<Asked> AskedFor(const engine::Event& event) {
  if (const auto* trust = std::get_if<engine::TrustEmptyRequested>(&event)) {
    return Asked{trust->session, trust->request, "trust-empty"};
  }
  if (const auto* adopt = std::get_if<engine::AdoptRequested>(&event)) {
    return Asked{adopt->session, adopt->request, "adopt"};
  }
  if (const auto* broken = std::get_if<engine::BreakRequested>(&event)) {
    return Asked{broken->session, broken->request, "break", broken->name};
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

host::LogFields FieldsOf(engine::NodeIndex node, const char* event, const std::string& reason) {
  host::LogFields fields{{field::kEvent, event}, {field::kNode, std::to_string(node + 1)}};
  AddField(fields, field::kReason, reason);
  return fields;
}

}  // namespace

void Journal::OnNode(const engine::NodeChanged& change, std::size_t up) {
  const std::string& node = nodes_.at(change.node);
  const auto fields = [&](const char* event) { return FieldsOf(change.node, event, change.text); };
  if (change.is_note) return host::LogWarning(node + ": " + change.text, fields("node-note"));
  if (change.votes) {
    host::LogInfo(node + " votes", fields("node-votes"));
  } else {
    host::LogWarning(node + " does not vote: " + change.text, fields("node-out"));
  }
  OnQuorum(up);
}

void Journal::OnNote(engine::NodeIndex node, const std::string& note) const {
  host::LogInfo(nodes_.at(node) + ": " + note, FieldsOf(node, "node-note", note));
}

void Journal::OnQuorum(std::size_t up) {
  const bool has_quorum = up >= majority_;
  if (std::exchange(has_quorum_, has_quorum) == has_quorum) return;
  if (has_quorum) {
    host::LogInfo("there is a quorum: " + Votes(up), {{field::kEvent, "quorum"}});
  } else {
    host::LogError("the quorum is lost: " + Votes(up) + "; no lock can be taken or renewed",
                   {{field::kEvent, "no-quorum"}});
  }
}

void Journal::OnServing(std::size_t up) const {
  if (up < majority_) {
    host::LogWarning("there is no quorum yet: " + Votes(up) + "; no lock can be taken",
                     {{field::kEvent, "no-quorum"}});
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
  const bool is_over = notice.reason != LossReason::kNone;
  host::LogFields fields{{field::kEvent, is_over ? "lost" : "jeopardy"},
                         {field::kLock, notice.name},
                         {field::kFence, std::to_string(notice.fence)}};
  AddField(fields, field::kReason,
           is_over ? std::string(session::WordOf(notice.reason)) : notice.text);
  const std::string line = "lock " + notice.name + " (fence " + std::to_string(notice.fence) +
                           ") of " + WhoIs(effect.session, fields) + " " + what;
  if (notice.reason == LossReason::kDeadline) return host::LogError(line, fields);
  host::LogWarning(line, fields);
}

std::string Journal::WhoIs(engine::SessionId session, host::LogFields& fields) const {
  const session::Peer* peer = peer_of_(session);
  if (!peer) return "a client that is gone";
  const Client client{peer->pid, peer->uid, peer->command};
  AddFields(fields, client);
  return TextOf(client);
}

void Journal::ReportMore(std::size_t locks, std::size_t denials, std::size_t breaks) {
  if (locks > 0) {
    host::LogWarning("and " + std::to_string(locks) + " more lines of locks within a second");
  }
  if (breaks > 0) {
    host::LogWarning("and " + std::to_string(breaks) +
                     " more breaks by users who are no administrators within a second");
  }
  if (denials > 0) {
    host::LogWarning(
        "and " + std::to_string(denials) +
        " more requests were refused within a minute, as their users are not allowed to do that");
  }
}

void Journal::OnDenied(engine::SessionId session, std::string_view verb, const std::string& lock) {
  if (!denials_.Take()) return;
  host::LogFields fields{{field::kEvent, "denied"}, {field::kVerb, std::string(verb)}};
  AddField(fields, field::kLock, lock);
  const std::string who = WhoIs(session, fields);
  host::LogWarning(std::string(verb) + (lock.empty() ? "" : " " + lock) + " refused to " + who +
                       ", who is not allowed to do that",
                   fields);
}

void Journal::OnAdministrator(engine::SessionId session, const std::string& verb) const {
  OnAct(session, verb, "");
}

// What an administrator does can undo what the nodes guard: it leaves a trace.
Journal::Act Journal::OnAct(engine::SessionId session, const std::string& verb,
                            const std::string& lock) const {
  Act act{verb + (lock.empty() ? "" : " " + lock),
          {{field::kEvent, "requested"}, {field::kVerb, verb}}};
  AddField(act.fields, field::kLock, lock);
  const std::string who = WhoIs(session, act.fields);
  host::LogWarning(act.text + " requested by " + who, act.fields);
  return act;
}

void Journal::OnRequest(const engine::Event& event) {
  const auto asked = AskedFor(event);
  if (!asked) return;
  const session::Peer* peer = peer_of_(asked->session);
  if (peer && !peer->admin && !breaks_.Take()) return;
  Act act = OnAct(asked->session, asked->verb, asked->lock);
  if (asked_.size() >= kMostAsked) asked_.erase(asked_.begin());
  asked_[{asked->session, asked->request}] = std::move(act);
}

void Journal::OnAnswer(const engine::AnswerClient& answer) {
  const auto found = asked_.find({answer.session, answer.request});
  if (found == asked_.end()) return;
  const auto& [text, asked_fields] = found->second;
  host::LogFields fields = asked_fields;
  const auto* failed = std::get_if<engine::Failed>(&answer.answer);
  fields.front().value = failed ? "failed" : "done";
  if (failed) AddField(fields, field::kReason, failed->text);
  host::LogWarning(text + (failed ? " failed: " + failed->text : " done"), fields);
  asked_.erase(found);
}

}  // namespace redlockd::app

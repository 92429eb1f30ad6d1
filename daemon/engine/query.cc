#include "daemon/engine/query.h"

#include <utility>

#include "daemon/engine/reasons.h"

namespace redlockd::engine {

void QueryTable::Show(Time now, const ShowRequested& r) {
  Ask(now, {.kind = Kind::kShow, .session = r.session, .request = r.request, .name = r.name},
      InspectOp{r.name});
}

void QueryTable::TrustEmpty(Time now, const TrustEmptyRequested& r) {
  Ask(now, {.kind = Kind::kLook, .session = r.session, .request = r.request}, ProbeOp{});
}

void QueryTable::Adopt(Time now, const AdoptRequested& r) {
  Ask(now, {.kind = Kind::kAdopt, .session = r.session, .request = r.request},
      AdoptOp{nodes_.membership().Own()});
}

void QueryTable::Ask(Time now, Query query, NodeOp op) {
  query.open = nodes_.All();
  query.words.clear();
  for (NodeIndex i = 0; i < nodes_.size(); ++i) query.words.push_back({.node = i});
  const Ticket ticket{Ticket::Kind::kQuery, 0, ++last_, now};
  queries_.emplace(ticket.subject, std::move(query));
  outbox_.Ask(nodes_.All(), ticket, std::move(op));
}

void QueryTable::Answered(Time now, const NodeAnswer& answer) {
  const auto found = queries_.find(answer.ticket.subject);
  if (found == queries_.end() || !found->second.open.test(answer.node)) return;
  Query& query = found->second;
  query.open.reset(answer.node);
  query.words[answer.node].answer = answer;
  const bool taken = answer.verdict == Verdict::kOk;
  if (query.kind == Kind::kTrust && taken) nodes_.QuarantineSet(now, answer.node, Duration(0));
  if (query.kind == Kind::kAdopt && taken) nodes_.QuarantineSet(now, answer.node, answer.left);
  if (query.open.any()) return;
  Query done = std::move(query);
  queries_.erase(found);
  Done(now, std::move(done));
}

void QueryTable::Missed(Time now, const NodeSilence& silence) {
  const auto found = queries_.find(silence.ticket.subject);
  if (found == queries_.end() || !found->second.open.test(silence.node)) return;
  found->second.open.reset(silence.node);
  found->second.words[silence.node].silence = ReasonOf(silence);
  if (found->second.open.any()) return;
  Query done = std::move(found->second);
  queries_.erase(found);
  Done(now, std::move(done));
}

void QueryTable::Done(Time now, Query query) {
  switch (query.kind) {
    case Kind::kShow:
      return outbox_.Reply(query.session, query.request, Shown{query.name, std::move(query.words)});
    case Kind::kLook:
      return Looked(now, std::move(query));
    case Kind::kTrust:
    case Kind::kAdopt:
      for (const NodeWord& word : query.words) {
        if (word.answer) nodes_.Probe(now, word.node);
      }
      return outbox_.Reply(query.session, query.request, NodesSet{std::move(query.words)});
  }
}

void QueryTable::Looked(Time now, Query query) {
  const NodeWord* silent = nullptr;
  for (const NodeWord& word : query.words) {
    if (!word.answer) {
      silent = &word;
    } else if (word.answer->verdict != Verdict::kAmnesia &&
               word.answer->verdict != Verdict::kQuarantine) {
      return Refuse(query, Failure::kRefused, word.node, " is neither");
    }
  }
  if (silent) return Refuse(query, Failure::kNoQuorum, silent->node, " does not answer");
  query.kind = Kind::kTrust;
  Ask(now, std::move(query), TrustOp{});
}

void QueryTable::Refuse(const Query& query, Failure failure, NodeIndex node, const char* why) {
  outbox_.Reply(query.session, query.request,
                Failed{.failure = failure,
                       .text = "expected every node to be new or in quarantine, but node " +
                               std::to_string(node + 1) + why});
}

void QueryTable::SessionClosed(SessionId session) {
  std::erase_if(queries_, [session](const auto& entry) { return entry.second.session == session; });
}

}  // namespace redlockd::engine

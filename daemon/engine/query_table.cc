#include "daemon/engine/query_table.h"

#include <algorithm>
#include <utility>

#include "daemon/engine/node_set.h"
#include "daemon/engine/reasons.h"

namespace redlockd::engine {

void QueryTable::Show(const ShowRequested& r) { Wait(Kind::kShow, r.name, {r.session, r.request}); }

void QueryTable::TrustEmpty(const TrustEmptyRequested& r) {
  Wait(Kind::kLookToTrust, "", {r.session, r.request});
}

void QueryTable::Adopt(const AdoptRequested& r) {
  Wait(Kind::kLookToAdopt, "", {r.session, r.request});
}

// --- the line ------------------------------------------------------------------------------------

void QueryTable::Wait(Kind kind, const std::string& name, Asker asker) {
  const std::uint32_t uid = sessions_.UidOf(asker.session);
  std::size_t& waiting_of_uid = waiting_of_[uid];
  if (waiting_of_uid >= kMostWaiting) {
    return outbox_.Reply(
        asker.session, asker.request,
        Failed{.failure = Failure::kLimit,
               .name = name,
               .text = "uid " + std::to_string(uid) + " waits for " +
                       std::to_string(waiting_of_uid) + " answers, the limit for a user"});
  }
  ++waiting_of_uid;
  const auto [at, is_new] =
      waiting_.try_emplace(std::tuple(kind, name, uid), line_, uid, kind, name);
  at->second.askers.push_back(asker);
}

void QueryTable::AskNext(Time now) {
  while (queries_.size() < kAtATime && line_.First() != nullptr) {
    Waiting& first = *line_.First();
    first.place.HadTurn();
    Query query{.kind = first.kind, .name = first.name, .askers = {}};
    // Whoever else waits for the same. Not who asks from now on: what a node says may be older.
    for (auto at = waiting_.lower_bound(std::tuple(query.kind, query.name, 0u));
         at != waiting_.end() && at->second.kind == query.kind && at->second.name == query.name;) {
      const Askers askers = TakeAskers(at->second);
      query.askers.insert(query.askers.end(), askers.begin(), askers.end());
      at = at->second.askers.empty() ? waiting_.erase(at) : std::next(at);
    }
    if (!query.askers.empty()) Ask(now, std::move(query));
  }
}

// As many as one answer is for; without those who have left.
QueryTable::Askers QueryTable::TakeAskers(Waiting& waiting) {
  Askers taken;
  auto at = waiting.askers.begin();
  for (; at != waiting.askers.end() && taken.size() < kAskersAtATime; ++at) {
    if (sessions_.Has(at->session)) taken.push_back(*at);
  }
  const auto of_uid = waiting_of_.find(waiting.place.uid());
  of_uid->second -= static_cast<std::size_t>(at - waiting.askers.begin());
  if (of_uid->second == 0) waiting_of_.erase(of_uid);
  waiting.askers.erase(waiting.askers.begin(), at);
  return taken;
}

// --- under way -----------------------------------------------------------------------------------

void QueryTable::Ask(Time now, Query query) {
  query.open = query.in_flight = nodes_.records().All();
  query.words.clear();
  for (NodeIndex i = 0; i < nodes_.size(); ++i) query.words.push_back({.node = i});
  const Ticket ticket{Ticket::Kind::kQuery, 0, ++last_, now};
  outbox_.Ask(nodes_.records().All(), ticket, OpOf(query));
  queries_.emplace(ticket.subject, std::move(query));
}

NodeOp QueryTable::OpOf(const Query& query) const {
  switch (query.kind) {
    case Kind::kShow:
      return InspectOp{query.name};
    case Kind::kLookToTrust:
    case Kind::kLookToAdopt:
      return ProbeOp{.may_write = false};
    case Kind::kTrust:
      return TrustOp{};
    case Kind::kAdopt:
      break;
  }
  return AdoptOp{nodes_.membership().Own()};
}

void QueryTable::OnAnswered(Time now, const NodeAnswer& answer) {
  const auto found = queries_.find(answer.ticket.subject);
  if (found == queries_.end()) return;
  Query& query = found->second;
  query.in_flight.reset(answer.node);
  if (query.open.test(answer.node)) {
    query.words[answer.node].answer = answer;
    const bool taken = answer.verdict == Verdict::kOk;
    if (query.kind == Kind::kTrust && taken) nodes_.QuarantineSet(now, answer.node, Duration(0));
    if (query.kind == Kind::kAdopt && taken) nodes_.QuarantineSet(now, answer.node, answer.left);
  }
  GoOn(now, found);
}

void QueryTable::OnMissed(Time now, const NodeSilence& silence) {
  const auto found = queries_.find(silence.ticket.subject);
  if (found == queries_.end()) return;
  if (silence.gone) found->second.in_flight.reset(silence.node);
  if (found->second.open.test(silence.node)) {
    found->second.open.reset(silence.node);
    found->second.words[silence.node].silence = ReasonOf(silence);
  }
  GoOn(now, found);
}

// Answered once no node is waited for any more; under way until the nodes, but for a minority, are
// through with it. So what slow nodes still have to do stays bounded.
void QueryTable::GoOn(Time now, Queries::iterator at) {
  Query& query = at->second;
  query.open &= query.in_flight;
  if (query.open.none() && !query.askers.empty()) Done(now, query);
  const std::size_t minority = nodes_.size() - Majority(nodes_.size());
  if (query.open.none() && query.in_flight.count() <= minority) queries_.erase(at);
}

void QueryTable::Done(Time now, Query& query) {
  std::erase_if(query.askers, [this](const Asker& asker) { return !sessions_.Has(asker.session); });
  if (query.askers.empty()) return;
  switch (query.kind) {
    case Kind::kShow:
      Reply(query, Shown{query.name, std::move(query.words), hold_of_(now, query.name)});
      break;
    case Kind::kLookToTrust:
    case Kind::kLookToAdopt:
      Looked(now, query);
      break;
    case Kind::kTrust:
    case Kind::kAdopt:
      for (const NodeWord& word : query.words) {
        if (word.answer) nodes_.Probe(now, word.node);
      }
      Reply(query, NodesSet{std::move(query.words)});
  }
  query.askers.clear();
}

void QueryTable::Looked(Time now, Query& query) {
  const NodeWord* silent = nullptr;
  for (const NodeWord& word : query.words) {
    const std::string node = "node " + std::to_string(word.node + 1);
    if (!word.answer) {
      silent = &word;
    } else if (query.kind == Kind::kLookToAdopt) {
      continue;
    } else if (word.answer->verdict != Verdict::kAmnesia &&
               word.answer->verdict != Verdict::kQuarantine) {
      return Refuse(query, Failure::kRefused,
                    "expected every node to be new or in quarantine, but " + node + " is neither");
    } else if (word.answer->facts && word.answer->facts->memory == NodeFacts::Memory::kUsed) {
      return Refuse(query, Failure::kRefused,
                    "expected every node to be new, but " + node +
                        " has given votes before: its locks may still be held");
    }
  }
  if (silent) {
    return Refuse(query, Failure::kNoQuorum,
                  "all nodes must answer, but node " + std::to_string(silent->node + 1) +
                      " does not answer; nothing was changed");
  }
  const Kind next = query.kind == Kind::kLookToAdopt ? Kind::kAdopt : Kind::kTrust;
  Ask(now, {.kind = next, .name = "", .askers = query.askers});
}

void QueryTable::Refuse(const Query& query, Failure failure, const std::string& why) {
  Reply(query, Failed{.failure = failure, .text = why});
}

void QueryTable::Reply(const Query& query, const Answer& answer) {
  for (const Asker& asker : query.askers) {
    outbox_.Reply(asker.session, asker.request, answer);
  }
}

}  // namespace redlockd::engine

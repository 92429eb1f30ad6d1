#include "daemon/engine/query_table.h"

#include <algorithm>
#include <utility>

#include "daemon/engine/node_set.h"
#include "daemon/engine/owner_count.h"
#include "daemon/engine/owner_value.h"
#include "daemon/engine/reasons.h"

namespace redlockd::engine {
namespace {

// Who cannot see what is published cannot guess one.
constexpr std::uint64_t kInquiries = std::uint64_t{1} << 53;

}  // namespace

void QueryTable::Show(const ShowRequested& r) {
  Wait({.kind = Kind::kShow, .name = r.name}, {r.session, r.request});
}

void QueryTable::Break(const BreakRequested& r) {
  Wait({.kind = Kind::kBreak, .name = r.name, .owner = r.owner, .at_once = r.at_once},
       {r.session, r.request});
}

void QueryTable::TrustEmpty(const TrustEmptyRequested& r) {
  Wait({.kind = Kind::kLookToTrust}, {r.session, r.request});
}

void QueryTable::Adopt(const AdoptRequested& r) {
  Wait({.kind = Kind::kLookToAdopt}, {r.session, r.request});
}

// --- the line ------------------------------------------------------------------------------------

void QueryTable::Wait(const Question& question, Asker asker) {
  const std::uint32_t uid = sessions_.UidOf(asker.session);
  std::size_t& waiting_of_uid = waiting_of_[uid];
  if (waiting_of_uid >= kMostWaiting) {
    return outbox_.Reply(
        asker.session, asker.request,
        Failed{.failure = Failure::kLimit,
               .name = question.name,
               .text = "uid " + std::to_string(uid) + " waits for " +
                       std::to_string(waiting_of_uid) + " answers, the limit for a user"});
  }
  ++waiting_of_uid;
  const auto [at, is_new] = waiting_.try_emplace(std::pair(question, uid), line_, uid, question);
  at->second.askers.push_back(asker);
}

void QueryTable::AskNext(Time now) {
  while (line_.First() != nullptr && HasRoom()) {
    Waiting& first = *line_.First();
    first.place.HadTurn();
    Query query{.question = first.question};
    // All who wait for the same. Not who asks from now on: what a node says may be older.
    for (auto at = waiting_.lower_bound(std::pair(query.question, 0u));
         at != waiting_.end() && at->second.question == query.question;) {
      const Askers askers = TakeAskers(at->second);
      query.askers.insert(query.askers.end(), askers.begin(), askers.end());
      at = at->second.askers.empty() ? waiting_.erase(at) : std::next(at);
    }
    if (!query.askers.empty()) Ask(now, std::move(query));
  }
}

bool QueryTable::HasRoom() const {
  if (queries_.size() >= kMostUnderWay) return false;
  const auto asking = std::count_if(queries_.begin(), queries_.end(),
                                    [this](const auto& query) { return AsksNodes(query.second); });
  return static_cast<std::size_t>(asking) < kAtATime;
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
  if (query.question.kind == Kind::kShow) {
    query.inquiry = 1 + shared_.random.Below(kInquiries);
    query.patience = std::make_unique<Alarm>(
        shared_.agenda, [this, id = ticket.subject](Time at) { GoOn(at, queries_.find(id)); });
    // It takes this daemon's way to a node, and the other's.
    query.patience->Set(now + 2 * shared_.options.timing.command_timeout);
  }
  outbox_.Ask(nodes_.records().All(), ticket, OpOf(query));
  queries_.emplace(ticket.subject, std::move(query));
}

NodeOp QueryTable::OpOf(const Query& query) const {
  const Question& question = query.question;
  switch (question.kind) {
    case Kind::kShow:
      return InspectOp{question.name, shared_.options.instance, query.inquiry};
    case Kind::kBreak:
      // The ttl: of a key that is kept from everybody, and would never go by itself.
      return BreakOp{question.name, question.owner, question.at_once, shared_.options.timing.ttl};
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
    const Kind kind = query.question.kind;
    if (kind == Kind::kTrust && taken) nodes_.QuarantineSet(now, answer.node, Duration(0));
    if (kind == Kind::kAdopt && taken) nodes_.QuarantineSet(now, answer.node, answer.left);
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

void QueryTable::OnNamed(Time now, const HolderNamed& named) {
  const auto at = std::find_if(queries_.begin(), queries_.end(), [&](const auto& query) {
    return query.second.question.kind == Kind::kShow && query.second.inquiry == named.inquiry;
  });
  if (at == queries_.end() || at->second.askers.empty()) return;
  NodeWord& word = at->second.words.at(named.node);
  if (!word.named) word.named = named;
  GoOn(now, at);
}

// Rule E11: the daemon that a majority of the nodes names was asked who holds the lock, and has time to
// say so, by way of one of them.
bool QueryTable::AwaitsHolder(const Query& query) const {
  if (!query.patience || !query.patience->at()) return false;
  const OwnerCount count(query.words);
  const auto* owner = count.Majority();
  if (!owner) return false;
  bool may_come = false;
  for (const NodeWord& word : query.words) {
    const std::string* value = OwnerCount::Of(word);
    if (!value || *value != owner->first) continue;
    if (word.named) return false;
    if (word.answer->greatest > 0 && nodes_.records()[word.node].subscribed) may_come = true;
  }
  return may_come;
}

// Answered once no node is waited for any more, nor another daemon; under way for as long as it asks
// nodes. So what slow nodes still have to do stays bounded.
void QueryTable::GoOn(Time now, Queries::iterator at) {
  Query& query = at->second;
  query.open &= query.in_flight;
  const bool awaits = AwaitsHolder(query);
  if (!query.open.any() && !awaits && !query.askers.empty()) Done(now, query);
  if (!AsksNodes(query) && !awaits) queries_.erase(at);
}

// A node that is waited for, or more of them than a minority, may still have it to do.
bool QueryTable::AsksNodes(const Query& query) const {
  const std::size_t minority = nodes_.size() - Majority(nodes_.size());
  return query.open.any() || query.in_flight.count() > minority;
}

void QueryTable::Done(Time now, Query& query) {
  std::erase_if(query.askers, [this](const Asker& asker) { return !sessions_.Has(asker.session); });
  if (query.askers.empty()) return;
  const std::string& name = query.question.name;
  switch (query.question.kind) {
    case Kind::kShow:
      Reply(query, Shown{name, std::move(query.words), hold_of_(now, name)});
      break;
    case Kind::kBreak:
      Reply(query, OutcomeOfBreak(query));
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
    } else if (query.question.kind == Kind::kLookToAdopt) {
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
  const Kind next = query.question.kind == Kind::kLookToAdopt ? Kind::kAdopt : Kind::kTrust;
  Query written{.question = {.kind = next}, .askers = query.askers};
  Ask(now, std::move(written));
}

// Rule I3: it is broken once a majority of all nodes did it. Of those, the last key to go is in the way
// of others for the longest.
Answer QueryTable::OutcomeOfBreak(const Query& query) const {
  std::size_t broken = 0, others = 0;
  Duration left{0};
  NodeFailures found;
  for (const NodeWord& word : query.words) {
    if (!word.answer) {
      found[word.node] = word.silence;
    } else if (word.answer->verdict == Verdict::kOk) {
      ++broken;
      left = std::max(left, word.answer->left);
    } else if (word.answer->verdict == Verdict::kNotOwner) {
      ++others;
      const std::string& other = word.answer->text;
      found[word.node] = "says that " + (other.empty() ? "nobody" : other) + " has it";
    } else {
      found[word.node] = ReasonOf(*word.answer);
    }
  }
  const std::size_t majority = Majority(nodes_.size());
  const std::string& name = query.question.name;
  if (broken >= majority) return Broken{name, left};
  const std::string of_all = std::to_string(nodes_.size()) + " nodes" + ToText(found);
  if (others >= majority) {
    return Failed{.failure = Failure::kNotHeld,
                  .name = name,
                  .text = "this owner has the lock on " + std::to_string(broken) + " of " + of_all};
  }
  return Failed{.failure = Failure::kNoQuorum,
                .name = name,
                .text = "broken on " + std::to_string(broken) + " of " + of_all};
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

#include "tests/unit/engine/shared_fixture.h"

#include <utility>
#include <variant>

namespace redlockd::engine {
namespace {

const char* NameOf(Ticket::Kind kind) {
  switch (kind) {
    case Ticket::Kind::kAttempt:
      return "attempt";
    case Ticket::Kind::kStand:
      return "stand";
    case Ticket::Kind::kConfirm:
      return "confirm";
    case Ticket::Kind::kHeal:
      return "heal";
    case Ticket::Kind::kBlock:
      return "block";
    case Ticket::Kind::kRenew:
      return "renew";
    case Ticket::Kind::kRelease:
      return "release";
    default:
      return "?";
  }
}

}  // namespace

SharedFixture::SharedFixture()
    : shared_({.timing = TestTiming(), .limits = {}, .nodes = 3, .instance = "me", .host = "here"},
              random_, *this, *this) {
  shared_.outbox.Begin(effects_);
  for (NodeIndex i = 0; i < 3; ++i) {
    nodes_.emplace_back("run" + std::to_string(i)).TrustEmpty(now_, shared_.options.timing);
  }
  for (NodeIndex i = 0; i < 3; ++i) Make(i, NodeIs::kUp);
  EXPECT_EQ(shared_.nodes.Voters().count(), 3u);
}

SharedFixture::~SharedFixture() { shared_.outbox.End(); }

void SharedFixture::Make(NodeIndex node, NodeIs state) {
  nodes_[node].refuses = state == NodeIs::kFull ? "OOM" : "";
  if (state == NodeIs::kDown) {
    shared_.nodes.OnDown(now_, node, "connection refused");
  } else {
    shared_.nodes.OnLinkUp(now_, node, nodes_[node].Info());
  }
  AnswerProbes();
}

void SharedFixture::AnswerProbes() {
  while (!effects_.empty()) {
    for (const AskNodes& ask : TakeAsked()) {
      if (ask.ticket.kind != Ticket::Kind::kProbe) continue;
      for (NodeIndex i = 0; i < 3; ++i) {
        if (!ask.nodes.test(i)) continue;
        NodeAnswer answer =
            nodes_[i].Run(now_, shared_.options.timing, nodes_[i].Info().run_id, ask.op);
        answer.node = i;
        answer.ticket = ask.ticket;
        shared_.nodes.OnHeard(now_, answer);
        shared_.nodes.OnProbed(now_, answer);
      }
    }
  }
}

void SharedFixture::Pass(Duration duration) {
  const Time end = now_ + duration;
  while (const auto next = shared_.agenda.Next()) {
    if (*next > end) break;
    now_ = std::max(now_, *next);
    if (!shared_.agenda.RunNext(now_)) break;
  }
  now_ = end;
}

std::vector<AskNodes> SharedFixture::TakeAsked() {
  std::vector<AskNodes> asked;
  for (Effect& effect : std::exchange(effects_, {})) {
    if (auto* ask = std::get_if<AskNodes>(&effect)) asked.push_back(std::move(*ask));
  }
  return asked;
}

std::string SharedFixture::Questions() {
  std::string text;
  for (const AskNodes& ask : TakeAsked()) {
    if (ask.ticket.kind == Ticket::Kind::kProbe) continue;
    text += std::string(text.empty() ? "" : ", ") + NameOf(ask.ticket.kind) + " ";
    for (NodeIndex i = 0; i < 3; ++i) {
      if (ask.nodes.test(i)) text += std::to_string(i);
    }
  }
  return text;
}

std::vector<Notice> SharedFixture::TakeNotices(SessionId session) {
  std::vector<Notice> notices;
  for (Effect& effect : std::exchange(effects_, {})) {
    auto* notify = std::get_if<NotifyClient>(&effect);
    if (notify && notify->session == session) notices.push_back(std::move(notify->notice));
  }
  return notices;
}

// --- a claim ------------------------------------------------------------------------------------

void ClaimFixture::Ask(Duration ttl) {
  claim_.Begin(ttl);
  claim_.lease()->BeginRound(now_);
  claim_.AskToTake(now_, NodeSet(0b111),
                   {.purpose = Ticket::Kind::kAttempt, .proposal = kFirst, .block = 1});
  effects_.clear();
}

void ClaimFixture::Grant(NodeSet nodes, Fence size, Duration ttl) {
  Ask(ttl);
  for (NodeIndex i = 0; i < 3; ++i) {
    if (nodes.test(i)) {
      Hear(Ticket::Kind::kAttempt, i, Verdict::kOk, kFirst);
    } else {
      HearNothing(Ticket::Kind::kAttempt, i);
    }
  }
  claim_.OnGranted(now_, kFirst, size, false);
}

NodeAnswer ClaimFixture::AnswerTo(Ticket::Kind kind, NodeIndex node, Verdict verdict,
                                  Fence fence) const {
  NodeAnswer answer = Answered(node, verdict, fence);
  answer.ticket = {kind, claim_.lease()->round(), claim_.lease()->attempt(), now_};
  return answer;
}

Claim::Heard ClaimFixture::Hear(Ticket::Kind kind, NodeIndex node, Verdict verdict, Fence fence,
                                const Demand& demand) {
  return claim_.OnAnswer(now_, AnswerTo(kind, node, verdict, fence), demand);
}

Claim::Heard ClaimFixture::HearNothing(Ticket::Kind kind, NodeIndex node) {
  return claim_.OnSilence(
      {.node = node, .ticket = AnswerTo(kind, node, Verdict::kOk).ticket, .gone = true});
}

Claim::Heard ClaimFixture::Promise(NodeIndex node, Time asked) {
  NodeAnswer answer = AnswerTo(Ticket::Kind::kRenew, node, Verdict::kOk);
  answer.ticket.asked = asked;
  return claim_.OnAnswer(now_, answer, {.is_held = true});
}

Time ClaimFixture::Until(Time asked, Duration ttl) const {
  return asked + ttl - shared_.options.timing.DriftAllowance(ttl);
}

}  // namespace redlockd::engine

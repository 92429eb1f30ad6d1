#include "tests/fuzz/engine_world.h"

#include <array>
#include <utility>

#include "daemon/engine/owner_value.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/engine_trace.h"
#include "tests/support/engine_rows.h"

namespace redlockd::fuzz {

using namespace engine;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMostSessions = 6;

EngineOptions Options(Bytes& input) {
  EngineOptions options;
  const std::uint8_t first = input.Byte();
  const std::size_t kind = first % 10;
  constexpr std::array<Duration, 3> kLinger = {0ms, 20ms, 2s};
  options.linger.usual = kLinger[first / 10 % kLinger.size()];
  options.audit.by_prefix = {{"", true}};
  options.timing.tenure_max = 100ms;
  const bool is_long = kind >= 5;  // so that a release that was not taken is asked again
  options.timing.ttl = is_long ? 1500ms : 400ms;
  options.timing.max_ttl = is_long ? 3s : 800ms;
  options.timing.fence_window = 200ms;
  options.timing.quorum_wait = 300ms;
  options.limits = {.locks_per_session = 2,
                    .locks_per_uid = 4,
                    .new_names_per_uid = 1,
                    .quotas = {.locks = {{"b", 2}}}};
  options.nodes = 1 + kind % 5;
  options.instance = "i";
  options.host = "h";
  options.trust_new_nodes = input.OneIn(8);
  return options;
}

}  // namespace

World::World(Bytes input)
    : input_(input),
      chance_(input_.Byte()),
      options_(Options(input_)),
      checker_(options_),
      engine_(options_, *this) {
  for (NodeIndex i = 0; i < options_.nodes; ++i) {
    const std::string run_id = "run" + std::to_string(++last_run_);
    nodes_.push_back({ObedientNode(run_id), run_id});
  }
  // Mostly one is not after how it all begins.
  if (!input_.OneIn(4)) Start();
}

void World::Start() {
  for (NodeIndex i = 0; i < nodes_.size(); ++i) {
    nodes_[i].obedient.TrustEmpty(now_, options_.timing);
    LinkUp(i);
  }
  AnswerAll();
  for (std::size_t i = 0; i < 2; ++i) {
    sessions_.push_back({++last_session_});
    Step(SessionOpened{last_session_, 1000});
  }
}

void World::Step(const Event& event) {
  const auto step = [this](const Event& e) {
    Trace(now_, e);
    checker_.Before(now_, e);
    Effects effects;
    engine_.Step(now_, e, effects);
    Trace(effects);
    for (const Effect& effect : effects) {
      const auto* ask = std::get_if<AskNodes>(&effect);
      if (ask == nullptr) continue;
      if (const auto* show = std::get_if<InspectOp>(&ask->op)) last_inquiry_ = show->inquiry;
      for (NodeIndex i = 0; i < nodes_.size(); ++i) {
        if (ask->nodes.test(i)) asked_.push_back({i, ask->ticket, ask->op});
      }
    }
    checker_.After(now_, engine_, effects);
  };
  // Timers ring before the event: by themselves, so that it is clear what followed from what.
  const auto due = engine_.NextDeadline();
  if (due && *due <= now_) step(TimePassed{});
  step(event);
}

void World::Run() {
  while (!input_.empty()) Next();
}

void World::Next() {
  const std::uint8_t what = input_.Byte() % 25;
  const bool about_asked = what >= 4 && what < 12;
  if (about_asked) {
    const auto at = AnyAsked();
    if (!at) return;
    if (!nodes_[asked_[*at].node].linked) return Gone(*at);
    switch (what) {
      case 4:
      case 5:
      case 6:
        return Answer(*at);
      case 7:
        return Refuse(*at);
      case 8:
        return Lie(*at);
      case 9:
        return RunOnNode(asked_[*at]);
      case 10:
        return TimeOut(*at);
      default:
        return Gone(*at);
    }
  }
  switch (what) {
    case 0:
      return AnswerAll();
    case 1:
      return Pass(std::chrono::microseconds(input_.Number(2)));
    case 2:
      return Pass(std::chrono::milliseconds(input_.Number(2)));
    case 3:
    case 12:
      return ToNextDeadline();
    case 13:
    case 14:
    case 15:
      return Lock();
    case 16:
    case 17:
      return Sessions();
    case 18:
      return NodeTrouble();
    case 19:
      return LinkUp(input_.Below(nodes_.size()));
    case 20:
      return LinkDown(input_.Below(nodes_.size()));
    case 22:
      return Break();
    case 24:
      return Hint();
    case 23:
      return Step(DrainRequested{now_ + std::chrono::milliseconds(input_.Byte())});
    default:
      return Ask();
  }
}

void World::ToNextDeadline() {
  const auto next = engine_.NextDeadline();
  if (!next || *next > now_ + 24h) return;
  now_ = std::max(now_, *next);
  Step(TimePassed{});
}

// --- clients ------------------------------------------------------------------------------------

World::Session* World::AnySession() {
  return sessions_.empty() ? nullptr : &sessions_[input_.Below(sessions_.size())];
}

std::optional<Fence> World::AnyFence() {
  const auto holds = test::RowsOf<HoldView>(engine_, now_);
  switch (input_.Below(4)) {
    case 0:
      return static_cast<Fence>(input_.Byte());
    case 1:
      if (!holds.empty()) return holds[input_.Below(holds.size())].fence;
      [[fallthrough]];
    default:
      return std::nullopt;
  }
}

void World::Sessions() {
  const std::size_t what = input_.Below(6);
  if (what < 2) {
    if (sessions_.size() == kMostSessions) return;
    sessions_.push_back({++last_session_});
    return Step(SessionOpened{last_session_, static_cast<std::uint32_t>(1000 + what)});
  }
  Session* session = AnySession();
  if (session == nullptr) return;
  const SessionId id = session->id;
  if (what == 2) {
    if (std::exchange(session->input_ended, true)) return;
    return Step(SessionInputEnded{id});
  }
  sessions_.erase(sessions_.begin() + (session - sessions_.data()));
  what == 3 ? Step(SessionDropped{id}) : Step(SessionClosed{id});
}

// After the end of a session's input, too: lines that it sent before are still taken.
void World::Lock() {
  const Session* session = AnySession();
  if (session == nullptr) return;
  LockRequested lock{.session = session->id,
                     .request = NewRequest(),
                     .name = AnyName(),
                     .wait = std::nullopt,
                     .ttl = std::nullopt,
                     .max_hold = std::nullopt,
                     .note = "",
                     .renewed_events = false,
                     .wanted_events = false};
  const std::uint8_t how = input_.Byte();
  if (how & 1) lock.wait = std::chrono::milliseconds(input_.Number(2));
  if (how & 2) lock.wait = 0ns;
  if (how & 4) lock.ttl = std::chrono::milliseconds(input_.Number(2));
  if (how & 8) lock.ttl = 500ms;
  if (how & 16) lock.max_hold = std::chrono::microseconds(1 + input_.Number(3));
  if (how & 32) lock.renewed_events = lock.wanted_events = true;
  if (how & 64) lock.wait = Duration::max();
  if (how & 128) lock.max_hold = Duration::max();
  // Some know no task, some have one in common, and the others are one each.
  if (session->id % 4 == 1) lock.task = {1, 1};
  if (session->id % 4 > 1) lock.task = {session->id, 0};
  if (how % 16 == 8) {
    lock.min_hold = std::min<Duration>(std::chrono::milliseconds(input_.Number(2)),
                                       lock.max_hold.value_or(kMostMinHold));
  }
  Step(lock);
}

void World::Ask() {
  const Session* session = AnySession();
  if (session == nullptr) return;
  const SessionId id = session->id;
  switch (input_.Below(11)) {
    case 0:
    case 1:
      return Step(UnlockRequested{id, NewRequest(), AnyName(), AnyFence(), false});
    case 2:
      return Step(UnlockRequested{id, NewRequest(), AnyName(), AnyFence(), true});
    case 3:
      return Step(CheckRequested{id, NewRequest(), AnyName(), AnyFence()});
    case 4: {
      const RequestId target = last_request_ - input_.Below(8);
      return Step(CancelRequested{id, NewRequest(), target, checker_.LockOf(id, target)});
    }
    case 5:
      return Step(ShowRequested{id, NewRequest(), AnyName()});
    case 6:
      checker_.NodesLie();  // for a set that is not new, an administrator's mistake
      return Step(TrustEmptyRequested{id, NewRequest()});
    case 7:
      return Step(WatchRequested{id, NewRequest(), ""});
    case 8:
      return Step(WatchRequested{id, NewRequest(), AnyName()});
    case 9:
      return Step(UnwatchRequested{id, NewRequest(), input_.OneIn(2) ? "" : AnyName()});
    default:
      return Step(AdoptRequested{id, NewRequest()});
  }
}

// Of a hold of this host, or of what a node says.
void World::Break() {
  const Session* session = AnySession();
  if (session == nullptr) return;
  BreakRequested request{
      .session = session->id, .request = NewRequest(), .name = AnyName(), .fence = AnyFence()};
  if (!request.fence) {
    ObedientNode& node = nodes_[input_.Below(nodes_.size())].obedient;
    request.owner = WithoutKept(node.OwnerOf(now_, request.name).value_or("other:1:h"));
    request.at_once = input_.OneIn(2);
  }
  Step(request);
}

// --- the end ------------------------------------------------------------------------------------

void World::End() {
  const Time until = now_ + 1s;
  Step(DrainRequested{until});
  // Longer than any lease, and than a lease that began at the drain's end.
  const Time over = until + 2 * options_.timing.max_ttl;
  while (now_ < over) {
    AnswerAll();
    const auto next = engine_.NextDeadline();
    now_ = std::max(now_, std::min(over, next.value_or(over)));
    Step(TimePassed{});
  }
  AnswerAll();
  FUZZ_CHECK(checker_.AllAnswered(), "never answered:" + checker_.Unanswered());
  FUZZ_CHECK(engine_.Drained(), "never drained");
  FUZZ_CHECK(engine_.HoldCount() == 0 && engine_.WaitCount() == 0, "not empty at the end");
  for (const Session& session : std::exchange(sessions_, {})) Step(SessionClosed{session.id});
}

}  // namespace redlockd::fuzz

#include "tests/unit/engine/engine_fixture.h"

#include <algorithm>

namespace redlockd::engine {

Timing TestTiming() {
  Timing timing;
  timing.ttl = 3s;
  timing.max_ttl = 6s;
  timing.fence_window = 500ms;
  timing.quorum_wait = 500ms;
  return timing;
}

EngineFixture::EngineFixture(std::size_t nodes, bool trust_new_nodes) {
  Make(nodes, trust_new_nodes);
}
EngineFixture::~EngineFixture() = default;

void EngineFixture::Make(std::size_t nodes, bool trust_new_nodes, Limits limits,
                         std::size_t attempts) {
  engine_ = std::make_unique<Engine>(EngineOptions{.timing = timing_,
                                                   .linger = linger_,
                                                   .audit = audit_,
                                                   .limits = limits,
                                                   .attempts = attempts,
                                                   .nodes = nodes,
                                                   .instance = "me",
                                                   .host = "here",
                                                   .trust_new_nodes = trust_new_nodes},
                                     random_);
  nodes_.clear();
  for (NodeIndex i = 0; i < nodes; ++i) nodes_.emplace_back("run" + std::to_string(i));
}

// --- the engine and its clock -------------------------------------------------------------------

void EngineFixture::Do(const Event& event) {
  Effects effects;
  engine_->Step(now_, event, effects);
  Take(std::move(effects));
  while (!to_obey_.empty()) {
    const Asked asked = to_obey_.front();
    to_obey_.pop_front();
    AnswerAsObedient(asked);
  }
}

void EngineFixture::Take(Effects effects) {
  for (Effect& effect : effects) {
    if (auto* ask = std::get_if<AskNodes>(&effect)) {
      for (NodeIndex i = 0; i < nodes_.size(); ++i) {
        if (!ask->nodes.test(i)) continue;
        (in_hand_.contains(i) ? asked_ : to_obey_).push_back({i, ask->ticket, ask->op});
      }
    } else if (auto* answer = std::get_if<AnswerClient>(&effect)) {
      const bool first = answers_.emplace(answer->request, std::move(answer->answer)).second;
      EXPECT_TRUE(first) << "request " << answer->request << " was answered twice";
    } else if (auto* tell = std::get_if<NotifyClient>(&effect)) {
      notices_.emplace_back(tell->session, std::move(tell->notice));
    } else if (auto* watch = std::get_if<NotifyWatchers>(&effect)) {
      watched_.push_back(std::move(*watch));
    } else if (auto* audited = std::get_if<Audited>(&effect)) {
      audited_.push_back(std::move(*audited));
    } else if (auto* warned = std::get_if<Warned>(&effect)) {
      warnings_.push_back(std::move(warned->text));
    } else {
      changes_.push_back(std::get<NodeChanged>(effect));
    }
  }
}

void EngineFixture::Pass(Duration duration) {
  const Time end = now_ + duration;
  while (true) {
    const auto next = engine_->NextDeadline();
    if (!next || *next > end) break;
    now_ = std::max(now_, *next);
    Do(TimePassed{});
  }
  now_ = end;
}

void EngineFixture::Jump(Duration duration) {
  now_ += duration;
  Do(TimePassed{});
}

// --- nodes --------------------------------------------------------------------------------------

void EngineFixture::Up(NodeIndex node) { Do(NodeLinkUp{node, nodes_[node].Info()}); }

void EngineFixture::Down(NodeIndex node) {
  Do(NodeDown{node, "connection refused"});
  for (bool found = true; found;) {
    const auto it = std::find_if(asked_.begin(), asked_.end(),
                                 [node](const Asked& asked) { return asked.node == node; });
    found = it != asked_.end();
    if (!found) return;
    const Asked asked = *it;
    asked_.erase(it);
    Silence(asked, true);
  }
}

void EngineFixture::Start() {
  for (auto& node : nodes_) node.TrustEmpty(now_, timing_);
  for (NodeIndex i = 0; i < nodes_.size(); ++i) Up(i);
  for (NodeIndex i = 0; i < nodes_.size(); ++i) ASSERT_EQ(StateOf(i), NodeState::kUp);
}

void EngineFixture::AllByHand() {
  for (NodeIndex i = 0; i < nodes_.size(); ++i) ByHand(i);
}

std::size_t EngineFixture::KeysOf(const std::string& owner, const std::string& lock) {
  return static_cast<std::size_t>(std::count_if(
      nodes_.begin(), nodes_.end(), [&](auto& node) { return node.OwnerOf(now_, lock) == owner; }));
}

void EngineFixture::Answer(const Asked& asked, Verdict verdict, Fence fence, Duration left,
                           std::string text) {
  NodeAnswer answer;
  answer.node = asked.node;
  answer.ticket = asked.ticket;
  answer.verdict = verdict;
  answer.node_time = nodes_[asked.node].Clock(now_);
  answer.fence = fence;
  answer.left = left;
  answer.text = std::move(text);
  Do(answer);
}

void EngineFixture::AnswerAsObedient(const Asked& asked) {
  ObedientNode& node = nodes_[asked.node];
  NodeAnswer answer = node.Run(now_, timing_, node.Info().run_id, asked.op);
  answer.node = asked.node;
  answer.ticket = asked.ticket;
  Do(answer);
}

void EngineFixture::Silence(const Asked& asked, bool gone) {
  Do(NodeSilence{asked.node, asked.ticket, gone});
}

void EngineFixture::AnswerReleases() {
  for (NodeIndex node = 0; node < nodes_.size(); ++node) {
    while (IsAsked<ReleaseOp>(node)) Answer(Take<ReleaseOp>(node), Verdict::kOk);
  }
}

// --- clients ------------------------------------------------------------------------------------

SessionId EngineFixture::Open(std::uint32_t uid) {
  Do(SessionOpened{++last_session_, uid, static_cast<std::int32_t>(uid + 1)});
  return last_session_;
}

RequestId EngineFixture::Lock(SessionId session, const Wish& wish) {
  const RequestId request = ++last_request_;
  Do(LockRequested{.session = session,
                   .request = request,
                   .name = wish.name,
                   .wait = wish.wait,
                   .ttl = wish.ttl,
                   .max_hold = wish.max_hold,
                   .min_hold = wish.min_hold,
                   .note = "",
                   .renewed_events = wish.renewed_events,
                   .wanted_events = wish.wanted_events,
                   .task = wish.task,
                   .mode = wish.mode,
                   .also = wish.also});
  return request;
}

RequestId EngineFixture::Try(SessionId session, const std::string& name) {
  return Lock(session, {.name = name, .wait = 0ns});
}

RequestId EngineFixture::Unlock(SessionId session, std::optional<Fence> fence, bool sync) {
  const RequestId id = ++last_request_;
  Do(UnlockRequested{session, id, "x", fence, sync});
  return id;
}

RequestId EngineFixture::LockAll(SessionId session, const std::vector<std::string>& names,
                                 Wish wish) {
  wish.name = names.front();
  wish.also = {names.begin() + 1, names.end()};
  return Lock(session, wish);
}

RequestId EngineFixture::UnlockAll(SessionId session, const std::vector<std::string>& names,
                                   bool sync) {
  const RequestId id = ++last_request_;
  Do(UnlockRequested{.session = session,
                     .request = id,
                     .name = names.front(),
                     .sync = sync,
                     .also = {names.begin() + 1, names.end()}});
  return id;
}

RequestId EngineFixture::Check(SessionId session, std::optional<Fence> fence) {
  const RequestId id = ++last_request_;
  Do(CheckRequested{session, id, "x", fence});
  return id;
}

std::optional<Granted> EngineFixture::GrantOf(RequestId request) const {
  return AnswerTo<Granted>(request);
}

std::vector<std::string> EngineFixture::GrantedTo(RequestId request) const {
  const auto grant = GrantOf(request);
  if (!grant) return {};
  std::vector<std::string> names{grant->name};
  for (const auto& other : grant->also) names.push_back(other.name);
  return names;
}

std::optional<Failed> EngineFixture::FailureOf(RequestId request) const {
  return AnswerTo<Failed>(request);
}

std::optional<Failure> EngineFixture::WhyFailed(RequestId request) const {
  const auto failed = FailureOf(request);
  if (!failed) return std::nullopt;
  return failed->failure;
}

std::vector<Notice::Kind> EngineFixture::Told(SessionId session) const {
  std::vector<Notice::Kind> kinds;
  for (const auto& [to, notice] : notices_) {
    if (to == session) kinds.push_back(notice.kind);
  }
  return kinds;
}

std::optional<Notice> EngineFixture::LastTold(SessionId session, Notice::Kind kind) const {
  std::optional<Notice> last;
  for (const auto& [to, notice] : notices_) {
    if (to == session && notice.kind == kind) last = notice;
  }
  return last;
}

Granted EngineFixture::MustHold(SessionId session, const Wish& wish) {
  const auto grant = GrantOf(Lock(session, wish));
  EXPECT_TRUE(grant) << "not granted";
  return grant.value_or(Granted{});
}

std::size_t EngineFixture::VotesOf(SessionId session) {
  MustHold(session);
  return Holds().back().votes;
}

}  // namespace redlockd::engine

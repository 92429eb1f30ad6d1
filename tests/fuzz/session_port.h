#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "daemon/session/engine_port.h"
#include "daemon/session/sessions.h"
#include "tests/fuzz/check.h"

namespace redlockd::fuzz {

// An engine that answers by the names of the locks: "w..." is waited for until it is cancelled,
// "b..." is busy, "n..." has no quorum, "l..." is granted and lost at once, "r..." granted and
// renewed, and any other granted. Who watches hears at once of everything that may become of a lock. The same requests have the same answers.
class Port : public session::EnginePort {
 public:
  void Post(engine::Event event) override;
  void Settle() override {}  // the answers are played one by one, at any time after
  engine::Time Now() const override { return engine::Time(std::chrono::seconds(1000)); }
  std::vector<engine::RowView> Rows(const engine::RowPlace& from, std::size_t most) const override;
  engine::SessionUse UseOf(engine::SessionId session) const override;
  std::vector<engine::NodeView> Nodes() const override;
  engine::Counters Counters() const override { return {}; }
  session::Status Status() const override {
    return {.version = "1",
            .started = "2026-11-28T13:03:07Z",
            .config_file = "/c.yaml",
            .since = "2026-11-28T13:03:07Z",
            .last_reload = {{.at = "2026-11-28T13:04:00Z", .mistakes = {"a", "b"}}},
            .keys = {{"lease.ttl", "10s", {}}, {"key_prefix", "", "x=y z"}}};
  }
  void Reload(engine::SessionId) override {}
  void OnDenied(engine::SessionId, std::string_view, const std::string&) override {}

  // Answers what was posted first. False if there is nothing.
  bool AnswerOne(session::Sessions& sessions);
  std::size_t posted() const { return posted_; }
  std::size_t open_sessions() const { return sessions_.size(); }

 private:
  using Call = std::pair<engine::SessionId, engine::RequestId>;

  void Reply(const auto& request, engine::Answer answer);
  void Notify(const engine::HoldView& hold, engine::Notice::Kind kind);
  void On(const engine::SessionOpened&) {}
  void On(const engine::SessionInputEnded& e);
  void On(const engine::SessionClosed& e) { Forget(e.session); }
  void On(const engine::SessionDropped& e) { Forget(e.session); }
  void On(const engine::LockRequested& e);
  void On(const engine::UnlockRequested& e);
  void On(const engine::BreakRequested& e);
  void On(const engine::CheckRequested& e);
  void On(const engine::CancelRequested& e);
  void On(const engine::ShowRequested& e);
  void On(const engine::WatchRequested& e);
  void On(const engine::UnwatchRequested& e) { Reply(e, engine::Done{}); }
  void On(const engine::TrustEmptyRequested& e);
  void On(const engine::AdoptRequested& e);
  void On(const auto&) { FUZZ_CHECK(false, "not of a session"); }
  void Forget(engine::SessionId session);
  engine::Failed Failed(engine::Failure failure, const std::string& name) const;

  session::Sessions* answer_to_ = nullptr;
  std::deque<engine::Event> events_;
  std::size_t posted_ = 0;
  std::map<engine::SessionId, engine::RequestId> sessions_;  // and the last request of each
  std::map<std::string, engine::HoldView> holds_;
  std::map<Call, engine::LockRequested> waits_;
  std::set<std::pair<engine::SessionId, std::string>> lost_;  // and nobody has asked
  std::set<engine::SessionId> ended_;                         // no more input
};

}  // namespace redlockd::fuzz

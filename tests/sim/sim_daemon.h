#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/engine/engine.h"
#include "tests/sim/chance.h"
#include "tests/sim/checker.h"
#include "tests/sim/clocks.h"
#include "tests/sim/link.h"
#include "tests/sim/reached.h"
#include "tests/sim/scenario.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/subscription.h"
#include "tests/sim/trace.h"
#include "tests/sim/turns.h"

namespace redlockd::sim {

// The client's end of a session.
class SessionUser {
 public:
  virtual ~SessionUser() = default;
  virtual void OnAnswer(engine::RequestId request, const engine::Answer& answer) = 0;
  virtual void OnNotice(const engine::Notice& notice) = 0;
  virtual void OnWatch(const engine::WatchNotice&) {}  // of a lock that it watches
  // The daemon is gone, and the session with it.
  virtual void OnHangUp() = 0;
  // Whether the client counts on this hold: it was granted, and neither let go nor lost.
  virtual bool CountsOn(const std::string& lock, engine::Fence fence) const = 0;
};

// A daemon in the world: the real Engine with links to the nodes and sessions of clients, on a host
// with a clock of its own. It can be killed and started again, restarted with all that it knows,
// stopped for a time, and drained.
class SimDaemon {
 public:
  struct Parts {
    Timeline& timeline;
    Checker& checker;
    Trace& trace;
    ReachedCounts& reached;
    Turns& turns;
    std::deque<SimNode>& nodes;
    engine::SessionId& last_session;  // of the world
    ConnectionId& last_connection;    // of the world
    const Scenario& scenario;
    engine::Timing timing;
    std::size_t index;
  };
  explicit SimDaemon(const Parts& parts);
  SimDaemon(const SimDaemon&) = delete;
  SimDaemon& operator=(const SimDaemon&) = delete;

  // --- for clients. What is fed to it while it is stopped it takes when it goes on.
  bool up() const { return running() && !draining_; }
  bool running() const { return engine_ != nullptr; }
  // Its next process has not taken up yet what was left.
  bool is_resuming() const { return resuming_; }
  engine::SessionId Open(SessionUser& user);
  void Feed(const engine::Event& event);
  // The client's end of the session is closed (SessionClosed), or the daemon gives it up
  // (SessionDropped); the user hears nothing any more.
  void Close(engine::SessionId session);
  void Drop(engine::SessionId session);
  Moment WhenIs(engine::Time local) const { return clock_.WhenIs(local); }
  // It has been running, not stopped, since then; in the future while it is stopped.
  Moment running_since() const { return running_since_; }
  bool stopped() const { return parts_.timeline.now() < stopped_until_; }

  // --- what goes wrong
  void Start();
  void Kill();
  // Its next process takes over what this one knows, and its clients (rules H); it serves them from
  // `serves` on.
  void Restart(Moment serves);
  void StopUntil(Moment end);
  void Drain(Duration patience, Duration then_away);
  // From now on locks linger for that long, and a tenure is half as long as the scenario says.
  void Reload(Duration linger);
  // Until `end` its proposals for fences are off by anything up to `most` us, for each node
  // another: rule A says that fences grow whatever the daemons' clocks say.
  void MistakeTime(std::int64_t most, Moment end);
  // Its host's clock: runs at that rate until `end`, and jumps.
  void RunClock(Ppb fast, Moment end);
  void JumpClock(Duration by);
  void Cut(std::size_t node, bool lost);
  Path& path(std::size_t node) { return *paths_[node]; }
  void NodeDied(std::size_t node);

  // --- for checkers
  // Compares what the engine says that it holds with what its clients count on.
  void Audit();
  std::vector<engine::NodeView> NodeViews() const;
  std::map<std::string, engine::Fence> HeldFences() const;  // by lock
  std::map<std::string, std::size_t> HoldCounts() const;    // likewise
  std::size_t Waits() const { return engine_ ? engine_->WaitCount() : 0; }
  // Of its hold of the lock, if there is one.
  std::optional<engine::Fence> FenceOf(const std::string& lock) const;
  // The same, also of one that the next process has not taken up yet.
  std::optional<engine::Fence> FenceOfOrLeft(const std::string& lock) const;
  std::size_t Holds() const { return engine_ ? engine_->HoldCount() : 0; }
  // The locks that its engine says the session holds.
  std::vector<std::string> HeldBy(engine::SessionId session) const;
  // What it granted, in whatever process; null if it did not.
  struct Grant {
    std::string owner;
    engine::SessionId session;
    Moment at;
  };
  const Grant* GrantOf(const std::string& lock, engine::Fence fence) const;
  // Its present process's, and that of those before it whose state it took over.
  const std::string& Instance() const { return instance_; }
  // Of all its processes.
  std::uint64_t ConfirmedGrants() const;

 private:
  engine::Time Now() const { return clock_.At(parts_.timeline.now()); }
  std::string Name() const { return "daemon " + std::to_string(parts_.index); }
  void Begin(std::unique_ptr<engine::State> former);
  void Resume();
  void Run(std::uint64_t generation, std::function<void()> act);
  void GoOn();
  void Step(const engine::Event& event);
  void NoteAnswer(const engine::Event& event);
  void Hint(const engine::Hint& hint);
  void NoteWaits(const engine::Event& event);
  void NoteLine(const std::string& lock);
  void SessionEnded(engine::SessionId session);
  void CarryOut(const engine::Effect& effect);
  void Answer(const engine::AnswerClient& answered);
  void Granted(const engine::AnswerClient& answered, const std::string& lock, engine::Fence fence,
               engine::Mode mode = engine::Mode::kExclusive);
  void Ask(const engine::AskNodes& ask);
  std::int64_t Mistake();
  void Arm();
  void CheckAsked(const engine::AskNodes& ask);
  bool IsWanted(const std::string& lock) const;
  void CountAcquire(const engine::AcquireOp& acquire);
  void EndHeld(const std::string& lock, engine::SessionId session);
  void HangUp();

  const Parts parts_;
  Chance chance_;
  const Ppb rate_;  // of its host's clock
  HostClock clock_;
  std::uint64_t clock_changes_ = 0;
  std::uint64_t generation_ = 0;  // which process
  std::string instance_;
  bool resuming_ = false;                // the sessions of the former process are not there yet
  std::deque<engine::Event> held_back_;  // what they send meanwhile
  std::unique_ptr<engine::Engine> engine_;
  std::vector<std::shared_ptr<Path>> paths_;
  std::vector<std::unique_ptr<Link>> links_;
  std::vector<std::unique_ptr<Subscription>> subscriptions_;
  std::map<engine::SessionId, SessionUser*> users_;
  // Locks that the daemon has granted and whose session has not ended them, as far as it can know.
  std::map<std::string, std::set<engine::SessionId>> held_;
  // Who waits for a lock: session and request, and whether it is a try.
  using Call = std::pair<engine::SessionId, engine::RequestId>;
  std::map<std::string, std::map<Call, bool>> waits_;
  std::map<Call, Duration> min_hold_;           // that was asked for
  std::map<std::string, engine::Time> kept_;    // by min-hold, until then
  std::optional<Call> asks_;                    // in this very step
  std::map<std::string, std::string> owner_;    // the latest that a lock was asked for with
  std::map<std::string, std::string> granted_;  // ... and granted with
  std::map<std::pair<std::string, engine::Fence>, Grant> grants_;
  std::set<std::string> let_go_;               // owner values that were released
  std::deque<std::function<void()>> waiting_;  // while it is stopped
  Moment stopped_until_{};
  Moment running_since_{};
  std::optional<Moment> armed_;
  std::uint64_t confirmed_grants_ = 0;  // of processes that have ended
  std::int64_t mistaken_by_ = 0;
  bool mistaken_alike_ = false;  // for all nodes in the same way
  Moment mistaken_until_{};
  bool draining_ = false;
  Duration away_{};  // after a drain
};

}  // namespace redlockd::sim

#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "tests/sim/sim_daemon.h"

namespace redlockd::sim {

// A process that uses locks: comes, takes one, writes under it, lets it go or does not, and comes
// again. It waits, gives up, dies, sleeps past its deadline, ends its input, stops reading. What it
// does follows from its own stream of chance. Tells the checker what it was told and does.
class Client : public SessionUser {
 public:
  struct Parts {
    Timeline& timeline;
    Checker& checker;
    Trace& trace;
    ReachedCounts& reached;
    SimDaemon& daemon;
    std::uint64_t seed;
    std::size_t number;
    bool haste;    // Scenario::haste
    bool polite;   // while it shares it neither dies nor tries nor has the lock really released,
                   // so that tenures are whole and followed by a cooldown (rule E1)
    bool in_line;  // what it asks for may have to wait for its turn (rule C12)
    const bool& calm;          // nothing new is begun any more
    bool wrong_clock = false;  // its host's goes wrong: of times it is told nothing that holds
    bool undisturbed = false;  // all that goes wrong is another host's clock
  };
  explicit Client(const Parts& parts);

  // Whether it was told of a deadline that has passed.
  void Audit();
  // Soon lets go of what it holds, if it does not before.
  void Finish();
  // After the trouble, one at a time: takes a lock that nobody else wants and lets it go. All of it
  // must work at once.
  void UseAlone();
  // All at a time: takes the lock that all want, once. Someone always must get on.
  void Compete();
  // Takes the lock that all want, and has it until it is told to go on with something else.
  void Keep();
  // After `delay` asks for the lock once. If it gets it, it has it until it is told to let go.
  void Try(const std::string& lock, Duration delay, Duration wait);
  void LetGo();
  // Asks for the lock that all want, and gives up before long.
  void GiveUp();
  // Takes the lock that all want for a moment, again and again, until it goes home.
  void Share();
  static constexpr Duration kShareHold = std::chrono::milliseconds(10);  // at most
  void GoHome();

  bool waiting() const { return request_.has_value(); }
  bool holding() const { return fence_.has_value(); }

  void OnAnswer(engine::RequestId request, const engine::Answer& answer) override;
  void OnNotice(const engine::Notice& notice) override;
  void OnHangUp() override;
  bool CountsOn(const std::string& lock, engine::Fence fence) const override;

 private:
  static constexpr Duration kSlack = std::chrono::milliseconds(2);  // what timers may add

  enum class Plan : std::uint8_t { kAnything, kAlone, kCompete, kTry, kKeep, kGiveUp, kShare };
  // The one request that is under way.
  struct Request {
    engine::RequestId id;
    Moment sent;
    std::optional<Duration> most;  // until it must have been answered
    bool is_lock;
  };

  std::string Name() const { return "client " + std::to_string(parts_.number); }
  std::string ChooseLock();
  void Broken(Promise promise, const std::string& what);
  // `act` later, if nothing else has happened to the client by then.
  void Later(Duration delay, std::function<void()> act);
  void Changed() { ++changes_; }

  void Come();
  void Begin(Plan plan);
  void AskAgain();
  void Wish(engine::LockRequested& request);
  void Leave();
  void Ask();
  void Send(engine::LockRequested request);
  void ChangeOfMind();
  void Granted(const engine::Granted& granted);
  void Hold();
  void CheckMaxHold(Moment deadline);
  void EndHold();
  void Unlock(bool sync);
  void Sleep();
  void Check();
  void AfterLoss();
  void Forget();
  engine::RequestId Begin(std::optional<Duration> most, bool is_lock);
  void CheckTime(const Request& request);
  void AnsweredLock(const engine::Answer& answer);
  void AnsweredOther(const engine::Answer& answer);
  bool IsToldOfLoss(const engine::Failed& failed);

  const Parts parts_;
  Chance chance_;
  std::uint64_t changes_ = 0;
  Plan plan_ = Plan::kAnything;
  std::string tried_;     // with Plan::kTry
  Duration tries_for_{};  // ... and its wait
  std::optional<engine::SessionId> session_;
  engine::RequestId last_request_ = 0;
  std::optional<Request> request_;
  bool input_ended_ = false;
  std::string lock_;
  std::optional<engine::Fence> fence_;  // of what it holds
  bool warned_ = false;                 // JEOPARDY was told, and no SAFE since
  bool advised_ = false;                // WANTED was told
  // Holds that were lost, and the daemon is to say so once more (rule C18).
  std::set<std::pair<std::string, engine::Fence>> losses_;
  std::optional<engine::Fence> asked_of_;  // by an unlock or check: of this hold alone
  std::optional<Duration> max_hold_;       // asked for
  Duration min_hold_{0};                   // likewise
  bool is_kept_ = false;                   // by a majority, once the daemon has said so
  Moment ends_{};                          // of the hold, by its max-hold
};

}  // namespace redlockd::sim

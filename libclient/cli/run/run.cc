#include "libclient/cli/run/run.h"

#include <poll.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <variant>

#include "libclient/cli/client.h"
#include "libclient/cli/run/child.h"
#include "libclient/cli/run/hold.h"
#include "libclient/cli/run/keeper.h"
#include "libclient/cli/run/nested.h"
#include "libclient/cli/run/signals.h"
#include "libclient/cli/run/terminal.h"
#include "libclient/cli/run/timer.h"
#include "libclient/cli/run/voice.h"
#include "libclient/cli/run/wait_report.h"
#include "libclient/cli/text.h"
#include "protocol/name.h"

namespace redlock::cli {
namespace {

using namespace std::chrono_literals;

Guard::Time Now() { return Guard::Time(redlock_now()); }

// How long after the end of the wait the daemon may answer: it says "timed out" a moment after
// that. Without a wait it still has to ask the nodes, which takes up to its quorum_wait.
constexpr Duration kAfterWait = 500ms;
constexpr Duration kWithoutWait = 10s;

// A wait that is bounded is over at this time, connecting and all.
Guard::Time AnswerBy(const std::optional<Duration>& wait, Guard::Time begin) {
  if (!wait) return Guard::kNever;
  const Duration most = *wait > 0s ? kAfterWait : kWithoutWait;
  return *wait > Guard::kNever - begin - most ? Guard::kNever : begin + *wait + most;
}

// How soon after SIGKILL to look again what is left of the command.
constexpr Duration kKillAgain = 100ms;

// Sleeps until there is something to do, or `until` has come.
class Sleeper {
 public:
  Sleeper(const Hold& hold, const Signals& signals) : hold_(hold), signals_(signals) {}

  void Sleep(Guard::Time until) const {
    timer_.Arm(until);
    pollfd entries[] = {
        {signals_.fd(), POLLIN, 0}, {timer_.fd(), POLLIN, 0}, {hold_.fd(), hold_.poll_events(), 0}};
    poll(entries, std::size(entries), -1);
  }

 private:
  const Hold& hold_;
  const Signals& signals_;
  const Timer timer_;
};

// The locks, for people.
std::string NamesOf(const RunOptions& options) {
  std::string names = Printable(options.name);
  for (const std::string& name : options.also) names += ", " + Printable(name);
  return names;
}

// The time from the request to the start of the command. Gives an exit code if it does not come to
// that; what was granted by then is let go of with the socket.
class Wait {
 public:
  Wait(Hold& hold, Signals& signals, const RunOptions& options, Guard::Time answer_by,
       const Voice& voice, WaitReport& report)
      : hold_(hold),
        signals_(signals),
        report_(report),
        options_(options),
        voice_(voice),
        sleeper_(hold, signals),
        answer_by_(answer_by) {}

  std::optional<int> Run() {
    while (true) {
      hold_.Dispatch();
      if (const auto signals = signals_.Take(); !signals.empty()) return kExitSignal + signals[0];
      const Guard::Time now = Now();
      if (hold_.refusal()) return hold_.refusal()->exit_code;
      if (!hold_.is_granted()) {
        if (now >= answer_by_) return NotAnswered();
        report_.Look(now);
        sleeper_.Sleep(std::min(answer_by_, report_.next()));
      } else if (hold_.guard().MayStart(now)) {
        return std::nullopt;
      } else if (hold_.guard().Holds(now)) {
        // Granted with little time left (or we were stopped meanwhile): a renewal is on its way.
        sleeper_.Sleep(hold_.guard().deadline());
      } else {
        voice_.Complain(NamesOf(options_) + " was lost before the command was started");
        return kExitLost;
      }
    }
  }

 private:
  int NotAnswered() const {
    voice_.Complain(NamesOf(options_) + ": the daemon does not answer");
    return kExitUnavailable;
  }

  Hold& hold_;
  Signals& signals_;
  WaitReport& report_;
  const RunOptions& options_;
  const Voice& voice_;
  const Sleeper sleeper_;
  const Guard::Time answer_by_;
};

// What the command finds in its environment.
std::vector<std::pair<std::string, std::string>> EnvironmentOf(
    const std::vector<Hold::Lock>& locks) {
  const char* const around = std::getenv(kHeldVariable);
  std::string held = around == nullptr ? "" : around;
  std::string names, fences;
  for (const Hold::Lock& lock : locks) {
    held = WithHeld(held, lock.name, lock.fence);
    const std::string_view space = names.empty() ? "" : " ";
    names.append(space).append(protocol::PercentEncode(lock.name));
    fences.append(space).append(std::to_string(lock.fence));
  }
  // Always all of them: what a `redlock run` around this one has set is not about these locks.
  return {{"REDLOCK_NAME", locks[0].name},
          {"REDLOCK_FENCE", std::to_string(locks[0].fence)},
          {"REDLOCK_NAMES", names},
          {"REDLOCK_FENCES", fences},
          {kHeldVariable, held}};
}

// The time of the command: from its start to the end of it, or of its group.
class Watch {
 public:
  Watch(Hold& hold, Signals& signals, const RunOptions& options, const Voice& voice)
      : hold_(hold),
        signals_(signals),
        options_(options),
        voice_(voice),
        sleeper_(hold, signals),
        child_(Child::Setup{options.command, EnvironmentOf(hold.locks()), signals,
                            takes_terminal() ? &terminal_ : nullptr, keeper_,
                            options.close_socket ? -1 : hold.socket(), hold.guard().start_by()}) {}

  struct End {
    int code;
    bool by_itself;  // of the command: we did not stop it
  };

  End Run() {
    while (true) {
      // What the daemon said counts before what the clock says: renewals may have piled up while
      // this process was stopped.
      hold_.Dispatch();
      for (const int signal : signals_.Take()) OnSignal(signal);
      if (child_.has_ended() && !guard().is_ending() && guard().Holds(Now())) break;
      Enforce();
      if (child_.has_ended() && child_.IsGroupGone()) break;
      if (const auto stop = child_.TakeStop()) {
        OnStop(*stop);
      } else {
        sleeper_.Sleep(guard().is_killing() ? Now() + kKillAgain : guard().next());
      }
    }
    terminal_.TakeBackFrom(child_.group());
    return {Conclude(), !guard().is_ending()};
  }

 private:
  Guard& guard() { return hold_.guard(); }

  bool takes_terminal() const { return terminal_.is_all_ours_to_give() && terminal_.IsOurs(); }

  void OnSignal(int signal) {
    if (signal == SIGCHLD) {
      child_.Reap();
    } else if (signal == SIGCONT) {
      Continue();
    } else {
      child_.Signal(signal);
    }
  }

  // What the clock demands. First it is done, and then it is said.
  void Enforce() {
    const std::string lock =
        (options_.also.empty() ? "the lock " : "one of the locks ") + NamesOf(options_);
    switch (guard().Judge(Now())) {
      case Guard::Action::kNone:
        // Where a part of the group could not be signalled before, perhaps it can now.
        if (guard().is_killing()) child_.Signal(SIGKILL);
        return;
      case Guard::Action::kTerm:
        if (child_.Signal(SIGTERM)) {
          child_.Signal(SIGCONT);
          voice_.Complain(lock + " ends in " + HumanDuration(Remaining()) +
                          ": asking the command to stop");
        } else {
          voice_.Complain(lock + " ends in " + HumanDuration(Remaining()) +
                          ": the command cannot be stopped, it runs as another user");
        }
        return;
      case Guard::Action::kKill:
        if (child_.Signal(SIGKILL)) {
          voice_.Complain(lock + " ends: the command is killed");
        } else {
          voice_.Complain(lock + " ends: the command cannot be killed, it runs as another user, " +
                          "and goes on without the lock");
        }
        return;
    }
  }

  Duration Remaining() { return std::max<Duration>(guard().deadline() - Now(), 0s); }

  // The child was stopped. On a terminal we stop with it, so that the shell sees its job stopped.
  // Not without one: nobody might ever continue us, and the end of the lock is ours to keep. Nor
  // when that end has begun.
  void OnStop(int stop) {
    const bool has_terminal = terminal_.IsOf(child_.group());
    const bool wants_terminal = stop == SIGTTIN || stop == SIGTTOU;
    if (wants_terminal && (has_terminal || terminal_.IsOurs())) {
      terminal_.GiveTo(child_.group());
    } else if (terminal_.exists() && (stop != SIGSTOP || has_terminal) && !guard().is_ending()) {
      signals_.StopOwnGroup(stop == SIGSTOP ? SIGTSTP : stop);
    } else {
      return;
    }
    Continue();
  }

  // The child goes on; if its time is over, with TERM or KILL before it.
  void Continue() {
    if (child_.has_ended()) return;
    hold_.Dispatch();
    Enforce();
    if (takes_terminal()) terminal_.GiveTo(child_.group());
    child_.Signal(SIGCONT);
  }

  int Conclude() {
    if (guard().is_ending()) return kExitLost;
    if (const int error = child_.ExecError()) {
      voice_.Complain("cannot execute " + Printable(options_.command[0]) + ": " +
                      std::strerror(error));
    }
    return child_.exit_code();
  }

  Hold& hold_;
  Signals& signals_;
  const RunOptions& options_;
  const Voice& voice_;
  const Sleeper sleeper_;
  const Terminal terminal_;
  const Keeper keeper_;
  Child child_;
};

// A wait that is bounded outlasts trouble: a daemon that is not there, and nodes that are too few.
class Patience {
 public:
  Patience(const RunOptions& options, Guard::Time begin, const Voice& voice)
      : wait_(options.wait.value_or(Duration(0))), begin_(begin), voice_(voice) {}

  // Whether another try is worth it.
  bool IsLeft() const { return Now() - begin_ < wait_; }
  enum class Lack : unsigned { kDaemon = 1, kQuorum = 2 };
  // Says why the wait goes on, once for each: cron sends each line by mail.
  void Explain(Lack lack, const std::string& why) {
    if ((said_ & static_cast<unsigned>(lack)) == 0) voice_.Complain(why + "; still waiting");
    said_ |= static_cast<unsigned>(lack);
  }
  // Until it is time for another try, after one that began at `last`. False: the wait is over.
  bool Pause(Guard::Time last) const {
    constexpr Duration kPause = 500ms;
    const Timer timer;
    timer.Arm(std::min(last + kPause, begin_ + wait_));
    pollfd entry{timer.fd(), POLLIN, 0};
    poll(&entry, 1, -1);
    return IsLeft();
  }

 private:
  const Duration wait_;  // 0: there is no bound, or no wait
  const Guard::Time begin_;
  const Voice& voice_;
  unsigned said_ = 0;  // of Lack
};

// A daemon that stops grants nothing more. Where systemd keeps the socket, the next daemon serves a
// client that connects again; where it does not, the same daemon refuses again, at once.
constexpr Duration kAtOnce = 1s;

// Nothing if the lock is to be asked for again: the daemon stopped before it granted it, or there was
// no quorum, and the wait is not over.
std::optional<int> RunUnderLock(ClientPtr client, const RunOptions& options, Guard::Time begin,
                                const Voice& voice, Patience& patience, bool is_first_try) {
  const Guard::Time asked = Now();
  Signals signals;
  Hold hold(std::move(client), options, begin, voice);
  WaitReport report(hold.client(), options, voice, begin);
  const Guard::Time answer_by = AnswerBy(options.wait, begin);
  const auto refused = Wait(hold, signals, options, answer_by, voice, report).Run();
  report.End();
  const auto& refusal = hold.refusal();
  if (refusal && refused == refusal->exit_code) {  // and not ended by a signal
    const std::string why = NamesOf(options) + ": " + Printable(refusal->text);
    // From here on to the next request a signal does what it did when redlock began: it ends this.
    signals.RestoreInherited();
    if (refusal->is_stopping && (is_first_try || Now() - asked > kAtOnce)) return std::nullopt;
    if ((refusal->is_stopping || refusal->lacks_quorum) && patience.IsLeft()) {
      patience.Explain(refusal->lacks_quorum ? Patience::Lack::kQuorum : Patience::Lack::kDaemon,
                       why);
      if (patience.Pause(asked)) return std::nullopt;
    }
    // With -E 0 it is no failure that another has the lock: cron would send each line by mail.
    refused == 0 ? voice.Tell(why) : voice.Complain(why);
  }
  if (refused) return *refused;
  const Duration waited = Now() - begin;
  signals.ReadAll();
  const Watch::End end = [&] {
    Watch watch(hold, signals, options, voice);
    std::string fences;
    for (const Hold::Lock& lock : hold.locks()) {
      fences += (fences.empty() ? "" : ", ") + std::to_string(lock.fence);
    }
    voice.Tell("got " + NamesOf(options) + " after " + HumanDuration(waited) +
               (options.also.empty() ? ", fence " : ", fences ") + fences);
    return watch.Run();
  }();
  // If we had to stop it, what has left its group, like the command of a `redlock run` within, may
  // still be at work: then the lock ends with that.
  if (end.by_itself) hold.LetGo();
  return end.code;
}

// A client that is connected by the time at which a bounded wait is over; else the exit code.
std::variant<ClientPtr, int> ConnectInTime(const std::string& socket, Guard::Time answer_by,
                                           const Voice& voice, Patience& patience) {
  ClientPtr client;
  while (true) {
    const Guard::Time begin = Now();
    const Duration most = std::clamp<Duration>(answer_by - begin, 0s, Duration(kConnectTimeoutNs));
    int error = REDLOCK_OK;
    std::string text;
    client = Connect(socket, &error, &text, most.count());
    if (client != nullptr) break;
    if ((error == REDLOCK_ECONNECT || error == REDLOCK_ENOANSWER) && patience.IsLeft()) {
      patience.Explain(Patience::Lack::kDaemon, Printable(text));
      if (patience.Pause(begin)) continue;
    }
    voice.Complain(Printable(text));
    return ExitCodeOf(error);
  }
  if (const Duration offset(redlock_clock_offset(client.get())); offset != 0s) {
    voice.Tell("the daemon's clock differs from ours by " +
               HumanDuration(std::chrono::abs(offset)) +
               " (another time namespace): deadlines are converted");
  }
  return client;
}

}  // namespace

int Run(const std::string& socket, const RunOptions& options) {
  const Voice voice(options.quiet, options.verbose);
  const Guard::Time begin = Now();
  Patience patience(options, begin, voice);
  for (bool is_first_try = true;; is_first_try = false) {
    const Guard::Time answer_by = AnswerBy(options.wait, begin);
    auto connected = ConnectInTime(socket, answer_by, voice, patience);
    if (const int* code = std::get_if<int>(&connected)) return *code;
    ClientPtr client = std::get<ClientPtr>(std::move(connected));
    std::vector<std::string> names = options.also;
    names.insert(names.begin(), options.name);
    for (const std::string& name : names) {
      if (!IsHeldAround(client.get(), name, answer_by.count())) continue;
      voice.Complain(Printable(name) +
                     ": this command already runs under this lock, and would wait for itself");
      return kExitUsage;
    }
    try {
      const auto code =
          RunUnderLock(std::move(client), options, begin, voice, patience, is_first_try);
      if (code) return *code;
    } catch (const std::system_error& problem) {
      voice.Complain(problem.what());
      return kExitOs;
    }
  }
}

}  // namespace redlock::cli

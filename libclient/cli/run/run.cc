#include "libclient/cli/run/run.h"

#include <poll.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <system_error>

#include "libclient/cli/client.h"
#include "libclient/cli/run/child.h"
#include "libclient/cli/run/hold.h"
#include "libclient/cli/run/signals.h"
#include "libclient/cli/run/terminal.h"
#include "libclient/cli/run/timer.h"
#include "libclient/cli/run/voice.h"
#include "libclient/cli/text.h"

namespace redlock::cli {
namespace {

using namespace std::chrono_literals;

Guard::Time Now() { return Guard::Time(redlock_now()); }

// How long behind the end of the wait the daemon may answer.
constexpr Duration kAnswerTimeout = 10s;

Guard::Time AnswerBy(const std::optional<Duration>& wait) {
  if (!wait) return Guard::kNever;
  const Guard::Time now = Now();
  return *wait > Guard::kNever - now - kAnswerTimeout ? Guard::kNever
                                                      : now + *wait + kAnswerTimeout;
}

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

// The time from the request to the start of the command. Gives an exit code if it does not come to
// that; what was granted by then is let go of with the socket.
class Wait {
 public:
  Wait(Hold& hold, Signals& signals, const RunOptions& options, const Voice& voice)
      : hold_(hold),
        signals_(signals),
        options_(options),
        voice_(voice),
        sleeper_(hold, signals),
        answer_by_(AnswerBy(options.wait)) {}

  std::optional<int> Run() {
    const Guard::Time begin = Now();
    while (true) {
      hold_.Dispatch();
      if (const auto signals = signals_.Take(); !signals.empty()) return kExitSignal + signals[0];
      const Guard::Time now = Now();
      if (hold_.refusal()) return Refused();
      if (!hold_.is_granted()) {
        if (now >= answer_by_) return NotAnswered();
        sleeper_.Sleep(answer_by_);
      } else if (hold_.guard().MayStart(now)) {
        voice_.Tell("got " + Printable(options_.name) + " after " + HumanDuration(now - begin) +
                    ", fence " + std::to_string(hold_.fence()));
        return std::nullopt;
      } else if (hold_.guard().Holds(now)) {
        // Granted with little time left (or we were stopped meanwhile): a renewal is on its way.
        sleeper_.Sleep(hold_.guard().deadline());
      } else {
        voice_.Complain(Printable(options_.name) + " was lost before the command was started");
        return kExitLost;
      }
    }
  }

 private:
  int Refused() const {
    voice_.Complain(Printable(options_.name) + ": " + hold_.refusal()->text);
    return hold_.refusal()->exit_code;
  }

  int NotAnswered() const {
    voice_.Complain("the daemon does not answer");
    return kExitUnavailable;
  }

  Hold& hold_;
  Signals& signals_;
  const RunOptions& options_;
  const Voice& voice_;
  const Sleeper sleeper_;
  const Guard::Time answer_by_;
};

// The time of the command: from its start to the end of it, or of its group.
class Watch {
 public:
  Watch(Hold& hold, Signals& signals, const RunOptions& options, const Voice& voice)
      : hold_(hold),
        signals_(signals),
        options_(options),
        voice_(voice),
        sleeper_(hold, signals),
        child_(Child::Setup{
            options.command,
            {{"REDLOCK_NAME", options.name}, {"REDLOCK_FENCE", std::to_string(hold.fence())}},
            signals,
            takes_terminal() ? &terminal_ : nullptr}) {}

  // The exit code.
  int Run() {
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
        sleeper_.Sleep(guard().next());
      }
    }
    terminal_.TakeBackFrom(child_.group());
    return Conclude();
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

  // What the clock demands.
  void Enforce() {
    switch (guard().Judge(Now())) {
      case Guard::Action::kNone:
        return;
      case Guard::Action::kTerm:
        voice_.Complain("the lock " + Printable(options_.name) + " ends in " +
                        HumanDuration(std::max<Duration>(guard().deadline() - Now(), 0s)) +
                        ": the command is told to stop");
        child_.Signal(SIGTERM);
        child_.Signal(SIGCONT);
        return;
      case Guard::Action::kKill:
        voice_.Complain("the lock " + Printable(options_.name) + " ends: the command is killed");
        child_.Signal(SIGKILL);
        return;
    }
  }

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
      voice_.Complain("cannot execute " + options_.command[0] + ": " + std::strerror(error));
    }
    return child_.exit_code();
  }

  Hold& hold_;
  Signals& signals_;
  const RunOptions& options_;
  const Voice& voice_;
  const Sleeper sleeper_;
  const Terminal terminal_;
  Child child_;
};

int RunUnderLock(ClientPtr client, const RunOptions& options, const Voice& voice) {
  Signals signals;
  Hold hold(std::move(client), options, voice);
  if (const auto code = Wait(hold, signals, options, voice).Run()) return *code;
  signals.ReadAll();
  const int code = Watch(hold, signals, options, voice).Run();
  hold.LetGo();
  return code;
}

}  // namespace

int Run(const std::string& socket, const RunOptions& options) {
  const Voice voice(options.quiet, options.verbose);
  int error = REDLOCK_OK;
  std::string text;
  ClientPtr client = Connect(socket, &error, &text);
  if (client == nullptr) {
    voice.Complain(text);
    return ExitCodeOf(error);
  }
  try {
    return RunUnderLock(std::move(client), options, voice);
  } catch (const std::system_error& problem) {
    voice.Complain(problem.what());
    return kExitOs;
  }
}

}  // namespace redlock::cli

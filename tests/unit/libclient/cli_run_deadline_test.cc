// redlock run and the end of its lock. The commands write down themselves until when they lived: a
// test on a busy machine would see it too late.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <optional>

#include "tests/unit/libclient/cli_fake_daemon.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;

class CliRunDeadline : public testing::Test {
 protected:
  // Runs `script` by bash under a lock that is granted for `left`; it must say "ready" at first.
  void Start(const std::string& script, Duration left, const std::string& ttl,
             const std::vector<std::string>& options = {}) {
    std::vector<std::string> args{"run"};
    args.insert(args.end(), options.begin(), options.end());
    args.insert(args.end(), {"job", "--", "bash", "-c", script});
    redlock_.emplace(daemon_.Redlock(args));
    session_.emplace(daemon_.Accept());
    deadline_ = session_->Grant(left, ttl);
    redlock_->ReadUntil("ready\n");
  }

  // Notes the time, on the clock of the deadline (in 10 ms), until it is killed.
  std::string NotesTime(const std::string& file) const {
    return "while :; do read -r up _ </proc/uptime; echo $up >>" + (daemon_ / file) + "; done";
  }

  // The last time noted there; it may have been killed within the line behind it.
  Duration Noted(const std::string& file) const {
    const std::string text = ReadFile(daemon_ / file);
    const std::size_t end = text.rfind('\n');
    if (end == std::string::npos || end == 0) return {};
    const std::size_t begin = text.rfind('\n', end - 1) + 1;  // npos + 1 is 0
    return std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(std::stod(text.substr(begin, end - begin))));
  }

  FakeDaemon daemon_;
  std::optional<Process> redlock_;
  std::optional<FakeSession> session_;
  Duration deadline_{};
};

TEST_F(CliRunDeadline, TermThenKillIfNothingIsHeard) {
  Start("trap 'echo term' TERM; (trap '' TERM; " + NotesTime("child") + ") & echo ready; " +
            NotesTime("command"),
        2s, "2s");
  EXPECT_THAT(redlock_->ReadToEnd(), HasSubstr("term\n"));
  EXPECT_EQ(redlock_->Wait(), ExitCode(79));
  for (const char* file : {"command", "child"}) {
    EXPECT_GT(Noted(file), Duration(0)) << file;
    EXPECT_LT(Noted(file), deadline_) << file;
  }
}

TEST_F(CliRunDeadline, TheSameWhenTheDaemonIsGone) {
  Start("trap '' TERM; echo ready; " + NotesTime("command"), 2s, "2s");
  session_->Close();
  EXPECT_THAT(redlock_->ReadToEnd(), HasSubstr("the daemon is gone"));
  EXPECT_EQ(redlock_->Wait(), ExitCode(79));
  EXPECT_GT(Noted("command"), Duration(0));
  EXPECT_LT(Noted("command"), deadline_);
}

TEST_F(CliRunDeadline, ACommandMayFinishWhenTheDaemonIsGone) {
  const std::string go = daemon_ / "go";
  Start("echo ready; until test -e " + go + "; do sleep 0.01; done; exit 4", 1h, "1h");
  session_->Close();
  redlock_->ReadUntil("the daemon is gone");
  WriteFile(go, "");
  EXPECT_EQ(redlock_->Wait(), ExitCode(4));
}

TEST_F(CliRunDeadline, ARenewalKeepsTheCommandRunning) {
  const std::string go = daemon_ / "go";
  Start("echo ready; until test -e " + go + "; do sleep 0.01; done; exit 4", 2s, "2s");
  session_->Renew(deadline_ + 1h);
  EXPECT_TRUE(Eventually([&] { return BootTime() > deadline_; }));
  WriteFile(go, "");
  session_->TakeUnlock();
  EXPECT_EQ(redlock_->Wait(), ExitCode(4));
}

TEST_F(CliRunDeadline, AnEarlierDeadlineOfJeopardyCounts) {
  Start("echo ready; exec sleep 1000", 1h, "10s");
  session_->Event("JEOPARDY", BootTime() + 1s);
  EXPECT_EQ(redlock_->Wait(), ExitCode(79));
}

TEST_F(CliRunDeadline, NewsOfAnotherHoldChangeNothing) {
  const std::string go = daemon_ / "go";
  Start("echo ready; until test -e " + go + "; do sleep 0.01; done", 1h, "1h");
  session_->Send("* LOST lock=job fence=1 reason=expired");
  session_->Send("* JEOPARDY lock=job fence=1 deadline=1");
  session_->Send("* PIGS fly=soon");
  WriteFile(go, "");
  session_->TakeUnlock();
  EXPECT_EQ(redlock_->Wait(), ExitCode(0));
}

TEST_F(CliRunDeadline, ALostLockThatIsKeptEndsByTerm) {
  Start("trap 'echo cleaned; exit 0' TERM; echo ready; while :; do sleep 0.01; done", 1h, "10s");
  session_->Lost("drain");
  EXPECT_TRUE(session_->IsAtEndWithoutAWord());
  const std::string output = redlock_->ReadToEnd();
  EXPECT_THAT(output, HasSubstr("lost job: drain"));
  EXPECT_THAT(output, HasSubstr("cleaned"));
  EXPECT_EQ(redlock_->Wait(), ExitCode(79));
}

TEST_F(CliRunDeadline, ABrokenLockKillsTheCommandAtOnce) {
  Start("trap '' TERM; echo ready; while :; do sleep 0.01; done", 1h, "1h");
  session_->Event("BROKEN", deadline_);
  EXPECT_TRUE(session_->IsAtEndWithoutAWord());
  EXPECT_THAT(redlock_->ReadToEnd(), HasSubstr("lost job: an administrator broke it"));
  EXPECT_EQ(redlock_->Wait(), ExitCode(79));
}

TEST_F(CliRunDeadline, ALostLockThatIsKeptKillsWhatDoesNotEnd) {
  Start("trap '' TERM; echo ready; while :; do sleep 0.01; done", 1h, "2s");
  session_->Lost("max-hold");
  EXPECT_TRUE(session_->IsAtEndWithoutAWord());
  EXPECT_EQ(redlock_->Wait(), ExitCode(79));
}

TEST_F(CliRunDeadline, ALostLockThatMayBeAnothersKillsAtOnce) {
  Start("trap 'echo term' TERM; echo ready; while :; do sleep 0.01; done", 1h, "1h",
        {"--kill-after", "10m"});
  session_->Lost("expired");
  EXPECT_TRUE(session_->IsAtEndWithoutAWord());
  EXPECT_THAT(redlock_->ReadToEnd(), testing::Not(HasSubstr("term\n")));
  EXPECT_EQ(redlock_->Wait(), ExitCode(79));
}

// The command ends by TERM, its child only by KILL: the wrapper stays until the group is dead.
TEST_F(CliRunDeadline, NothingOfTheGroupOutlivesALostLock) {
  Start("(trap '' TERM; echo $BASHPID >" + (daemon_ / "pid") +
            "; echo ready; while :; do sleep 0.01; done) & exec sleep 1000",
        1h, "2s");
  session_->Lost("drain");
  EXPECT_TRUE(session_->IsAtEndWithoutAWord());
  EXPECT_EQ(StateOf(std::stoi(ReadFile(daemon_ / "pid"))), 0);
  EXPECT_EQ(redlock_->Wait(), ExitCode(79));
}

TEST_F(CliRunDeadline, AStoppedCommandIsToldToo) {
  Start("trap 'echo cleaned; exit 0' TERM; echo $$ >" + (daemon_ / "pid") +
            "; echo ready; while :; do sleep 0.01; done",
        2s, "2s");
  // The whole group, as ^Z would; without a terminal the wrapper keeps watch.
  kill(-std::stoi(ReadFile(daemon_ / "pid")), SIGSTOP);
  EXPECT_THAT(redlock_->ReadToEnd(), HasSubstr("cleaned"));
  EXPECT_EQ(redlock_->Wait(), ExitCode(79));
}

// Stopped past the deadline, the wrapper can only end what it finds.
TEST_F(CliRunDeadline, AWrapperThatSleptPastTheDeadlineKillsAtOnce) {
  Start("trap 'echo term' TERM; echo ready; while :; do sleep 0.01; done", 1s, "1s");
  redlock_->Freeze();
  EXPECT_TRUE(Eventually([&] { return BootTime() > deadline_; }));
  redlock_->Resume();
  EXPECT_THAT(redlock_->ReadToEnd(), testing::Not(HasSubstr("term\n")));
  EXPECT_EQ(redlock_->Wait(), ExitCode(79));
}

TEST_F(CliRunDeadline, AWrapperThatSleptReadsTheRenewalsBeforeItJudges) {
  const std::string go = daemon_ / "go";
  Start("echo ready; until test -e " + go + "; do sleep 0.01; done; exit 4", 1s, "1s");
  redlock_->Freeze();
  session_->Renew(deadline_ + 1h);
  EXPECT_TRUE(Eventually([&] { return BootTime() > deadline_; }));
  redlock_->Resume();
  WriteFile(go, "");
  session_->TakeUnlock();
  EXPECT_EQ(redlock_->Wait(), ExitCode(4));
}

TEST_F(CliRunDeadline, ACommandThatEndedBehindTheDeadlineHadNoLock) {
  const std::string go = daemon_ / "go";
  Start("echo ready; until test -e " + go + "; do sleep 0.01; done; exit 0", 1s, "1s");
  redlock_->Freeze();
  EXPECT_TRUE(Eventually([&] { return BootTime() > deadline_; }));
  WriteFile(go, "");
  redlock_->Resume();
  EXPECT_EQ(redlock_->Wait(), ExitCode(79));
}

TEST_F(CliRunDeadline, AGrantWithLittleTimeLeftWaitsForItsRenewal) {
  // If it were started at once, TERM would end it at once: that comes 5 s before the deadline.
  Process redlock(daemon_.Redlock({"run", "job", "--", "sh", "-c", "sleep 0.1; echo ran"}));
  FakeSession session = daemon_.Accept();
  const Duration deadline = session.Grant(4s, "1h");
  ASSERT_TRUE(session.IsRead());
  session.Renew(deadline + 1h);
  session.TakeUnlock();
  EXPECT_EQ(redlock.ReadToEnd(), "ran\n");
  EXPECT_EQ(redlock.Wait(), ExitCode(0));
}

TEST_F(CliRunDeadline, AGrantThatIsOverStartsNothing) {
  Process redlock(daemon_.Redlock({"run", "job", "--", "touch", daemon_ / "ran"}));
  FakeSession session = daemon_.Accept();
  session.Grant(0s, "10s");
  EXPECT_THAT(redlock.ReadToEnd(), HasSubstr("lost before the command was started"));
  EXPECT_EQ(redlock.Wait(), ExitCode(79));
  EXPECT_NE(access((daemon_ / "ran").c_str(), F_OK), 0);
}

}  // namespace
}  // namespace redlockd::test

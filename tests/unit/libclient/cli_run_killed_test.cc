// redlock run when it is killed itself: nobody else may get the lock while something of the command
// is left. The end of the session is what lets the next one have the lock, so it must come last.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "tests/unit/libclient/cli_fake_daemon.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;

constexpr char kStay[] = "exec sleep 1000";

bool IsDead(pid_t pid) { return StateOf(pid) == 0 || StateOf(pid) == 'Z'; }

class CliRunKilled : public testing::Test {
 protected:
  // `script`, run by bash, must write the pid of what it leaves alive to $PID.
  void Start(const std::string& script, const std::vector<std::string>& options = {}) {
    std::vector<std::string> args{"run"};
    args.insert(args.end(), options.begin(), options.end());
    args.insert(args.end(), {"job", "--", "bash", "-c", script});
    redlock_.emplace(daemon_.Redlock(args), Process::Options{.env = {{"PID", pid_file_}}});
    session_.emplace(daemon_.Accept());
    session_->Grant(1h, "1h");
    ASSERT_TRUE(Eventually([&] { return ReadFile(pid_file_).ends_with("\n"); }));
    left_ = std::stoi(ReadFile(pid_file_));
  }
  void TearDown() override {
    if (left_ > 0) kill(left_, SIGKILL);
  }

  // Whether the session is at its end, and that no sooner than what was left is dead.
  void ExpectDeadBeforeTheSession() {
    EXPECT_TRUE(session_->IsAtEnd());
    EXPECT_TRUE(IsDead(left_)) << StateOf(left_);
  }

  FakeDaemon daemon_;
  const std::string pid_file_ = daemon_ / "pid";
  std::optional<Process> redlock_;
  std::optional<FakeSession> session_;
  pid_t left_ = -1;
};

TEST_F(CliRunKilled, TheCommandDiesFirst) {
  Start(std::string("echo $$ >$PID; ") + kStay);
  redlock_->Signal(SIGKILL);
  ExpectDeadBeforeTheSession();
  EXPECT_EQ(redlock_->Wait(), KilledBy(SIGKILL));
}

TEST_F(CliRunKilled, SoDoesWhatTheCommandStarted) {
  Start(std::string("(trap '' TERM HUP; echo $BASHPID >$PID; ") + kStay + ") & wait");
  redlock_->Signal(SIGKILL);
  ExpectDeadBeforeTheSession();
}

TEST_F(CliRunKilled, WithItsWholeProcessGroupToo) {
  Start(std::string("(echo $BASHPID >$PID; ") + kStay + ") & wait");
  kill(-redlock_->pid(), SIGKILL);
  ExpectDeadBeforeTheSession();
}

// As a child of Python, Java or sudo, which close what they do not know.
TEST_F(CliRunKilled, WhatHasClosedTheSocketDiesFirstToo) {
  Start(std::string("(exec 64>&-; echo $BASHPID >$PID; ") + kStay + ") & wait");
  ASSERT_FALSE(std::filesystem::exists("/proc/" + std::to_string(left_) + "/fd/64"));
  redlock_->Signal(SIGKILL);
  ExpectDeadBeforeTheSession();
}

TEST_F(CliRunKilled, BySignalsThatAreNotPassedOn) {
  Start(std::string("(echo $BASHPID >$PID; ") + kStay + ") & wait");
  redlock_->Signal(SIGALRM);
  ExpectDeadBeforeTheSession();
}

// A daemon that the command has made leaves the group, but not the lock.
TEST_F(CliRunKilled, WhatHasLeftTheGroupKeepsTheLock) {
  Start(std::string("setsid bash -c 'echo $$ >$PID; ") + kStay + "' & wait");
  redlock_->Signal(SIGKILL);
  redlock_->Wait();
  EXPECT_FALSE(session_->IsAtEnd(200ms));
  EXPECT_FALSE(IsDead(left_));
  kill(left_, SIGKILL);
  EXPECT_TRUE(session_->IsAtEnd());
}

TEST_F(CliRunKilled, WithCloseWhatHasLeftTheGroupDoesNotKeepIt) {
  Start(std::string("setsid bash -c 'echo $$ >$PID; ") + kStay + "' & wait", {"--close"});
  redlock_->Signal(SIGKILL);
  EXPECT_TRUE(session_->IsAtEnd());
  EXPECT_FALSE(IsDead(left_));
}

TEST_F(CliRunKilled, WithCloseTheGroupDiesFirstToo) {
  Start(std::string("(echo $BASHPID >$PID; ") + kStay + ") & wait", {"-o"});
  redlock_->Signal(SIGKILL);
  ExpectDeadBeforeTheSession();
}

TEST_F(CliRunKilled, ANormalEndLeavesNoProcessOfOurs) {
  Start("(echo $BASHPID >$PID; exec sleep 1000 </dev/null >/dev/null 2>&1) &");
  session_->TakeUnlock();
  EXPECT_EQ(redlock_->Wait(), ExitCode(0));
  EXPECT_EQ(redlock_->ReadToEnd(), "") << "nobody has its output open";
  EXPECT_TRUE(session_->IsAtEnd()) << "though " << left_ << " has a copy of its socket";
  EXPECT_FALSE(IsDead(left_));
}

// A run within a run: its command has a group of its own, and is not killed by the outer one but by
// the inner one's keeper.
TEST_F(CliRunKilled, ARunWithinItDiesBeforeTheOuterLockIsFree) {
  FakeDaemon inner;
  std::string run;
  for (const std::string& word : inner.Redlock({"run", "inner", "--", "bash", "-c"})) {
    run += word + " ";
  }
  std::vector<std::string> args{
      "run",  "job", "--",
      "bash", "-c",  run + "'trap \"\" TERM; echo $$ >$PID; while :; do sleep 0.01; done'"};
  redlock_.emplace(daemon_.Redlock(args), Process::Options{.env = {{"PID", pid_file_}}});
  session_.emplace(daemon_.Accept());
  session_->Grant(1h, "1h");
  FakeSession inner_session = inner.Accept();
  inner_session.Grant(1h, "1h");
  ASSERT_TRUE(Eventually([&] { return ReadFile(pid_file_).ends_with("\n"); }));
  left_ = std::stoi(ReadFile(pid_file_));
  session_->Lost("expired");  // kills the inner wrapper at once
  ExpectDeadBeforeTheSession();
  EXPECT_TRUE(inner_session.IsAtEnd());
  EXPECT_EQ(redlock_->Wait(), ExitCode(79));
}

// A command that becomes another user's, as by sudo, cannot be signalled: the wrapper runs as
// nobody, the command by a set-user-ID program as daemon.
class CliRunAsAnother : public CliRunKilled {
 protected:
  void SetUp() override {
    const passwd* nobody = getpwnam("nobody");
    if (getuid() != 0 || nobody == nullptr) GTEST_SKIP() << "needs root";
    const std::string program = daemon_ / "become";
    ASSERT_TRUE(std::filesystem::copy_file("/usr/bin/setpriv", program));
    ASSERT_EQ(chmod(program.c_str(), 04755), 0);
    for (const std::string& path : {daemon_.socket(), daemon_ / ""}) {
      ASSERT_EQ(chmod(path.c_str(), 0777), 0);
    }
    const std::vector<std::string> argv =
        daemon_.RedlockAsNobody({"run", "job", "--", program, "--reuid", "daemon", "--clear-groups",
                                 "sh", "-c", "echo $$ >" + pid_file_ + "; exec sleep 1000 64>&-"});
    redlock_.emplace(argv);
    session_.emplace(daemon_.Accept());
    session_->Grant(1h, "10s");
    ASSERT_TRUE(Eventually([&] { return ReadFile(pid_file_).ends_with("\n"); }));
    left_ = std::stoi(ReadFile(pid_file_));
  }
};

TEST_F(CliRunAsAnother, ALostLockSaysThatItCannotBeKilledAndStaysUntilItIsGone) {
  session_->Lost("expired");
  redlock_->ReadUntil("the command cannot be killed, it runs as another user");
  EXPECT_FALSE(session_->IsAtEnd(200ms));
  kill(left_, SIGKILL);
  EXPECT_TRUE(session_->IsAtEnd());
  EXPECT_EQ(redlock_->Wait(), ExitCode(79));
}

TEST_F(CliRunAsAnother, KilledTheLockStaysUntilItIsGone) {
  redlock_->Signal(SIGKILL);
  redlock_->Wait();
  EXPECT_FALSE(session_->IsAtEnd(200ms));
  EXPECT_FALSE(IsDead(left_));
  kill(left_, SIGKILL);
  EXPECT_TRUE(session_->IsAtEnd());
}

}  // namespace
}  // namespace redlockd::test

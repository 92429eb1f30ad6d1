#include "daemon/host/log_sink.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <spdlog/logger.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string>

#include "protocol/printable.h"
#include "tests/support/fd.h"
#include "tests/support/files.h"
#include "tests/support/journal_stub.h"

namespace redlockd::host {
namespace {

using test::Fd;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    out = Fd(ends[0]);
    in = Fd(ends[1]);
  }
  // All that is in it now.
  std::string Drain() {
    fcntl(out.get(), F_SETFL, O_NONBLOCK);
    std::string text;
    std::array<char, 4096> part;
    for (ssize_t got; (got = read(out.get(), part.data(), part.size())) > 0;) {
      text.append(part.data(), static_cast<std::size_t>(got));
    }
    return text;
  }
  Fd out;
  Fd in;
};

spdlog::logger LoggerTo(int fd, LogStyle style) {
  spdlog::logger logger("test", std::make_shared<LogSink>(fd, style));
  logger.set_level(spdlog::level::debug);
  return logger;
}

TEST(LogSink, SpeaksToTheJournalInPriorities) {
  Pipe pipe;
  spdlog::logger logger = LoggerTo(pipe.in.get(), LogStyle::kJournal);
  logger.critical("a");
  logger.error("b");
  logger.warn("c");
  logger.info("d");
  logger.debug("e");
  EXPECT_EQ(pipe.Drain(), "<2>a\n<3>b\n<4>c\n<6>d\n<7>e\n");
}

TEST(LogSink, SpeaksToPeopleInTimesAndWords) {
  Pipe pipe;
  LoggerTo(pipe.in.get(), LogStyle::kPlain).warn("node 10.0.0.1:6379: down");
  EXPECT_THAT(pipe.Drain(),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z "
                           "warning: node 10\\.0\\.0\\.1:6379: down\n"));
  LoggerTo(pipe.in.get(), LogStyle::kColour).error("x");
  EXPECT_THAT(pipe.Drain(), EndsWith("Z \033[31merror\033[0m: x\n"));
}

TEST(LogSink, KeepsARecordInItsLine) {
  Pipe pipe;
  spdlog::logger logger = LoggerTo(pipe.in.get(), LogStyle::kJournal);
  logger.info("a\n<0>forged\r\t\033[2J\x7f ä");
  logger.info(std::string_view("nul\0here", 8));
  EXPECT_EQ(pipe.Drain(), "<6>a\\x0A<0>forged\\x0D\\x09\\x1B[2J\\x7F ä\n<6>nul\\x00here\n");
}

TEST(LogSink, EndsALongLine) {
  Pipe pipe;
  LoggerTo(pipe.in.get(), LogStyle::kJournal).info(std::string(10'000, 'x'));
  const std::string line = pipe.Drain();
  EXPECT_EQ(line.size(), LogSink::kMaxLine);
  EXPECT_THAT(line, StartsWith("<6>xxx"));
  EXPECT_THAT(line, EndsWith("xxx\n"));
}

TEST(LogSink, ShowsNothingThatDrivesATerminal) {
  Pipe pipe;
  spdlog::logger logger = LoggerTo(pipe.in.get(), LogStyle::kJournal);
  logger.info(
      "\xc2\x9b"
      "2J \xe2\x80\xae \xff");
  EXPECT_EQ(pipe.Drain(),
            "<6>\\xC2\\x9B"
            "2J \\xE2\\x80\\xAE \\xFF\n");
}

TEST(LogSink, EndsALongLineBehindAWholeCharacter) {
  for (std::size_t before = 0; before < 4; ++before) {
    Pipe pipe;
    std::string text(before, 'x');
    while (text.size() < 2 * LogSink::kMaxLine) text += "\xf0\x9f\x94\x92";
    LoggerTo(pipe.in.get(), LogStyle::kJournal).info(text);
    const std::string line = pipe.Drain();
    EXPECT_LE(line.size(), LogSink::kMaxLine);
    EXPECT_TRUE(redlock::protocol::IsUtf8(line)) << before;
  }
}

// A sink that waited would hang here.
TEST(LogSink, CountsWhatNobodyReads) {
  Pipe pipe;
  spdlog::logger logger = LoggerTo(pipe.in.get(), LogStyle::kJournal);
  const std::string line(1000, 'x');
  for (int i = 0; i < 1000; ++i) logger.info(line);
  const std::string read = pipe.Drain();
  const auto written = static_cast<std::size_t>(std::count(read.begin(), read.end(), '\n'));
  EXPECT_EQ(read.size(), written * (line.size() + 4));  // whole lines only
  EXPECT_LT(written, 1000u);

  logger.info("again");
  logger.info("and again");
  EXPECT_EQ(pipe.Drain(), "<4>" + std::to_string(1000 - written) +
                              " log lines were lost: nobody read them\n<6>again\n<6>and again\n");
}

TEST(LogSink, SurvivesAReaderThatIsGone) {
  Pipe pipe;
  pipe.out.Close();
  LoggerTo(pipe.in.get(), LogStyle::kPlain).info("a");  // or SIGPIPE ends the test
}

TEST(LogSink, LeavesItsDescriptorAsItIs) {
  Pipe pipe;
  const int before = fcntl(pipe.in.get(), F_GETFL);
  LoggerTo(pipe.in.get(), LogStyle::kPlain).info("a");
  EXPECT_EQ(fcntl(pipe.in.get(), F_GETFL), before);
}

// --- with fields ---------------------------------------------------------------------------------

class LogSinkToTheJournal : public testing::Test {
 protected:
  using Fields = test::JournalStub::Fields;

  test::TempDir dir_;
  const std::string path_ = dir_ / "socket";
  Pipe pipe_;
  LogSink sink_{pipe_.in.get(), LogStyle::kJournal, JournalSocket(path_)};
};

TEST_F(LogSinkToTheJournal, FieldsGoWithALine) {
  test::JournalStub journal(path_);
  sink_.Log(spdlog::level::warn, "lock a is lost", {{"REDLOCK_LOCK", "a"}, {"REDLOCK_UID", "0"}});
  EXPECT_EQ(journal.Next(), (Fields{{"MESSAGE", "lock a is lost"},
                                    {"PRIORITY", "4"},
                                    {"SYSLOG_IDENTIFIER", "redlockd"},
                                    {"REDLOCK_LOCK", "a"},
                                    {"REDLOCK_UID", "0"}}));
  EXPECT_EQ(pipe_.Drain(), "") << "one line, not two";
}

TEST_F(LogSinkToTheJournal, NoValueForgesAnotherField) {
  test::JournalStub journal(path_);
  sink_.Log(spdlog::level::info, "a\nPRIORITY=0", {{"REDLOCK_LOCK", "a\n_UID=0"}});
  const Fields fields = journal.Next();
  EXPECT_EQ(fields.size(), 4u);
  EXPECT_EQ(fields.at("MESSAGE"), "a\\x0APRIORITY=0");
  EXPECT_EQ(fields.at("PRIORITY"), "6");
  EXPECT_EQ(fields.at("REDLOCK_LOCK"), "a\\x0A_UID=0");
}

TEST_F(LogSinkToTheJournal, LongValuesEnd) {
  test::JournalStub journal(path_);
  sink_.Log(spdlog::level::info, std::string(10'000, 'x'), {{"A", std::string(10'000, 'y')}});
  const Fields fields = journal.Next();
  EXPECT_EQ(fields.at("MESSAGE"), std::string(LogSink::kMaxLine - 1, 'x'));
  EXPECT_EQ(fields.at("A"), std::string(LogSink::kMaxValue, 'y'));
}

TEST_F(LogSinkToTheJournal, WithoutItsSocketTheStreamGetsTheLine) {
  sink_.Log(spdlog::level::warn, "a", {{"REDLOCK_LOCK", "a"}});
  EXPECT_EQ(pipe_.Drain(), "<4>a\n");
  test::JournalStub journal(path_);
  sink_.Log(spdlog::level::warn, "b", {});
  EXPECT_EQ(journal.Next().at("MESSAGE"), "b");
}

// A sink that waited would hang here.
TEST_F(LogSinkToTheJournal, AJournalThatDoesNotReadIsNotWaitedFor) {
  test::JournalStub journal(path_);
  const std::string line(1000, 'x');
  constexpr std::size_t kLines = 1500;
  for (std::size_t i = 0; i < kLines; ++i) sink_.Log(spdlog::level::info, line, {});
  std::size_t read = 0;
  while (!journal.Next().empty()) ++read;
  const std::string streamed = pipe_.Drain();
  read += static_cast<std::size_t>(std::count(streamed.begin(), streamed.end(), '\n'));
  EXPECT_LT(read, kLines);
  sink_.Log(spdlog::level::info, "again", {});
  EXPECT_EQ(journal.Next().at("MESSAGE"),
            std::to_string(kLines - read) + " log lines were lost: nobody read them");
  EXPECT_EQ(journal.Next().at("MESSAGE"), "again");
}

// --- the style -----------------------------------------------------------------------------------

TEST(StyleFor, IsTheJournalsOnlyForItsStream) {
  Pipe pipe;
  struct stat status {};
  ASSERT_EQ(fstat(pipe.in.get(), &status), 0);
  const std::string device = std::to_string(status.st_dev);
  const std::string inode = std::to_string(status.st_ino);
  EXPECT_EQ(StyleFor(pipe.in.get(), (device + ":" + inode).c_str(), nullptr), LogStyle::kJournal);
  EXPECT_EQ(StyleFor(pipe.in.get(), (device + ":" + inode + "0").c_str(), nullptr),
            LogStyle::kPlain);
  EXPECT_EQ(StyleFor(pipe.in.get(), "", nullptr), LogStyle::kPlain);
  EXPECT_EQ(StyleFor(pipe.in.get(), nullptr, nullptr), LogStyle::kPlain);
}

TEST(StyleFor, HasColoursOnATerminalThatWantsThem) {
  int master = -1;
  int terminal = -1;
  ASSERT_EQ(openpty(&master, &terminal, nullptr, nullptr, nullptr), 0);
  const Fd master_end(master);
  const Fd terminal_end(terminal);
  EXPECT_EQ(StyleFor(terminal, nullptr, nullptr), LogStyle::kColour);
  EXPECT_EQ(StyleFor(terminal, nullptr, ""), LogStyle::kColour);
  EXPECT_EQ(StyleFor(terminal, nullptr, "1"), LogStyle::kPlain);
}

}  // namespace
}  // namespace redlockd::host

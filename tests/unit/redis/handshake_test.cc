#include "daemon/redis/handshake.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "daemon/redis/scripts.h"

namespace redlockd::redis {
namespace {

using State = Handshake::State;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kTime = "*2\r\n$1\r\n1\r\n$1\r\n2\r\n";

class HandshakeTest : public ::testing::Test {
 protected:
  State Hear(Handshake& handshake, const std::string& bytes) {
    const std::unique_ptr<redisReader, void (*)(redisReader*)> reader(redisReaderCreate(),
                                                                      redisReaderFree);
    redisReaderFeed(reader.get(), bytes.data(), bytes.size());
    void* reply = nullptr;
    EXPECT_EQ(redisReaderGetReply(reader.get(), &reply), REDIS_OK);
    out_.clear();
    const State state = handshake.Take(*static_cast<redisReply*>(reply), out_);
    freeReplyObject(reply);
    return state;
  }
  State HearScriptsLoaded(Handshake& handshake) {
    State state = State::kGoing;
    for (std::size_t i = 0; i < kScripts; ++i) {
      EXPECT_EQ(state, State::kGoing);
      state = Hear(handshake, "$1\r\nx\r\n");
    }
    return state;
  }
  static std::string Info(const std::string& run_id) {
    const std::string text =
        "run_id:" + run_id + "\r\nrole:master\r\nmaxmemory_policy:noeviction\r\nevicted_keys:0\r\n";
    return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
  }

  NodeOptions options_;
  std::string out_;
};

TEST_F(HandshakeTest, WithoutSecretsItBeginsWithTheClientsId) {
  Handshake handshake(options_, {});
  handshake.Begin(out_);
  EXPECT_EQ(out_, "*2\r\n$6\r\nCLIENT\r\n$2\r\nID\r\n*1\r\n$4\r\nTIME\r\n*1\r\n$4\r\nINFO\r\n");
  EXPECT_EQ(Hear(handshake, ":12\r\n"), State::kGoing);
  EXPECT_EQ(Hear(handshake, kTime), State::kGoing);
  EXPECT_EQ(Hear(handshake, Info("run-1")), State::kGoing);
  EXPECT_THAT(out_, HasSubstr("SCRIPT"));
  EXPECT_THAT(out_, Not(HasSubstr("KILL")));
  EXPECT_EQ(HearScriptsLoaded(handshake), State::kDone);
  EXPECT_EQ(handshake.client_id(), 12);
  EXPECT_EQ(handshake.facts().run_id, "run-1");
  EXPECT_EQ(handshake.note(), "");
}

TEST_F(HandshakeTest, APasswordAloneIsForTheDefaultUser) {
  options_.password = "secret";
  Handshake handshake(options_, {});
  handshake.Begin(out_);
  EXPECT_THAT(out_, HasSubstr("*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n"));
  EXPECT_EQ(Hear(handshake, "-ERR AUTH <password> called without any password configured\r\n"),
            State::kFailed);
  EXPECT_THAT(handshake.error(), HasSubstr("AUTH: ERR AUTH <password> called without"));
}

TEST_F(HandshakeTest, ADatabaseThatIsNotThereIsNamed) {
  options_.database = 99;
  Handshake handshake(options_, {});
  handshake.Begin(out_);
  EXPECT_EQ(Hear(handshake, "-ERR DB index is out of range\r\n"), State::kFailed);
  EXPECT_EQ(handshake.error(), "SELECT 99: ERR DB index is out of range");
}

TEST_F(HandshakeTest, KillsTheFormerConnectionOfTheSameServerOnly) {
  Handshake same(options_, {.run_id = "run-1", .client_id = 12});
  same.Begin(out_);
  Hear(same, ":13\r\n");
  Hear(same, kTime);
  Hear(same, Info("run-1"));
  EXPECT_THAT(out_, HasSubstr("$4\r\nKILL\r\n$2\r\nID\r\n$2\r\n12\r\n"));
  EXPECT_EQ(Hear(same, "-NOPERM no\r\n"), State::kGoing);
  EXPECT_EQ(HearScriptsLoaded(same), State::kDone);
  EXPECT_EQ(same.note(), "CLIENT KILL: NOPERM no");

  Handshake other(options_, {.run_id = "run-0", .client_id = 12});
  out_.clear();
  other.Begin(out_);
  Hear(other, ":13\r\n");
  Hear(other, kTime);
  Hear(other, Info("run-1"));
  EXPECT_THAT(out_, Not(HasSubstr("KILL")));
}

TEST_F(HandshakeTest, ANodeThatDoesNotTellTheIdIsLivedWith) {
  Handshake handshake(options_, {});
  handshake.Begin(out_);
  EXPECT_EQ(Hear(handshake, "-NOPERM no\r\n"), State::kGoing);
  Hear(handshake, kTime);
  Hear(handshake, Info("run-1"));
  EXPECT_EQ(HearScriptsLoaded(handshake), State::kDone);
  EXPECT_EQ(handshake.client_id(), 0);
  EXPECT_EQ(handshake.note(), "CLIENT ID: NOPERM no");
}

TEST_F(HandshakeTest, WithoutFactsThereIsNoLink) {
  Handshake handshake(options_, {});
  handshake.Begin(out_);
  Hear(handshake, ":1\r\n");
  Hear(handshake, kTime);
  EXPECT_EQ(Hear(handshake, "-NOPERM no\r\n"), State::kFailed);
  EXPECT_EQ(handshake.error(), "INFO: NOPERM no");
}

TEST_F(HandshakeTest, WithoutTheRightToTimeThereIsNoLink) {
  Handshake handshake(options_, {});
  handshake.Begin(out_);
  Hear(handshake, ":1\r\n");
  EXPECT_EQ(Hear(handshake, "-NOPERM no permissions to run the 'time' command\r\n"),
            State::kFailed);
  EXPECT_EQ(handshake.error(), "TIME: NOPERM no permissions to run the 'time' command");
}

TEST_F(HandshakeTest, ThePasswordIsReadAnewForEachConnection) {
  std::string now = "second";
  options_.password = "first";
  options_.password_now = [&now] { return now; };
  Handshake(options_, {}).Begin(out_);
  EXPECT_THAT(out_, HasSubstr("$6\r\nsecond\r\n"));
  now = "third";
  out_.clear();
  Handshake(options_, {}).Begin(out_);
  EXPECT_THAT(out_, HasSubstr("$5\r\nthird\r\n"));
}

}  // namespace
}  // namespace redlockd::redis

// What a redlock::Session can be asked besides its locks, over a real socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <redlock/redlock.hpp>
#include <thread>

#include "tests/unit/libclient/fake_daemon.h"

namespace redlock::client {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

// The Error that `call` throws, as "CODE: text"; "" if it does not.
template <typename Call>
std::string ErrorOf(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return std::to_string(error.code()) + ": " + error.what();
  }
  return "";
}

class SessionQueryTest : public testing::Test {
 protected:
  FakeDaemon daemon_;
  Session session_{daemon_.path()};
};

TEST_F(SessionQueryTest, AsksThroughTheConnectionOfItsLocks) {
  const Hold hold = session_.lock("jobs");
  const Reply reply = session_.query("echo", {{"", "a b"}, {"key", "x=y"}});
  EXPECT_THAT(reply.rows,
              ElementsAre(Fields{{"arg", "a b"}, {"key", "x=y"}, {"text", "what was sent"}}));
  EXPECT_TRUE(reply.answer.empty());
  EXPECT_TRUE(daemon_.WaitForSessions(1));
}

TEST_F(SessionQueryTest, ConnectsByItself) {
  EXPECT_EQ(session_.query("ping").answer.at(0).first, "now");
  Session other(daemon_.path());
  other.connect();
  other.connect();
  EXPECT_TRUE(daemon_.WaitForSessions(2));
}

TEST_F(SessionQueryTest, AnErrorHasTheDaemonsWords) {
  EXPECT_EQ(ErrorOf([&] { static_cast<void>(session_.query("hold")); }),
            std::to_string(REDLOCK_EUNKNOWNVERB) + ": unknown verb: try help");
  std::error_code error;
  const Reply reply = session_.query("hold", error);
  EXPECT_EQ(error, REDLOCK_EUNKNOWNVERB);
  EXPECT_EQ(reply.answer, (Fields{{"verb", "hold"}, {"text", "try help"}}));
  static_cast<void>(session_.query("ping", error));
  EXPECT_FALSE(error);
}

TEST_F(SessionQueryTest, ThereIsNoDaemon) {
  Session nowhere("/nowhere/redlockd.sock");
  const std::string expected =
      std::to_string(REDLOCK_ECONNECT) +
      ": cannot connect to the daemon: /nowhere/redlockd.sock: No such file or directory";
  EXPECT_EQ(ErrorOf([&] { static_cast<void>(nowhere.query("list")); }), expected);
  EXPECT_EQ(ErrorOf([&] { nowhere.connect(); }), expected);
  std::error_code error;
  nowhere.connect(error);
  EXPECT_EQ(error, REDLOCK_ECONNECT);
}

TEST_F(SessionQueryTest, RefusesWhatIsNoQuery) {
  using namespace std::string_literals;
  for (const char* verb : {"lock", "trylock", "cancel", "watch", "unwatch", "quit", "LOCK"}) {
    EXPECT_THAT(ErrorOf([&] {
                  static_cast<void>(session_.query(verb, {{"", "jobs"}}));
                }),
                HasSubstr(std::to_string(REDLOCK_EINVAL) + ": invalid use: '" + verb +
                          "' is no query: expected a verb like list, show or nodes"));
  }
  for (const std::string& verb : {""s, "two words"s, "nul\0l"s}) {
    EXPECT_THAT(ErrorOf([&] { static_cast<void>(session_.query(verb)); }),
                testing::StartsWith(std::to_string(REDLOCK_EINVAL) + ": "));
  }
  EXPECT_NE(ErrorOf([&] { static_cast<void>(session_.query("show", {{"", "a\0b"s}})); }), "");
  EXPECT_NE(ErrorOf([&] { static_cast<void>(session_.query("list", {}, seconds(0))); }), "");
  EXPECT_NE(ErrorOf([&] { session_.connect(seconds(-1)); }), "");
  std::error_code error;
  EXPECT_TRUE(session_.query("nul\0l"s, error).rows.empty());
  EXPECT_EQ(error, REDLOCK_EINVAL) << "without an exception";
  const std::string word(5000, 'x');
  EXPECT_THAT(ErrorOf([&] {
                static_cast<void>(session_.query("show", {{"", word}}));
              }),
              HasSubstr("request too long"));
  EXPECT_TRUE(daemon_.received().empty());
}

TEST_F(SessionQueryTest, ADaemonThatHangsKeepsNobody) {
  session_.connect();
  daemon_.Hang(true);
  const auto begin = Clock::now();
  std::error_code error;
  static_cast<void>(session_.query("list", error, {}, milliseconds(50)));
  EXPECT_EQ(error, REDLOCK_ENOANSWER);
  Session other(daemon_.path());
  other.connect(error, milliseconds(500));  // in which a slow machine connects, too
  EXPECT_EQ(error, REDLOCK_ENOANSWER);
  EXPECT_GE(Clock::now() - begin, milliseconds(550));
  EXPECT_LT(Clock::now() - begin, milliseconds(550) + kSlack);
  daemon_.Hang(false);
  EXPECT_FALSE(session_.query("ping").answer.empty());
}

TEST_F(SessionQueryTest, AStopGivesItUp) {
  std::stop_source stop;
  std::error_code error;
  std::thread waiting([&] {
    static_cast<void>(session_.query("mute", error, {}, std::chrono::hours(1), stop.get_token()));
  });
  while (daemon_.received().empty()) std::this_thread::yield();
  stop.request_stop();
  waiting.join();
  EXPECT_EQ(error, REDLOCK_ECANCELLED);
  EXPECT_THAT(
      ErrorOf([&] { static_cast<void>(session_.query("list", {}, seconds(5), stop.get_token())); }),
      HasSubstr("cancelled"));
  session_.connect(error, seconds(5), stop.get_token());
  EXPECT_EQ(error, REDLOCK_ECANCELLED);
  EXPECT_THAT(daemon_.received(), ElementsAre("mute"));
}

TEST_F(SessionQueryTest, AnEndOfTheConnectionEndsItAndItIsNotSentAgain) {
  const Hold hold = session_.lock("jobs");
  std::error_code error;
  static_cast<void>(session_.query("drop", error, {{"", "* WONDER"}}));
  EXPECT_EQ(error, REDLOCK_ECLOSED);
  static_cast<void>(session_.query("ping"));
  EXPECT_EQ(daemon_.received().size(), 3U) << "lock, drop, ping";
}

TEST_F(SessionQueryTest, ThreadsShareIt) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string word = std::to_string(1000 * t + i);
        EXPECT_EQ(session_.query("echo", {{"", word}}).rows.at(0).at(0).second, word);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(daemon_.WaitForSessions(1));
}

TEST_F(SessionQueryTest, NotInACallback) {
  std::error_code of_query;
  std::error_code of_check;
  std::atomic<bool> is_done{false};
  Hold hold;
  HoldOptions options;
  options.on_draining = [&](const Notice&) {
    static_cast<void>(session_.query("list", of_query));
    hold.check(of_check);
    is_done = true;
  };
  hold = session_.lock("jobs", options);
  daemon_.Say("* DRAINING within=2s");
  while (!is_done) std::this_thread::yield();
  EXPECT_EQ(of_query, REDLOCK_EINVAL);
  EXPECT_EQ(of_check, REDLOCK_EINVAL);
}

// --- Hold::check()

TEST_F(SessionQueryTest, AHoldCanBeChecked) {
  Hold hold = session_.lock("jobs", {.answer_timeout = seconds(10)});
  hold.check();
  EXPECT_EQ(daemon_.received().back(), "check jobs fence=1 as=1");
  EXPECT_TRUE(hold.valid());
  hold.release();
  EXPECT_THAT(ErrorOf([&] { hold.check(); }),
              HasSubstr("lock 'jobs': not held: it is released, or never granted"));
  EXPECT_EQ(ErrorOf([&] { Hold().check(); }),
            std::to_string(REDLOCK_ENOTHELD) + ": no lock is held");
}

TEST_F(SessionQueryTest, ACheckFindsALoss) {
  Hold hold = session_.lock("jobs", {.answer_timeout = seconds(10)});
  static_cast<void>(session_.query("unlock", {{"", "jobs"}, {"fence", "1"}}));
  std::error_code error;
  hold.check(error);
  EXPECT_EQ(error, REDLOCK_ELOST);
  EXPECT_FALSE(hold.valid());
  while (!hold.stop_token().stop_requested()) std::this_thread::yield();
  hold.release(error);
  EXPECT_EQ(error, REDLOCK_ELOST);
}

TEST_F(SessionQueryTest, ACheckDoesNotWaitForADaemonThatHangs) {
  Hold hold = session_.lock("jobs", {.answer_timeout = milliseconds(50)});
  daemon_.Hang(true);
  const auto begin = Clock::now();
  std::error_code error;
  hold.check(error);
  EXPECT_EQ(error, REDLOCK_ENOANSWER);
  EXPECT_LT(Clock::now() - begin, kSlack);
  EXPECT_TRUE(hold.valid());
  daemon_.Hang(false);
}

// --- The C interface, where C++ cannot go

TEST_F(SessionQueryTest, CallsFromCAreChecked) {
  EXPECT_EQ(redlock_request_new(nullptr), nullptr);
  redlock_session* session = redlock_session_new(daemon_.path().c_str());
  redlock_request* request = redlock_request_new(session);
  redlock_session_free(session);  // the request keeps the session
  redlock_reply* reply = nullptr;
  EXPECT_EQ(redlock_request_query(nullptr, "list", nullptr, 0, 1, &reply), REDLOCK_EINVAL);
  EXPECT_EQ(redlock_request_query(request, nullptr, nullptr, 0, 1, &reply), REDLOCK_EINVAL);
  EXPECT_STREQ(redlock_request_error_text(request), "invalid use: the verb is NULL");
  EXPECT_EQ(redlock_request_query(request, "echo", nullptr, 1, 1, &reply), REDLOCK_EINVAL);
  EXPECT_EQ(redlock_request_connect(nullptr, 1), REDLOCK_EINVAL);
  EXPECT_EQ(redlock_request_connect(request, 10'000'000'000), REDLOCK_OK);
  EXPECT_STREQ(redlock_request_error_text(request), "");
  EXPECT_EQ(redlock_request_query(request, "ping", nullptr, 0, 10'000'000'000, nullptr),
            REDLOCK_OK);
  EXPECT_EQ(redlock_request_query(request, "hold", nullptr, 0, 10'000'000'000, &reply),
            REDLOCK_EUNKNOWNVERB);
  ASSERT_NE(reply, nullptr);
  EXPECT_EQ(redlock_request_query(request, "drop", nullptr, 1, 1, nullptr), REDLOCK_EINVAL);
  redlock_request_cancel(request);
  EXPECT_EQ(redlock_request_connect(request, 10'000'000'000), REDLOCK_ECANCELLED);
  redlock_request_free(request);
  EXPECT_STREQ(redlock_reply_text(reply), "try help") << "it outlives the request";
  redlock_reply_free(reply);
  redlock_request_free(nullptr);
  redlock_request_cancel(nullptr);
  EXPECT_TRUE(daemon_.WaitForSessions(0));
}

TEST_F(SessionQueryTest, ARequestIsOfItsProcess) {
  redlock_session* session = redlock_session_new(daemon_.path().c_str());
  redlock_request* request = redlock_request_new(session);
  EXPECT_EQ(redlock_request_connect(request, 10'000'000'000), REDLOCK_OK);
  const pid_t child = fork();
  if (child == 0) {
    redlock_request_cancel(request);
    const int error = redlock_request_query(request, "ping", nullptr, 0, 1'000'000'000, nullptr);
    redlock_request_free(request);
    _exit(error);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), REDLOCK_EFORK);
  EXPECT_EQ(redlock_request_query(request, "ping", nullptr, 0, 10'000'000'000, nullptr),
            REDLOCK_OK);
  redlock_request_free(request);
  redlock_session_free(session);
}

}  // namespace
}  // namespace redlock::client

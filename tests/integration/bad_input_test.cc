// Bad input of every kind: it is named, and the session or at least the daemon goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;

class BadInputTest : public testing::Test {
 protected:
  World world_{1};
  LineClient client_ = world_.Connect();
};

TEST_F(BadInputTest, IsNamedAndTheSessionGoesOn) {
  using std::string;
  const struct {
    string line, answer, text;
  } kCases[] = {
      {"", "ERR bad-request", ""},
      {"   ", "ERR bad-request", ""},
      {"frobnicate", "ERR unknown-verb", ""},
      {"lockk a", "ERR unknown-verb", ""},
      {"upgrade a", "ERR unknown-verb", ""},
      {"renew a fence=1", "ERR unknown-verb", ""},
      {"\x01\x02\xff", "ERR bad-request", ""},
      {string("lock a\0b", 8), "ERR bad-request", ""},
      {"lock\ta", "ERR bad-request", ""},
      {"lock", "ERR bad-request", "NAME"},
      {"lock a b a", "ERR bad-request", "a"},
      {"lock a%", "ERR bad-request", "%"},
      {"lock a%4", "ERR bad-request", "%4"},
      {"lock a%zz", "ERR bad-request", "%zz"},
      {"lock a%00", "ERR bad-request", ""},
      {"lock a wait=", "ERR bad-request", "wait"},
      {"lock a wait=10x", "ERR bad-request", "wait"},
      {"lock a wait=-1s", "ERR bad-request", "wait"},
      {"lock a wait=1.5.s", "ERR bad-request", "wait"},
      {"lock a wait=never", "ERR bad-request", "wait"},
      {"lock a wait=99999999999999999999s", "ERR bad-request", "wait"},
      {"lock a ttl=1ms", "ERR bad-request", "ttl"},
      {"lock a ttl=3s", "ERR bad-request", "2s"},
      {"lock a ttl=0", "ERR bad-request", "ttl"},
      {"lock a max-hold=x", "ERR bad-request", "max-hold"},
      {"lock a events=all", "ERR bad-request", "events"},
      {"lock a note=" + string(256, 'n'), "ERR bad-request", "note"},
      {"lock a =x", "ERR bad-request", ""},
      {"lock a wait=1s wait=2s", "ERR bad-request", "wait"},
      {"lock a mode=both", "ERR bad-request", "mode"},
      {"lock a b mode=shared", "ERR bad-request", "mode=shared"},
      {"lock a limit=3", "ERR unknown-option", ""},
      {"lock a colour=red", "ERR unknown-option", ""},
      {"trylock a wait=1s", "ERR unknown-option", ""},
      {"lock " + string(256, 'x'), "ERR bad-name", "255"},
      {"lock redlockd:fence", "ERR bad-name", "redlockd:"},
      {"unlock", "ERR bad-request", ""},
      {"unlock a fence=x", "ERR bad-request", "fence"},
      {"unlock a fence=-1", "ERR bad-request", "fence"},
      {"unlock a fence=99999999999999999999", "ERR bad-request", "fence"},
      {"unlock a now", "ERR not-held", ""},
      {"unlock a", "ERR not-held", ""},
      {"check a", "ERR not-held", ""},
      {"cancel", "ERR bad-request", ""},
      {"cancel nobody", "ERR no-such-tag", ""},
      {"cancel a%20b", "ERR bad-request", ""},
      {"show", "ERR bad-request", ""},
      {"ping pong", "ERR bad-request", ""},
      {"list all", "ERR bad-request", ""},
      {"#", "ERR bad-request", ""},
      {"# ping", "ERR bad-request", ""},
      {"#t", "ERR bad-request", ""},
      {"#" + string(33, 't') + " ping", "ERR bad-request", ""},
      {"#t;t ping", "ERR bad-request", ""},
      {"OK", "ERR unknown-verb", ""},
      {"* LOST lock=a", "ERR bad-request", ""},
  };
  for (const auto& [line, expected, text] : kCases) {
    const Reply answer = client_.Ask(line);
    EXPECT_EQ(Brief(answer), expected) << "for '" << line << "': " << Line(answer);
    EXPECT_THAT(Line(answer), HasSubstr(text)) << "for '" << line << "'";
    EXPECT_FALSE(answer.text.empty()) << "for '" << line << "'";
    ASSERT_EQ(client_.Brief("ping"), "OK") << "after '" << line << "'";
  }
  EXPECT_EQ(GetNumber(client_.Ask("list"), "holds"), 0u);
}

TEST_F(BadInputTest, TheErrorOfATaggedLineCarriesItsTag) {
  for (const char* line : {"#t frob", "#t lock", "#t lock a%zz", "#t lock a x=1", "#t cancel t"}) {
    EXPECT_EQ(client_.Ask(line).tag, "t") << line;
  }
}

TEST_F(BadInputTest, ALongLineIsDroppedToItsEnd) {
  client_.Send("lock " + std::string(10000, 'x'));
  EXPECT_EQ(Brief(client_.Answer()), "ERR line-too-long");
  // Drop by drop, megabytes without a line end.
  for (int i = 0; i < 64; ++i) client_.SendBytes(std::string(65536, 'y'));
  EXPECT_EQ(Brief(client_.Answer()), "ERR line-too-long");
  client_.SendBytes("lock a\nping\n");
  EXPECT_EQ(Brief(client_.Answer()), "OK") << "the end of the long line is no request";
  EXPECT_EQ(GetNumber(client_.Ask("list"), "holds"), 0u);
}

TEST_F(BadInputTest, TheLongestLineIsTaken) {
  const std::string padded = "ping" + std::string(4096 - 1 - 4, ' ');
  EXPECT_EQ(client_.Brief(padded), "OK");
  EXPECT_EQ(client_.Brief(padded + ' '), "ERR line-too-long");
  // 255 bytes, each written as %XX.
  std::string name;
  for (int i = 0; i < 255; ++i) name += "%fe";
  EXPECT_EQ(client_.Brief("lock " + name), "OK");
  EXPECT_EQ(client_.Brief("unlock " + name), "OK");
}

TEST_F(BadInputTest, LineEndsAndCase) {
  client_.SendBytes("PING\r\nPiNg\nLOCK a WAIT=1s\r\n");
  EXPECT_EQ(Brief(client_.Answer()), "OK");
  EXPECT_EQ(Brief(client_.Answer()), "OK");
  EXPECT_EQ(Get(client_.Answer(), "lock"), "a");
  client_.SendBytes("  ping   \n");
  client_.Answer();  // taken or refused; what counts is that the session goes on
  EXPECT_EQ(client_.Brief("ping"), "OK");
}

TEST_F(BadInputTest, ALineMayComeInPieces) {
  for (const char byte : std::string("check nothing\n")) client_.SendBytes({&byte, 1});
  EXPECT_EQ(Brief(client_.Answer()), "ERR not-held");
}

TEST_F(BadInputTest, AnotherProtocolIsClosed) {
  for (const char* first : {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST /lock HTTP/1.0\r\n\r\n"}) {
    LineClient other = world_.Connect();
    other.SendBytes(first);
    EXPECT_EQ(Brief(other.Answer()), "ERR bad-request") << first;
    EXPECT_TRUE(other.Closed()) << first;
    EXPECT_FALSE(other.HasAnswer()) << "its other lines are not looked at";
  }
  EXPECT_EQ(client_.Brief("ping"), "OK");
}

TEST_F(BadInputTest, NoiseDoesNotHurtTheDaemon) {
  std::mt19937 random(20240229);  // the same noise each time
  const auto byte = [&] { return static_cast<char>(random() & 0xff); };
  for (int session = 0; session < 20; ++session) {
    LineClient noisy = world_.Connect();
    std::string noise;
    for (int i = 0; i < 20000; ++i) noise += i % 50 == 49 ? '\n' : byte();
    try {
      noisy.SendBytes(noise);
    } catch (const std::runtime_error&) {
      // Closed on us: allowed, e.g. if it began like another protocol.
    }
  }
  EXPECT_EQ(client_.Brief("ping"), "OK");
  EXPECT_EQ(client_.Brief("lock a"), "OK");
  EXPECT_TRUE(world_.daemon.process().Running());
}

TEST_F(BadInputTest, RepliesAsRequestsAndNothingAtAll) {
  LineClient silent = world_.Connect();
  silent.Close();
  LineClient half = world_.Connect();
  half.HalfClose();
  EXPECT_TRUE(half.Closed());
  EXPECT_EQ(client_.Brief("ping"), "OK");
}

}  // namespace
}  // namespace redlockd::test

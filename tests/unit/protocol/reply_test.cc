#include "protocol/reply.h"

#include <gtest/gtest.h>

#include "protocol/limits.h"

namespace redlock::protocol {

void PrintTo(const Reply& reply, std::ostream* os) {
  *os << "kind " << static_cast<int>(reply.kind) << " tag '" << reply.tag << "' word '"
      << reply.word << "'";
  for (const std::string& word : reply.words) *os << " '" << word << "'";
  for (const Field& field : reply.fields) *os << " " << field.key << "='" << field.value << "'";
  *os << " text '" << reply.text << "'";
}

namespace {

using Kind = Reply::Kind;

TEST(ReplyLine, WritesEachClass) {
  std::string out;
  ReplyLine::Ok(out, "")
      .Add("lock", "a b")
      .Add("fence", std::uint64_t{9007199254740991})
      .Add("ttl", std::chrono::seconds(10))
      .Add("votes", "3/5");
  ReplyLine::Ok(out, "t1");
  ReplyLine::Err(out, "t1", ErrorCode::kBusy).Add("lock", "jobs").Text("held by pid 12: wait");
  ReplyLine::Row(out, "t1")
      .Add("node", 1)
      .Add("offset", -std::chrono::milliseconds(3))
      .Text("slow");
  ReplyLine::Event(out, "HELLO").Word("redlockd").Word("1").Add("line", 4096);
  EXPECT_EQ(out,
            "OK lock=a%20b fence=9007199254740991 ttl=10s votes=3/5\n"
            "#t1 OK\n"
            "#t1 ERR busy lock=jobs :held by pid 12: wait\n"
            "#t1 - node=1 offset=-3ms :slow\n"
            "* HELLO redlockd 1 line=4096\n");
}

TEST(ReplyLine, ATextCannotBreakOutOfItsLine) {
  std::string out;
  ReplyLine::Err(out, "", ErrorCode::kDenied).Text("a\nOK lock=x\r\t\x7f\xc3\xbc");
  EXPECT_EQ(out, "ERR denied :a?OK lock=x?????\n");
}

// A value may be anybody's: `show` tells the owner value that another program has put on a node. A
// client that cannot read the line ends the connection, and loses what it holds.
TEST(ReplyLine, AValueWithANulCanBeRead) {
  std::string out;
  ReplyLine::Row(out, "").Add("owner", std::string_view("a\0b", 3));
  EXPECT_EQ(out, "- owner=a?b\n");
}

TEST(ReplyLine, KeepsToTheLineBound) {
  std::string out;
  {
    auto line = ReplyLine::Row(out, std::string(kTagBytes, 't'));
    for (int i = 0; i < 19; ++i) line.Add("key", std::string(5'000, ' '));
    line.Text(std::string(5'000, 'x'));
  }
  EXPECT_LE(out.size(), kReplyLineBytes);
  const auto parsed = ParseReply(std::string_view(out).substr(0, out.size() - 1));
  const Reply& reply = std::get<Reply>(parsed);
  EXPECT_EQ(reply.fields[18].value, std::string(kValueBytes, ' '));
  EXPECT_EQ(reply.text, std::string(kTextBytes, 'x'));
}

TEST(ParseReply, TakesALineApart) {
  const struct {
    const char* line;
    Reply reply;
  } kCases[] = {
      {"OK", {Kind::kOk, "", "", {}, {}, ""}},
      {"#a OK lock=a%20b fence=7", {Kind::kOk, "a", "", {}, {{"lock", "a b"}, {"fence", "7"}}, ""}},
      {"ERR busy lock=x :held  by: pid 3",
       {Kind::kErr, "", "busy", {}, {{"lock", "x"}}, "held  by: pid 3"}},
      {"ERR busy", {Kind::kErr, "", "busy", {}, {}, ""}},
      {"ERR busy :", {Kind::kErr, "", "busy", {}, {}, ""}},
      {"#a - verb=ping :ping", {Kind::kRow, "a", "", {}, {{"verb", "ping"}}, "ping"}},
      {"- x=", {Kind::kRow, "", "", {}, {{"x", ""}}, ""}},
      {"* HELLO redlockd 1 line=4096",
       {Kind::kEvent, "", "HELLO", {"redlockd", "1"}, {{"line", "4096"}}, ""}},
      {"* DRAINING within=5s", {Kind::kEvent, "", "DRAINING", {}, {{"within", "5s"}}, ""}},
  };
  for (const auto& c : kCases) {
    const auto parsed = ParseReply(c.line);
    ASSERT_TRUE(std::holds_alternative<Reply>(parsed)) << std::get<std::string>(parsed);
    EXPECT_EQ(std::get<Reply>(parsed), c.reply) << c.line;
  }
}

TEST(ParseReply, SaysWhatIsWrong) {
  const struct {
    const char* line;
    const char* problem;
  } kCases[] = {
      {"", "'': expected OK, ERR, - or *"},
      {"ok", "'ok': expected OK, ERR, - or *"},
      {"HTTP/1.1 400 Bad Request", "'HTTP/1.1': expected OK, ERR, - or *"},
      {"#a", "'': expected OK, ERR, - or *"},
      {"#! OK", "'#!' is not a tag"},
      {"ERR", "'ERR' without a word after it"},
      {"* ", "'*' without a word after it"},
      {"OK a=%4",
       "'%4' at byte 1: expected two hexadecimal digits after '%' (a '%' itself is %25)"},
  };
  for (const auto& c : kCases) {
    const auto parsed = ParseReply(c.line);
    ASSERT_TRUE(std::holds_alternative<std::string>(parsed)) << c.line;
    EXPECT_EQ(std::get<std::string>(parsed), c.problem);
  }
}

TEST(Reply, FindsAFieldByItsKey) {
  const Reply reply = std::get<Reply>(ParseReply("OK a=1 b=2"));
  ASSERT_NE(reply.Find("b"), nullptr);
  EXPECT_EQ(*reply.Find("b"), "2");
  EXPECT_EQ(reply.Find("c"), nullptr);
}

}  // namespace
}  // namespace redlock::protocol

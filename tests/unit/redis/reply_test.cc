#include "daemon/redis/reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace redlockd::redis {
namespace {

using namespace std::chrono_literals;
using engine::NodeAnswer;
using engine::NodeFacts;
using engine::Verdict;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

// As it comes from a node.
Reply Read(const std::string& bytes) {
  const std::unique_ptr<redisReader, void (*)(redisReader*)> reader(redisReaderCreate(),
                                                                    redisReaderFree);
  redisReaderFeed(reader.get(), bytes.data(), bytes.size());
  void* reply = nullptr;
  EXPECT_EQ(redisReaderGetReply(reader.get(), &reply), REDIS_OK);
  EXPECT_NE(reply, nullptr) << bytes;
  return Reply(static_cast<redisReply*>(reply));
}

std::string Bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

const std::string kNobody = ":0\r\n";  // greatest: nobody else wants it

const std::string kInfo =
    "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n# Memory\r\nmaxmemory_policy:noeviction\r\n"
    "# Stats\r\nevicted_keys:12\r\n# Replication\r\nrole:master\r\n# Cluster\r\n"
    "cluster_enabled:0\r\n";

std::string BatchReply(const std::string& letters, const std::string& greatest = "0") {
  return "*6\r\n" + Bulk("ok") + ":1763931234567890\r\n:0\r\n:0\r\n" + Bulk(letters) + ":" +
         greatest + "\r\n";
}

TEST(ReplyTest, ReadsEveryVerdict) {
  const std::pair<std::string, Verdict> verdicts[] = {
      {"ok", Verdict::kOk},
      {"busy", Verdict::kBusy},
      {"not-turn", Verdict::kNotTurn},
      {"turn", Verdict::kTurn},
      {"not-owner", Verdict::kNotOwner},
      {"passed", Verdict::kPassed},
      {"skew", Verdict::kSkew},
      {"amnesia", Verdict::kAmnesia},
      {"quarantine", Verdict::kQuarantine},
      {"settings", Verdict::kSettings},
  };
  for (const auto& [word, verdict] : verdicts) {
    const auto answer = ParseAnswer(*Read(
        "*6\r\n" + Bulk(word) + ":1763931234567890\r\n:7\r\n:1500\r\n" + Bulk("why") + ":9\r\n"));
    EXPECT_EQ(answer.verdict, verdict) << word;
    EXPECT_EQ(answer.node_time, 1763931234567890);
    EXPECT_EQ(answer.fence, 7);
    EXPECT_EQ(answer.left, 1500us);
    EXPECT_EQ(answer.text, "why");
    EXPECT_EQ(answer.greatest, 9);
    EXPECT_EQ(answer.place, 0u);
  }
}

TEST(ReplyTest, AnAcquiresAnswerHasItsPlaceInTheQueue) {  // rule E8.2
  const auto place_of = [](const std::string& place) {
    return ParseAnswer(
               *Read("*7\r\n" + Bulk("busy") + ":1\r\n:0\r\n:0\r\n" + Bulk("") + kNobody + place))
        .place;
  };
  EXPECT_EQ(place_of(":3\r\n"), 3u);
  EXPECT_EQ(place_of(":0\r\n"), 0u);
  EXPECT_EQ(place_of(":9007199254740992\r\n"), 1'000'000u) << "further back than anybody stands";
  for (const std::string odd : {":-1\r\n", "$1\r\n3\r\n", "$-1\r\n"}) {
    EXPECT_EQ(place_of(odd), 0u) << odd;
  }
}

TEST(ReplyTest, EachOpOfABatchHasItsOwnLetter) {
  const auto answers = ParseAnswers(*Read(BatchReply("oOnN", "9")), ReplyForm::kLetters, 4);
  const std::pair<Verdict, engine::Stamp> expected[] = {
      {Verdict::kOk, 0}, {Verdict::kOk, 9}, {Verdict::kNotOwner, 0}, {Verdict::kNotOwner, 9}};
  ASSERT_EQ(answers.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(answers[i].verdict, expected[i].first) << i;
    EXPECT_EQ(answers[i].greatest, expected[i].second) << i;
    EXPECT_EQ(answers[i].wanted, expected[i].second != 0) << i;
    EXPECT_EQ(answers[i].node_time, i == 0 ? 1763931234567890 : 0) << "one reading of its clock";
    EXPECT_EQ(answers[i].text, "");
  }
}

TEST(ReplyTest, OneOfABatchMayHaveBeenBroken) {  // rule I4
  const auto answers = ParseAnswers(*Read(BatchReply("kn")), ReplyForm::kLetters, 2);
  for (const NodeAnswer& answer : answers) EXPECT_EQ(answer.verdict, Verdict::kNotOwner);
  EXPECT_TRUE(answers[0].broken);
  EXPECT_FALSE(answers[1].broken);
}

TEST(ReplyTest, OneOfABatchMayNotHaveBeenWritten) {
  const auto answers = ParseAnswers(*Read(BatchReply("eo")), ReplyForm::kLetters, 2);
  EXPECT_EQ(answers[0].verdict, Verdict::kError);
  EXPECT_EQ(answers[0].text, "the node could not write the renewal");
  EXPECT_EQ(answers[1].verdict, Verdict::kOk);
}

TEST(ReplyTest, ABatchThatIsWantedMayNameNoStamp) {
  const auto answers = ParseAnswers(*Read(BatchReply("oO")), ReplyForm::kLetters, 2);
  EXPECT_FALSE(answers[0].wanted);
  EXPECT_TRUE(answers[1].wanted);
  EXPECT_EQ(answers[1].greatest, 0);
}

TEST(ReplyTest, ARefusalIsTheAnswerToEachOpOfABatch) {
  const auto reply =
      Read("*6\r\n" + Bulk("settings") + ":1\r\n:0\r\n:0\r\n" + Bulk("OO") + kNobody);
  for (const ReplyForm form : {ReplyForm::kLetters, ReplyForm::kRows}) {
    for (const NodeAnswer& answer : ParseAnswers(*reply, form, 2)) {
      EXPECT_EQ(answer.verdict, Verdict::kSettings);
      EXPECT_EQ(answer.text, "OO");
      EXPECT_FALSE(answer.wanted) << "the text of a refusal has no letters";
    }
  }
}

TEST(ReplyTest, AnErrorIsTheAnswerToEachOpOfABatch) {
  for (const ReplyForm form : {ReplyForm::kLetters, ReplyForm::kRows}) {
    const auto answers = ParseAnswers(*Read("-NOPERM no\r\n"), form, 2);
    ASSERT_EQ(answers.size(), 2u);
    for (const NodeAnswer& answer : answers) EXPECT_EQ(answer.text, "NOPERM no");
  }
}

TEST(ReplyTest, LettersThatAreNotThoseOfTheBatchAreAnError) {
  for (const std::string letters : {"", "o", "ooo", "ow", "o "}) {
    const auto answer = ParseAnswers(*Read(BatchReply(letters)), ReplyForm::kLetters, 2)[1];
    EXPECT_EQ(answer.verdict, Verdict::kError) << letters;
    EXPECT_EQ(answer.text, "expected o, O, n, N or k for each of 2 locks, got '" + letters + "'");
  }
}

std::string Row(const std::string& verdict, const std::string& text, int greatest = 0,
                int place = 0) {
  return Bulk(verdict) + ":7\r\n:1500\r\n" + Bulk(text) + ":" + std::to_string(greatest) +
         "\r\n:" + std::to_string(place) + "\r\n";
}

TEST(ReplyTest, EachOpOfABatchHasItsOwnRow) {  // rule C16
  const auto reply = Read("*20\r\n" + Bulk("ok") + ":1763931234567890\r\n" +
                          Row("error", "@user_script: 12: -OOM command not allowed") +
                          Row("busy", "me:1:h", 0, 5) + Row("ok", "", 9, 1));
  const auto answers = ParseAnswers(*reply, ReplyForm::kRows, 3);
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0].verdict, Verdict::kError);
  EXPECT_EQ(answers[0].text, "OOM command not allowed");
  EXPECT_EQ(answers[0].fence, 0) << "an error has no values";
  EXPECT_EQ(answers[0].node_time, 0);
  EXPECT_EQ(answers[1].verdict, Verdict::kBusy);
  EXPECT_EQ(answers[1].text, "me:1:h");
  EXPECT_EQ(answers[1].fence, 7);
  EXPECT_EQ(answers[1].left, 1500us);
  EXPECT_EQ(answers[1].place, 5u);
  EXPECT_EQ(answers[1].node_time, 1763931234567890) << "with the first that is no error";
  EXPECT_EQ(answers[2].verdict, Verdict::kOk);
  EXPECT_EQ(answers[2].greatest, 9);
  EXPECT_EQ(answers[2].place, 1u);
  EXPECT_EQ(answers[2].node_time, 0) << "one reading of its clock";
}

TEST(ReplyTest, ARowThatIsNoneIsAnErrorOfItsLockAlone) {
  for (const std::string& bad :
       {Row("what", ""), Bulk("ok") + ":-1\r\n:0\r\n" + Bulk("") + ":0\r\n:0\r\n",
        Bulk("ok") + ":1\r\n:0\r\n:0\r\n:0\r\n:0\r\n"}) {
    const auto answers = ParseAnswers(
        *Read("*14\r\n" + Bulk("ok") + ":1\r\n" + bad + Row("ok", "")), ReplyForm::kRows, 2);
    EXPECT_EQ(answers[0].verdict, Verdict::kError);
    EXPECT_EQ(answers[0].text,
              "expected {ok, TIME} and a row for each lock from a script, got an array of 14 with "
              "other contents");
    EXPECT_EQ(answers[1].verdict, Verdict::kOk);
  }
}

TEST(ReplyTest, RowsThatAreNotThoseOfTheBatchAreAnError) {
  for (const std::string& bad : {
           "*8\r\n" + Bulk("ok") + ":1\r\n" + Row("ok", ""),  // of one
           "*14\r\n" + Bulk("busy") + ":1\r\n" + Row("ok", "") + Row("ok", ""),
           "*14\r\n" + Bulk("ok") + ":0\r\n" + Row("ok", "") + Row("ok", ""),
           "*6\r\n" + Bulk("ok") + ":1\r\n:1\r\n:0\r\n" + Bulk("") + kNobody,  // of no batch
           std::string("+OK\r\n"),
       }) {
    const auto answers = ParseAnswers(*Read(bad), ReplyForm::kRows, 2);
    ASSERT_EQ(answers.size(), 2u);
    for (const NodeAnswer& answer : answers) EXPECT_EQ(answer.verdict, Verdict::kError) << bad;
  }
}

NodeAnswer AnswerOfClaim(const std::string& rows, std::size_t names) {
  const auto answers = ParseAnswers(*Read("*" + std::to_string(2 + 6 * names) + "\r\n" +
                                          Bulk("ok") + ":1763931234567890\r\n" + rows),
                                    ReplyForm::kNames, names);
  EXPECT_EQ(answers.size(), 1u) << "there is one op";
  return answers.at(0);
}

// Rule G1.
TEST(ClaimsReplyTest, OneThatIsGrantedHasAFenceForEachName) {
  const auto answer = AnswerOfClaim(Row("ok", "", 3, 2) + Row("ok", "", 9, 1), 2);
  EXPECT_EQ(answer.verdict, Verdict::kOk);
  EXPECT_EQ(answer.node_time, 1763931234567890);
  EXPECT_EQ(answer.fence, 7);
  EXPECT_EQ(answer.greatest, 9) << "of all its names";
  EXPECT_EQ(answer.place, 2u);
  EXPECT_EQ(answer.which, 0u);
  ASSERT_EQ(answer.names.size(), 2u);
  EXPECT_EQ(answer.names[0].greatest, 3) << "and of each";
  EXPECT_EQ(answer.names[1].fence, 7);
  for (const NodeAnswer& name : answer.names) EXPECT_EQ(name.node_time, 0) << "one reading";
}

// Rule G6.
TEST(ClaimsReplyTest, OneThatIsRefusedIsAnsweredAsTheFirstNameThatMayNotBeHad) {
  const auto answer = AnswerOfClaim(
      Row("turn", "", 5) + Row("busy", "o:1:h", 0, 3) + Row("not-turn", "other", 8, 1), 3);
  EXPECT_EQ(answer.verdict, Verdict::kBusy);
  EXPECT_EQ(answer.which, 1u);
  EXPECT_EQ(answer.text, "o:1:h");
  EXPECT_EQ(answer.left, 1500us);
  EXPECT_EQ(answer.greatest, 8);
  EXPECT_EQ(answer.place, 3u);
  EXPECT_EQ(answer.names[2].text, "other");
}

TEST(ClaimsReplyTest, AnErrorOfOneNameIsTheClaims) {
  const auto answer =
      AnswerOfClaim(Row("turn", "", 5, 1) + Row("error", "user_script:12: no number"), 2);
  EXPECT_EQ(answer.verdict, Verdict::kError);
  EXPECT_EQ(answer.which, 1u);
  EXPECT_EQ(answer.text, "no number");
  EXPECT_EQ(answer.node_time, 0) << "an error has no values";
  EXPECT_EQ(answer.greatest, 0);
  EXPECT_EQ(answer.names[0].verdict, Verdict::kTurn);
}

TEST(ClaimsReplyTest, AStandMayTakeAll) {
  EXPECT_EQ(AnswerOfClaim(Row("turn", "") + Row("turn", ""), 2).verdict, Verdict::kTurn);
}

TEST(ClaimsReplyTest, PartOfAClaimIsAnError) {
  for (const char* other : {"turn", "busy", "error"}) {
    const auto answer = AnswerOfClaim(Row("ok", "") + Row(other, ""), 2);
    EXPECT_EQ(answer.verdict, Verdict::kError) << other;
    EXPECT_EQ(answer.text, "expected all locks of a claim to be taken, or none; 1 of 2 were");
    EXPECT_TRUE(answer.names.empty());
  }
}

TEST(ClaimsReplyTest, WhatIsAboutTheCallSaysNothingOfNames) {
  for (const std::string& reply :
       {"*6\r\n" + Bulk("quarantine") + ":1\r\n:0\r\n:1500\r\n" + Bulk("") + kNobody,
        std::string("-NOPERM no\r\n"), std::string("+OK\r\n"),
        "*8\r\n" + Bulk("ok") + ":1\r\n" + Row("ok", "")}) {  // of one name
    const auto answers = ParseAnswers(*Read(reply), ReplyForm::kNames, 2);
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_NE(answers[0].verdict, Verdict::kOk) << reply;
    EXPECT_TRUE(answers[0].names.empty());
  }
}

TEST(ReplyTest, AKeyWithoutATtlIsLeftForVeryLong) {
  const auto answer =
      ParseAnswer(*Read("*6\r\n" + Bulk("busy") + ":1\r\n:0\r\n:-1\r\n" + Bulk("") + kNobody));
  EXPECT_EQ(answer.left, kNoExpiry);
  const auto longer = ParseAnswer(
      *Read("*6\r\n" + Bulk("busy") + ":1\r\n:0\r\n:9007199254740992\r\n" + Bulk("") + kNobody));
  EXPECT_EQ(longer.left, kNoExpiry) << "no overflow";
}

TEST(ReplyTest, AnErrorKeepsItsText) {
  const auto answer =
      ParseAnswer(*Read("-READONLY You can't write against a read only replica.\r\n"));
  EXPECT_EQ(answer.verdict, Verdict::kError);
  EXPECT_EQ(answer.text, "READONLY You can't write against a read only replica.");
  EXPECT_EQ(answer.node_time, 0);
}

TEST(ReplyTest, AnErrorInAScriptOfRedis6IsWhatItsCommandMet) {
  EXPECT_EQ(ParseAnswer(*Read("-ERR Error running script (call to f_0123): @user_script:7: "
                              "@user_script: 7: -OOM command not allowed.\r\n"))
                .text,
            "OOM command not allowed.");
  for (const std::string text : {"ERR x: @user_script: OOM", "ERR @user_script: 7", "ERR no"}) {
    EXPECT_EQ(ParseAnswer(*Read("-" + text + "\r\n")).text, text);
  }
}

TEST(ReplyTest, WhatIsNoAnswerIsAnErrorThatSaysWhatWasExpected) {
  const std::string malformed[] = {
      "$-1\r\n",
      "*-1\r\n",
      "*0\r\n",
      ":1\r\n",
      "+OK\r\n",
      Bulk("ok"),
      "*4\r\n" + Bulk("ok") + ":1\r\n:1\r\n:1\r\n",
      "*6\r\n" + Bulk("fine") + ":1\r\n:1\r\n:1\r\n" + Bulk("") + kNobody,
      "*6\r\n" + Bulk("ok") + ":0\r\n:1\r\n:1\r\n" + Bulk("") + kNobody,
      "*6\r\n" + Bulk("ok") + ":-1\r\n:1\r\n:1\r\n" + Bulk("") + kNobody,
      "*6\r\n" + Bulk("ok") + ":1\r\n:-1\r\n:1\r\n" + Bulk("") + kNobody,
      "*6\r\n" + Bulk("ok") + ":1\r\n:9223372036854775807\r\n:1\r\n" + Bulk("") + kNobody,
      "*6\r\n" + Bulk("ok") + ":1\r\n" + Bulk("1") + ":1\r\n" + Bulk("") + kNobody,
      "*6\r\n" + Bulk("ok") + ":1\r\n:1\r\n:-9\r\n" + Bulk("") + kNobody,
      "*6\r\n" + Bulk("ok") + ":1\r\n:1\r\n:1\r\n$-1\r\n" + kNobody,
      "*6\r\n*0\r\n:1\r\n:1\r\n:1\r\n" + Bulk("") + kNobody,
      "*5\r\n" + Bulk("ok") + ":1\r\n:1\r\n:1\r\n" + Bulk(""),
      "*6\r\n" + Bulk("ok") + ":1\r\n:1\r\n:1\r\n" + Bulk("") + ":-1\r\n",
      "*6\r\n" + Bulk("ok") + ":1\r\n:1\r\n:1\r\n" + Bulk("") + ":9223372036854775807\r\n",
  };
  for (const std::string& bytes : malformed) {
    const auto answer = ParseAnswer(*Read(bytes));
    EXPECT_EQ(answer.verdict, Verdict::kError) << bytes;
    EXPECT_THAT(answer.text,
                StartsWith("expected {verdict, TIME, fence, left, text, greatest, ...}"))
        << bytes;
  }
}

TEST(ReplyTest, TextsAreCutAndBinary) {
  const std::string text("a\0b", 3);
  const std::string front = "*6\r\n" + Bulk("busy") + ":1\r\n:0\r\n:1\r\n";
  EXPECT_EQ(ParseAnswer(*Read(front + Bulk(text) + kNobody)).text, text);
  EXPECT_EQ(ParseAnswer(*Read(front + Bulk(std::string(5000, 'x')) + kNobody)).text.size(), 512u);
}

TEST(ReplyTest, KnowsAnUnknownScript) {
  EXPECT_TRUE(IsNoScript(*Read("-NOSCRIPT No matching script. Please use EVAL.\r\n")));
  EXPECT_FALSE(IsNoScript(*Read("-ERR no\r\n")));
  EXPECT_FALSE(IsNoScript(*Read("+NOSCRIPT\r\n")));
}

TEST(FactsTest, ReadsInfo) {
  const auto got = ParseFacts(*Read(Bulk(kInfo)));
  ASSERT_TRUE(std::holds_alternative<NodeFacts>(got)) << std::get<std::string>(got);
  const auto& facts = std::get<NodeFacts>(got);
  EXPECT_EQ(facts.run_id, "abc");
  EXPECT_EQ(facts.version, "7.0.15");
  EXPECT_TRUE(facts.master);
  EXPECT_FALSE(facts.cluster);
  EXPECT_EQ(facts.maxmemory_policy, "noeviction");
  EXPECT_EQ(facts.evicted_keys, 12u);
}

TEST(FactsTest, EvictionsThatAreNoNumberAreNotZero) {
  for (const std::string number : {"", "-1", "12x", "18446744073709551616"}) {
    std::string info = kInfo;
    info.replace(info.find(":12\r") + 1, 2, number);
    EXPECT_EQ(std::get<std::string>(ParseFacts(*Read(Bulk(info)))),
              "INFO: evicted_keys is not a number: " + number);
  }
}

TEST(FactsTest, SeesAReplicaAndACluster) {
  std::string info = kInfo;
  info.replace(info.find("role:master"), 11, "role:slave");
  info.replace(info.find("enabled:0"), 9, "enabled:1");
  const auto got = ParseFacts(*Read(Bulk(info)));
  EXPECT_FALSE(std::get<NodeFacts>(got).master);
  EXPECT_TRUE(std::get<NodeFacts>(got).cluster);
}

TEST(FactsTest, SaysWhatIsMissing) {
  const auto error = [](const std::string& bytes) {
    const auto got = ParseFacts(*Read(bytes));
    return std::holds_alternative<std::string>(got) ? std::get<std::string>(got) : "none";
  };
  EXPECT_EQ(error(Bulk("")), "INFO: no run_id in it");
  EXPECT_EQ(error(Bulk("\nrun_id:\n:\n")), "INFO: no run_id in it");
  EXPECT_THAT(error(Bulk("run_id:x")), StartsWith("INFO: no role"));
  EXPECT_THAT(error("-NOPERM this user has no permissions\r\n"), HasSubstr("NOPERM"));
  EXPECT_EQ(error(":1\r\n"), "INFO: integer 1");
  std::string info = kInfo;
  info.replace(info.find("keys:12"), 7, "keys:-2");
  EXPECT_THAT(error(Bulk(info)), HasSubstr("evicted_keys is not a number"));
}

TEST(ProbeTest, PutsFactsAndSentinelTogether) {
  const std::string six = Bulk("amnesia") + ":1\r\n:0\r\n:3000000\r\n" + Bulk("") + kNobody;
  const std::string seven = Bulk("id") + Bulk("set") + Bulk("OOM") + Bulk("PUBLISH") + ":7\r\n" +
                            Bulk("used") + Bulk("a=run-1=5 nonsense b=run-2=17 =");
  const std::string introduction = "*13\r\n" + six + seven;
  auto answer = ParseProbe(*Read(Bulk(kInfo)), *Read(introduction));
  EXPECT_EQ(answer.verdict, Verdict::kAmnesia);
  EXPECT_EQ(answer.left, 3s);
  EXPECT_EQ(answer.facts->run_id, "abc");
  EXPECT_EQ(answer.facts->node_id, "id");
  EXPECT_EQ(answer.facts->set, "set");
  EXPECT_EQ(answer.facts->refuses, "OOM");
  EXPECT_EQ(answer.facts->note, "PUBLISH");
  EXPECT_EQ(answer.facts->count, 7);
  EXPECT_EQ(answer.facts->memory, NodeFacts::Memory::kUsed);
  EXPECT_THAT(answer.facts->others, testing::ElementsAre(NodeFacts::Other{"a", "run-1", 5},
                                                         NodeFacts::Other{"b", "run-2", 17}));
  answer = ParseProbe(*Read(Bulk(kInfo)), *Read("*8\r\n" + six + Bulk("id") + Bulk("set")));
  EXPECT_EQ(answer.verdict, Verdict::kError);
  answer = ParseProbe(*Read(Bulk(kInfo)), *Read("*6\r\n" + six));
  EXPECT_EQ(answer.verdict, Verdict::kError);
  answer = ParseProbe(*Read("-LOADING\r\n"), *Read(introduction));
  EXPECT_EQ(answer.verdict, Verdict::kError);
  EXPECT_EQ(answer.text, "INFO: LOADING");
}

}  // namespace
}  // namespace redlockd::redis

// Completion of lock names in bash: names are other users' bytes, and the shell may be root's.
#include "tests/unit/libclient/cli_completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "protocol/name.h"
#include "tests/unit/libclient/cli_fake_daemon.h"

namespace redlockd::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

// Stands in for the package bash-completion, of which it has what redlock.bash uses, and completes
// "$@", whose last word is under the cursor. Prints what is offered, and what the shell would make
// of that as a word of a command: each ended by a NUL byte.
constexpr char kHarness[] = R"bash(
_init_completion() {
  words=("${line[@]}") cword=$((${#line[@]} - 1))
  cur=${words[cword]} prev=${words[cword - 1]}
}
__ltrim_colon_completions() { :; }
_command_offset() { COMPREPLY=("command at $1"); }
_filedir() { COMPREPLY=(a-file); }
line=("${@:2}")
PATH=${REDLOCK%/*}:$PATH
source "$1"
COMPREPLY=()
_redlock
for offered in "${COMPREPLY[@]}"; do
  printf '%s\0' "$offered"
  eval "word=($offered)"
  printf '%s\0' "${word[@]}"
done
)bash";

class BashCompletion : public testing::Test {
 protected:
  Process Start(std::vector<std::string> line) {
    std::vector<std::string> argv{"bash", "-c", kHarness, "bash",
                                  REDLOCKD_TEST_COMPLETIONS "/redlock.bash"};
    line.insert(line.begin(), "redlock");
    argv.insert(argv.end(), line.begin(), line.end());
    return Process(argv, {.env = {{"REDLOCK", REDLOCKD_TEST_REDLOCK},
                                  {"REDLOCK_SOCKET", daemon_.socket()},
                                  {"LC_ALL", "C.UTF-8"}}});
  }

  // What is offered for the line where these locks are held, as words of a command.
  std::vector<std::string> Offered(const std::vector<std::string>& locks,
                                   std::vector<std::string> line) {
    Process bash = Start(std::move(line));
    FakeSession session = daemon_.Accept();
    const auto request = session.Read();
    for (const std::string& lock : locks) {
      session.Answer(request,
                     "- lock=" + redlock::protocol::PercentEncode(lock) + " state=held pid=1");
    }
    session.Answer(request, "OK holds=1 waits=0");
    const std::vector<std::string> parts = Split(bash.ReadToEnd(), '\0');
    std::vector<std::string> words;
    for (std::size_t i = 1; i < parts.size(); i += 2) words.push_back(parts[i]);
    EXPECT_EQ(parts.size(), 2 * words.size()) << "an offer is not one word";
    return words;
  }

  FakeDaemon daemon_;
};

TEST_F(BashCompletion, ANameIsAWordWhateverItHolds) {
  const std::string canary = daemon_ / "canary";
  const std::vector<std::string> names = {"$(touch${IFS}" + canary + ")",
                                          "`touch " + canary + "`",
                                          "a; touch " + canary,
                                          "a b",
                                          "*",
                                          "~root",
                                          "{a,b}",
                                          "it's",
                                          "say \"x\"",
                                          "a!b",
                                          "#c",
                                          "back\\slash",
                                          "a$HOME",
                                          "<(touch " + canary + ")",
                                          "a&b|c>d",
                                          "gr\xc3\xbc\xc3\x9f",
                                          "1"};
  EXPECT_THAT(Offered(names, {"show", ""}), UnorderedElementsAreArray(names));
  EXPECT_THAT(Offered(names, {"run", ""}), UnorderedElementsAreArray(names));
  EXPECT_FALSE(std::filesystem::exists(canary));
}

TEST_F(BashCompletion, OffersWhatBeginsWithTheWord) {
  const std::vector<std::string> names = {"job-1", "job 2", "other", "$(x)", "$HOME"};
  EXPECT_THAT(Offered(names, {"show", "jo"}), UnorderedElementsAreArray({"job-1", "job 2"}));
  EXPECT_THAT(Offered(names, {"show", "job\\ "}), ElementsAre("job 2"));  // as it was completed
  EXPECT_THAT(Offered(names, {"show", "\\$\\("}), ElementsAre("$(x)"));
  EXPECT_THAT(Offered(names, {"show", "*"}), IsEmpty());
  EXPECT_THAT(Offered(names, {"run", "-n", "-w", "5", "o"}), ElementsAre("other"));
  EXPECT_THAT(Offered(names, {"watch", "other", "j"}),
              UnorderedElementsAreArray({"job-1", "job 2"}));
  EXPECT_THAT(Offered(names, {"break", "--fence", "7", "o"}), ElementsAre("other"));
}

TEST_F(BashCompletion, LeavesOutWhatATerminalOrTheCommandWouldTakeForSomethingElse) {
  const std::vector<std::string> names = NamesToLeaveOut();
  EXPECT_THAT(Offered(names, {"show", ""}), ElementsAre("good"));
  EXPECT_THAT(Offered(names, {"show", "--", ""}), UnorderedElementsAreArray({"-x", "good"}));
}

TEST_F(BashCompletion, OffersNothingAfterAnOpeningQuote) {
  for (const char* word : {"'", "\"", "'a", "a\"b"}) {
    Process bash = Start({"show", word});
    EXPECT_EQ(bash.ReadToEnd(), "") << word;
  }
}

TEST_F(BashCompletion, TheCommandOfRunIsCompletedByItsOwnRules) {
  for (const std::vector<std::string>& line :
       {std::vector<std::string>{"run", "job", ""}, {"run", "job", "--", ""}}) {
    Process bash = Start(line);
    const auto parts = Split(bash.ReadToEnd(), '\0');
    ASSERT_FALSE(parts.empty());
    EXPECT_EQ(parts[0], "command at " + std::to_string(line.size()));
  }
}

}  // namespace
}  // namespace redlockd::test

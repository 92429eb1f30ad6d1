// What zsh and fish make of a line, each run as it is, and that all shells know all options.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "libclient/cli/usage.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/unit/libclient/cli_completion.h"

namespace redlockd::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using testing::UnorderedElementsAreArray;

// Each is called with a directory where the completions are and a line that ends at the cursor. It
// prints what is offered, unquoted: each ended by a NUL byte.

// Stands in for the package bash-completion.
constexpr char kBash[] = R"bash(
_init_completion() {
  words=($line)
  [[ $line != *' ' ]] || words+=('')
  cword=$((${#words[@]} - 1))
  cur=${words[cword]} prev=${words[cword - 1]}
}
line=$2
source "$1/redlock.bash"
_redlock
printf '%s\0' "${COMPREPLY[@]}"
)bash";

constexpr char kFish[] = R"fish(
source $argv[1]/redlock.fish
for offered in (complete --do-complete $argv[2])
    printf '%s\0' (string split -- \t $offered)[1]
end
)fish";

// Types the line into a shell in a terminal of its own, has all that is offered put on the command
// line, and reads that as a command's words.
constexpr char kZsh[] = R"zsh(
zmodload zsh/zpty
mkdir $1/functions && ln -s $1/redlock.zsh $1/functions/_redlock
zpty shell 'TERM=dumb zsh -f -i'
setup=(
  "stty -echo; unset zle_bracketed_paste; PS1=; fpath=(${(q)1}/functions \$fpath)"
  'autoload -Uz compinit; compinit -D -u; setopt no_beep'
  'zstyle ":completion:*" completer _all_matches _complete; zstyle ":completion:*" insert yes'
  "keep() { print -rn -- \$BUFFER >${(q)1}/line; print KE''PT; zle .kill-whole-line }"
  'zle -N keep; bindkey "^I" complete-word; bindkey "^T" keep; print REA""DY'
)
for line in $setup; do zpty -w shell $line; done
zpty -r -m shell seen '*READY*'
zpty -w -n shell $2$'\t\x14'
zpty -r -m shell seen '*KEPT*'
zpty -d shell
typed=(${(z)2})
[[ $2 == *' ' ]] && typed+=('')
line=$(<$1/line)
for offered in ${(Q)${(z)line}[${#typed},-1]}; do
  [[ $offered == $typed[-1] ]] || print -rn -- $offered$'\0'
done
)zsh";

struct Shell {
  std::string name;
  std::vector<std::string> argv;
};

void PrintTo(const Shell& shell, std::ostream* out) { *out << shell.name; }

class Completion : public testing::TestWithParam<Shell> {
 protected:
  Completion() {
    for (const std::string suffix : {"bash", "zsh", "fish"}) {
      WriteFile(dir_ / ("redlock." + suffix),
                ReadFile(REDLOCKD_TEST_COMPLETIONS "/redlock." + suffix));
    }
    std::filesystem::create_directory(dir_ / "bin");
    WriteFile(dir_ / "bin/redlock", "#!/bin/sh\necho \"$@\" >'" + (dir_ / "asked") + "'\ncat '" +
                                        (dir_ / "names") + "'\n");
    chmod((dir_ / "bin/redlock").c_str(), 0755);
  }

  std::vector<std::string> Offered(const std::string& line,
                                   const std::vector<std::string>& locks = {}) {
    std::string names;
    for (const std::string& lock : locks) names += lock + '\0';
    WriteFile(dir_ / "names", names);
    std::filesystem::remove_all(dir_ / "functions");
    std::vector<std::string> argv = GetParam().argv;
    argv.insert(argv.end(), {dir_.path(), line});
    const std::map<std::string, std::string> env{{"PATH", dir_ / "bin" + ":" + std::getenv("PATH")},
                                                 {"HOME", dir_.path()},
                                                 {"LC_ALL", "C.UTF-8"}};
    Process shell(argv, {.env = env, .error_file = dir_ / "errors"});
    const std::string offered = shell.ReadToEnd();
    EXPECT_EQ(ReadFile(dir_ / "errors"), "");
    return Split(offered, '\0');
  }

  TempDir dir_;
};

std::vector<Shell> Shells(const std::vector<std::string>& names) {
  std::vector<Shell> shells;
  for (const std::string& name : names) {
    if (name == "bash") shells.push_back({name, {"bash", "-c", kBash, "bash"}});
    if (name == "zsh") shells.push_back({name, {"zsh", "-f", "-c", kZsh, "zsh"}});
    if (name == "fish") shells.push_back({name, {"fish", "--no-config", "-c", kFish}});
  }
  return shells;
}

std::string NameOf(const testing::TestParamInfo<Shell>& info) { return info.param.name; }

using CompletionOfNames = Completion;
INSTANTIATE_TEST_SUITE_P(Shell, CompletionOfNames, testing::ValuesIn(Shells({"zsh", "fish"})),
                         NameOf);

TEST_P(CompletionOfNames, ANameIsAWordWhateverItHolds) {
  const std::string canary = dir_ / "canary";
  const std::vector<std::string> names = {"$(touch " + canary + ")",
                                          "(touch " + canary + ")",
                                          "`touch " + canary + "`",
                                          "a; touch " + canary,
                                          "*",
                                          "~root",
                                          "{a,b}",
                                          "it's",
                                          "say \"x\"",
                                          "a!b",
                                          "#c",
                                          "back\\slash",
                                          "a$HOME",
                                          "a:b",
                                          "a&b|c>d",
                                          "gr\xc3\xbc\xc3\x9f"};
  EXPECT_THAT(Offered("redlock show ", names), UnorderedElementsAreArray(names));
  EXPECT_THAT(Offered("redlock run ", names), UnorderedElementsAreArray(names));
  EXPECT_FALSE(std::filesystem::exists(canary));
}

TEST_P(CompletionOfNames, OffersWhatBeginsWithTheWord) {
  const std::vector<std::string> names = {"job-1", "job 2", "other"};
  EXPECT_THAT(Offered("redlock show jo", names), UnorderedElementsAre("job-1", "job 2"));
  EXPECT_THAT(Offered("redlock run -n -w 5 o", names), ElementsAre("other"));
  EXPECT_THAT(Offered("redlock watch other jo", names), UnorderedElementsAre("job-1", "job 2"));
  EXPECT_THAT(Offered("redlock break --fence 7 o", names), ElementsAre("other"));
  EXPECT_THAT(Offered("redlock show other jo", names), IsEmpty());
}

TEST_P(CompletionOfNames, AsksTheDaemonThatIsNamed) {
  EXPECT_THAT(Offered("redlock --socket /some/where show jo", {"job"}), ElementsAre("job"));
  EXPECT_EQ(ReadFile(dir_ / "asked"), "--socket /some/where list --null\n");
}

TEST_P(CompletionOfNames, LeavesOutWhatATerminalOrTheCommandWouldTakeForSomethingElse) {
  const std::vector<std::string> names = NamesToLeaveOut();
  EXPECT_THAT(Offered("redlock show ", names), ElementsAre("good"));
  EXPECT_THAT(Offered("redlock show -- ", names), UnorderedElementsAre("-x", "good"));
}

TEST_P(CompletionOfNames, TheCommandOfRunIsCompletedByItsOwnRules) {
  EXPECT_THAT(Offered("redlock run job -- redlock relo"), ElementsAre("reload"));
  EXPECT_THAT(Offered("redlock run -n job redlock relo"), ElementsAre("reload"));
}

// Of each line of a help that names options: their long forms.
std::vector<std::set<std::string>> OptionsOf(std::string_view command) {
  std::vector<std::set<std::string>> options;
  for (const std::string& line : Split(redlock::cli::UsageOf(command), '\n')) {
    if (!line.starts_with("  -")) continue;
    std::set<std::string> forms;
    std::istringstream words(line);
    for (std::string word; words >> word && word.starts_with('-');) {
      if (word.ends_with(',')) word.pop_back();
      if (word.starts_with("--")) forms.insert(word);
    }
    options.push_back(forms);
  }
  return options;
}

using CompletionOfOptions = Completion;
INSTANTIATE_TEST_SUITE_P(Shell, CompletionOfOptions,
                         testing::ValuesIn(Shells({"bash", "zsh", "fish"})), NameOf);

TEST_P(CompletionOfOptions, OffersOneFormOfEachThatTheHelpNamesAndNoOther) {
  for (const char* command : {"", "run", "list", "show", "watch", "break", "nodes", "health",
                              "stats", "status", "reload", "ping", "help"}) {
    const std::vector<std::set<std::string>> options = OptionsOf(command);
    ASSERT_FALSE(options.empty()) << command;
    std::set<std::string> offered;
    for (std::string option : Offered("redlock " + std::string(command) + " --")) {
      if (option.ends_with('=')) option.pop_back();
      offered.insert(option);
    }
    for (const std::set<std::string>& forms : options) {
      const auto matched = std::erase_if(offered, [&](auto& form) { return forms.contains(form); });
      EXPECT_EQ(matched, 1) << *forms.begin() << " of redlock " << command;
    }
    EXPECT_THAT(offered, IsEmpty()) << "of redlock " << command;
  }
}

TEST_P(CompletionOfOptions, OffersTheCommandsThatTheHelpNames) {
  std::vector<std::string> commands;
  for (const std::string& line : Split(redlock::cli::UsageOf(""), '\n')) {
    if (line.starts_with("  ") && std::islower(line[2])) {
      commands.push_back(line.substr(2, line.find(' ', 2) - 2));
    }
  }
  EXPECT_THAT(Offered("redlock "), UnorderedElementsAreArray(commands));
}

}  // namespace
}  // namespace redlockd::test

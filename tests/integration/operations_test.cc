// Each command that docs/operations.md names is run: here, or by the test that a table here names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

#include "tests/support/daemon.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;

// --- what the document names ----------------------------------------------------------------------

bool BeginsWithAProgram(const std::string& text) {
  static const std::regex program(
      "(redlockd?|systemctl|systemd-[a-z]+|journalctl|cmake|apt|podman|ssh?|ACL|CLIENT) .*|"
      "scripts/[a-z]+|systemd-[a-z]+");
  return std::regex_match(text, program);
}

// Without sudo, and without the comment after it.
std::string CommandOf(std::string text) {
  if (text.starts_with("sudo ")) text.erase(0, 5);
  text.erase(std::min(text.find("  "), text.size()));
  return text;
}

// Of lines that are indented by four, and of what is between backquotes, also over the end of a line.
std::set<std::string> DocumentedCommands() {
  const std::string text = ReadFile(REDLOCKD_TEST_SOURCE "/docs/operations.md");
  std::set<std::string> commands;
  const auto add = [&](const std::string& found) {
    const std::string command = CommandOf(found);
    if (BeginsWithAProgram(command)) commands.insert(command);
  };
  std::istringstream lines(text);
  std::string prose;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("    ")) {
      add(line.substr(4));
    } else {
      prose.append(line).append(" ");
    }
  }
  const std::regex quoted("`([^`]+)`");
  for (std::sregex_iterator at(prose.begin(), prose.end(), quoted), end; at != end; ++at) {
    add((*at)[1]);
  }
  return commands;
}

// --- what is run here -----------------------------------------------------------------------------

struct Here {
  std::string command;  // as the document has it
  std::string run;      // what a shell is given, with what the document leaves open
  int exit = 0;
  std::string says{};
};

// $OWNER is who has the lock jobs, $CONFIG the daemon's file. The one that breaks it comes last.
std::vector<Here> RunHere() {
  const std::string reloads =
      "redlock status --json | jq -e '.pending == 0 and .reload != \"failed\"'";
  return {
      {"redlock health", "redlock health", 0, "ok: 3 of 3 nodes vote"},
      {"redlock nodes", "redlock nodes", 0, "3 of 3 up"},
      {"redlock ping", "redlock ping", 0, "answers"},
      {"redlock stats", "redlock stats", 0, "lost-expired"},
      {"redlock list", "redlock list", 0, "jobs"},
      {"redlock top", "redlock top", 0, "jobs"},
      {"redlock run", "redlock run once -- echo done", 0, "done"},
      {"redlock run -w DURATION", "redlock run -w 5s once -- echo done", 0, "done"},
      {"redlock show", "redlock show jobs", 0, "OWNER"},
      {"redlock show NAME", "redlock show jobs", 0, "OWNER"},
      {"redlock status", "redlock status", 0, "lease.ttl"},
      {reloads, reloads, 0, "true"},
      {"redlock reload", "redlock reload", 0, ""},
      {"redlockd --check-config", "redlockd --check-config --config \"$CONFIG\"", 0,
       "# quarantine: 3"},
      {"redlockd --replace",
       "redlockd --replace --config \"$CONFIG\" --socket \"$REDLOCK_SOCKET\" && redlock ping", 0,
       "is told to replace itself"},
      {"redlock nodes --adopt", "redlock nodes --adopt", 77, "nothing to adopt"},
      {"ss -xp", "ss -xp", 0, ""},
      {"redlock break NAME --owner VALUE", "redlock break jobs --owner \"$OWNER\"", 0, "jobs"},
  };
}

// What nodes are asked, by OnNodes.
std::set<std::string> RunOnNodes() {
  return {"ACL SETUSER redlock >NEW", "ACL SETUSER redlock <OLD", "ACL SAVE", "CLIENT LIST",
          "CLIENT KILL ADDR"};
}

// --- and elsewhere --------------------------------------------------------------------------------

struct Elsewhere {
  std::string command;
  std::string file;  // what runs it
  std::string text;  // which stands in it
};

std::vector<Elsewhere> RunElsewhere() {
  const std::string booted = "tests/systemd/booted/test.sh";
  return {
      {"redlock watch", "tests/integration/watch_test.cc", "\"watch\", \"--json\""},
      {"systemctl enable redlockd.service", booted, "systemctl enable --quiet redlockd.service"},
      {"systemctl status", booted, "systemctl status redlockd"},
      {"systemctl status redlockd", booted, "systemctl status redlockd"},
      {"systemctl reload redlockd", booted, "systemctl reload redlockd"},
      {"systemctl restart redlockd", booted, "systemctl restart redlockd.service"},
      {"systemctl stop redlockd", booted, "systemctl stop redlockd.service"},
      {"systemd-sysusers", booted, "must systemd-sysusers"},
      {"systemd-tmpfiles --create", booted, "must systemd-tmpfiles --create"},
      {"journalctl -u redlockd REDLOCK_LOCK=jobs", booted, "-u redlockd REDLOCK_LOCK=jobs"},
      {"journalctl -u redlockd REDLOCK_EVENT=lost -o json", booted,
       "-u redlockd REDLOCK_EVENT=lost -o json"},
      {"journalctl -u redlockd REDLOCK_EVENT=no-quorum REDLOCK_EVENT=quorum", booted,
       "-u redlockd REDLOCK_EVENT=no-quorum REDLOCK_EVENT=quorum"},
      {"cmake --install build/release --prefix /opt/redlock", "tests/systemd/install_test.sh",
       "--install \"$build\" --prefix \"$prefix/opt\""},
      {"cmake -S . -B build -DCMAKE_BUILD_TYPE=Release && cmake --build build",
       "scripts/test-matrix", "cmake -S . -B build -DCMAKE_BUILD_TYPE=Release"},
      {"scripts/package", "scripts/test-matrix", "/redlockd/scripts/package"},
      // As it is done without apt, without podman, and without a linked unit.
      {"apt install ./redlockd_*.deb ./redlock_*.deb ./libredlock0_*.deb",
       "tests/packages/booted.sh", "dpkg --install"},
      {"podman build --file config/container/Containerfile --tag redlockd .",
       "tests/container/image_test.sh", "Containerfile"},
      {"systemctl link", "tests/systemd/install_test.sh",
       "\"$prefix/opt/lib/systemd/system/redlockd.service\""},
  };
}

// What concerns two machines.
std::set<std::string> RunNowhere() { return {"ssh -L 9411:127.0.0.1:9411 HOST"}; }

// --- the tests ------------------------------------------------------------------------------------

TEST(Operations, EachCommandIsRunBySomeTest) {
  std::set<std::string> known = RunNowhere();
  known.merge(RunOnNodes());
  for (const Here& here : RunHere()) known.insert(here.command);
  for (const Elsewhere& elsewhere : RunElsewhere()) known.insert(elsewhere.command);
  EXPECT_EQ(DocumentedCommands(), known);
}

TEST(Operations, WhatIsRunElsewhereIsThere) {
  for (const Elsewhere& elsewhere : RunElsewhere()) {
    EXPECT_THAT(ReadFile(REDLOCKD_TEST_SOURCE "/" + elsewhere.file), HasSubstr(elsewhere.text))
        << elsewhere.command;
  }
}

TEST(Operations, ThoseOfADaemonDoWhatTheyShould) {
  World world(3);
  LineClient holder = world.Connect();
  ASSERT_EQ(holder.Brief("lock jobs"), "OK");
  ASSERT_EQ(holder.Brief("show jobs"), "OK");
  std::string owner;
  for (const Reply& row : holder.rows()) {
    if (const std::string* value = row.Find("owner")) owner = *value;
  }
  const TempDir bin;
  std::filesystem::create_symlink(REDLOCKD_TEST_REDLOCK, bin / "redlock");
  std::filesystem::create_symlink(REDLOCKD_TEST_REDLOCKD, bin / "redlockd");
  const std::map<std::string, std::string> env{{"PATH", bin.path() + ":" + std::getenv("PATH")},
                                               {"REDLOCK_SOCKET", world.daemon.socket()},
                                               {"CONFIG", world.daemon.dir() / "redlockd.yaml"},
                                               {"OWNER", owner}};
  for (const Here& here : RunHere()) {
    const Ran ran = RunProgram({"sh", "-c", here.run}, {}, env);
    EXPECT_EQ(ran.exit, ExitCode(here.exit)) << here.run << "\n" << ran.output;
    EXPECT_THAT(ran.output, HasSubstr(here.says)) << here.run;
  }
  EXPECT_EQ(Get(holder.Event("BROKEN"), "lock"), "jobs");
}

// A password is changed, and to see that the new one works the connections are cut.
TEST(Operations, ThoseOfNodesDoWhatTheyShould) {
  const TempDir dir;
  const std::string acl = dir / "users.acl";
  WriteFile(acl, "user default on nopass ~* +@all" +
                     std::string(ServerUnderTest().HasAclChannels() ? " &*" : "") +
                     "\nuser redlock on >OLD\n");
  RedisNode node({.args = {"--aclfile", acl}});
  EXPECT_EQ(node.Command({"ACL", "SETUSER", "redlock", ">NEW"}), "OK");
  EXPECT_EQ(node.Command({"ACL", "SETUSER", "redlock", "<OLD"}), "OK");
  const std::string before = ReadFile(acl);
  EXPECT_EQ(node.Command({"ACL", "SAVE"}), "OK");
  EXPECT_NE(ReadFile(acl), before) << "it outlives the server";

  World world(3);
  std::istringstream clients(world.nodes[0].Command({"CLIENT", "LIST"}));
  std::size_t killed = 0;
  const std::regex address(" addr=([^ ]+) ");
  for (std::string line; std::getline(clients, line);) {
    std::smatch found;
    if (!std::regex_search(line, found, address)) continue;
    // The list's own connection is gone.
    killed += world.nodes[0].Command({"CLIENT", "KILL", "ADDR", found[1]}) == "1" ? 1 : 0;
  }
  EXPECT_GE(killed, 2u);
  EXPECT_TRUE(Eventually([&] { return world.daemon.NodeIs(0, "up"); }));
}

}  // namespace
}  // namespace redlockd::test

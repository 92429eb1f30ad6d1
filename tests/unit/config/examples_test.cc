#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <string>

#include "config/load.h"
#include "tests/unit/config/file_dir.h"

namespace redlockd::config {
namespace {

// The example as it is installed, but for the password's file, which is one of the test's.
Loaded LoadExample(const std::filesystem::path& file, const std::string& password_file) {
  const std::regex password("/etc/redlockd/password");
  return LoadText(std::regex_replace(test::ReadFile(file), password, password_file), file);
}

TEST(Examples, Load) {
  FileDir dir;
  const std::string password = dir.Write("password", "s3cret\n");
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(CONFIG_DIR "/examples")) {
    const Loaded loaded = LoadExample(entry.path(), password);
    for (const Problem& problem : loaded.errors) ADD_FAILURE() << loaded.Text(problem);
    EXPECT_EQ(loaded.warnings.empty(),
              loaded.config.nodes.size() % 2 == 1 && loaded.config.nodes.size() > 1)
        << entry.path();
    ++count;
  }
  EXPECT_EQ(count, 3);
}

TEST(Examples, InstalledConfigurationNeedsNoMoreThanAddresses) {
  const Loaded loaded = LoadExample(CONFIG_DIR "/redlockd.yaml", "/etc/redlockd/password");
  for (const Problem& problem : loaded.errors) ADD_FAILURE() << loaded.Text(problem);
  EXPECT_TRUE(loaded.warnings.empty());
  EXPECT_EQ(loaded.config.nodes.size(), 5u);
}

// Its commented lines are true as well.
TEST(Examples, InstalledConfigurationLoadsWithItsCommentsTaken) {
  FileDir dir;
  const std::string text = test::ReadFile(CONFIG_DIR "/redlockd.yaml");
  std::string taken = std::regex_replace(text, std::regex("# (username|password_file): "), "$1: ");
  EXPECT_NE(taken, text);
  taken = std::regex_replace(taken, std::regex("/etc/redlockd/password"), dir.Write("p", "x\n"));
  const Loaded loaded = LoadText(taken, "redlockd.yaml");
  for (const Problem& problem : loaded.errors) ADD_FAILURE() << loaded.Text(problem);
  EXPECT_EQ(loaded.config.nodes.back().username, "redlock");
}

}  // namespace
}  // namespace redlockd::config

#include "config/secret_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <ostream>
#include <string>
#include <type_traits>

#include "config/load.h"
#include "tests/unit/config/file_dir.h"

namespace redlockd::config {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

template <class T>
concept Prints = requires(std::ostream& out, const T& value) {
  out << value;
};
static_assert(!Prints<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string>);

TEST(SecretFile, IsItsLine) {
  FileDir dir;
  for (const std::string end : {"", "\n", "\r\n"}) {
    const SecretRead read = ReadSecretFile(dir.Write("a", " s3cret " + end));
    EXPECT_EQ(read.secret.Reveal(), " s3cret ");
    EXPECT_EQ(read.error, "");
    EXPECT_EQ(read.warning, "");
  }
}

TEST(SecretFile, MayBeReadByItsGroup) {
  FileDir dir;
  const SecretRead read = ReadSecretFile(dir.Write("a", "s3cret\n", 0640));
  EXPECT_EQ(read.secret.Reveal(), "s3cret");
  EXPECT_EQ(read.warning, "");
}

TEST(SecretFile, IsTakenWithAWarningIfOthersCanReadIt) {
  FileDir dir;
  const std::string path = dir.Write("a", "s3cret\n", 0644);
  const SecretRead read = ReadSecretFile(path);
  EXPECT_EQ(read.secret.Reveal(), "s3cret");
  EXPECT_EQ(read.error, "");
  EXPECT_EQ(read.warning, "expected a file that others cannot read, found " + path +
                              " with mode 0644; run chmod o= on it");
}

TEST(SecretFile, IsRefusedIfOthersCanWriteIt) {
  FileDir dir;
  for (const mode_t mode : {0620, 0602, 0666}) {
    const SecretRead read = ReadSecretFile(dir.Write("a", "s3cret\n", mode));
    EXPECT_TRUE(read.secret.empty());
    EXPECT_THAT(read.error, HasSubstr("expected a file that only its owner can write, found "));
  }
}

TEST(SecretFile, IsRefusedIfItHoldsSomethingElse) {
  FileDir dir;
  const std::string empty = dir.Write("empty", "\n");
  EXPECT_EQ(ReadSecretFile(empty).error,
            "expected a password in one line, found an empty file " + empty);
  const std::string lines = dir.Write("lines", "s3cret\nsecond\n\n");
  const SecretRead read = ReadSecretFile(lines);
  EXPECT_TRUE(read.secret.empty());
  EXPECT_EQ(read.error, "expected a password in one line, found 3 lines in " + lines);
  const std::string large = dir.Write("large", std::string(4097, 'x'));
  EXPECT_EQ(ReadSecretFile(large).error, "expected a file with the password, found " + large +
                                             ", which has more than 4096 bytes");
}

TEST(SecretFile, IsRefusedIfItIsNoFile) {
  FileDir dir;
  EXPECT_EQ(ReadSecretFile(dir.path()).error, "expected a file with the password, found " +
                                                  dir.path() + ", which is not a regular file");
  const std::string pipe = dir / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(ReadSecretFile(pipe).error, HasSubstr("which is not a regular file"));
  EXPECT_THAT(ReadSecretFile(dir / "none").error, HasSubstr("No such file or directory"));
}

TEST(SecretInLoad, ReachesItsNode) {
  FileDir dir;
  const std::string path = dir.Write("a", "s3cret\n", 0644);
  const Loaded loaded =
      LoadText("nodes:\n  - address: a:1\n    username: u\n    password_file: " + path + "\n", "r");
  ASSERT_TRUE(loaded.errors.empty());
  EXPECT_EQ(loaded.config.nodes[0].password.Reveal(), "s3cret");
  EXPECT_EQ(loaded.config.nodes[0].password_file, path);
  ASSERT_EQ(loaded.warnings.size(), 2u);  // the single node, and:
  EXPECT_THAT(loaded.Text(loaded.warnings[1]),
              HasSubstr("r:4:20: nodes[0].password_file: expected a file that others cannot read"));
  EXPECT_THAT(Print(loaded), Not(HasSubstr("s3cret")));
}

// What stands where a path should be may be the password itself.
TEST(SecretInLoad, IsNotShownByAMistake) {
  const Loaded loaded =
      LoadText("nodes:\n  - address: a:1\n    username: u\n    password_file: s3cret\n", "r");
  ASSERT_EQ(loaded.errors.size(), 1u);
  EXPECT_EQ(loaded.Text(loaded.errors[0]),
            "r:4:20: nodes[0].password_file: expected the absolute path of a file, found something "
            "else, which is not shown here");
}

}  // namespace
}  // namespace redlockd::config

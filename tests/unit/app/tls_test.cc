#include "daemon/app/tls.h"

#include <gmock/gmock.h>

#include <string>

#include "tests/support/files.h"
#include "tests/support/test_ca.h"

namespace redlockd::app {
namespace {

using std::chrono::hours;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class TlsTest : public testing::Test {
 protected:
  // Files with a certificate of its own, as a section of a file.
  std::string Section(const std::string& name, hours ends) {
    const auto identity = ca_.Issue({.ends = ends});
    test::WriteFile(directory_ / (name + ".pem"), identity.certificate);
    test::WriteFile(directory_ / (name + ".key"), identity.key);
    return "{cert: " + directory_ / (name + ".pem") + ", key: " + directory_ / (name + ".key") +
           "}";
  }
  static config::Loaded Load(const std::string& text) {
    config::Loaded loaded = config::LoadText(text, "t.yaml");
    EXPECT_THAT(loaded.errors, IsEmpty());
    loaded.warnings.clear();  // of files that others may read
    CheckTls(loaded);
    EXPECT_THAT(loaded.errors, IsEmpty());
    return loaded;
  }

  const test::TestCa ca_;
  const test::TempDir directory_;
};

TEST_F(TlsTest, WarnsOfACertificateThatExpiresSoon) {
  const config::Loaded loaded =
      Load("tls: " + Section("soon", hours(13 * 24)) +
           "\nnodes: [{address: a:1}, {address: b:1}, {address: c:1, tls: " +
           Section("later", hours(15 * 24)) + "}]\n");
  ASSERT_THAT(loaded.warnings, SizeIs(1)) << "two nodes are shown the one certificate";
  EXPECT_THAT(
      loaded.Text(loaded.warnings[0]),
      testing::MatchesRegex("t.yaml:1:[0-9]+: tls.cert: expected a certificate that is valid "
                            "for another 14 days, found one that is valid until "
                            "2[0-9-]+T[0-9:]+Z"));
}

// After 2262 nanoseconds no longer express it.
TEST_F(TlsTest, ACertificateThatNeverExpiresIsFine) {
  const config::Loaded loaded =
      Load("nodes: [{address: a:1, tls: " + Section("eternal", hours(400 * 365 * 24)) + "}]\n");
  EXPECT_THAT(loaded.warnings, IsEmpty());
  EXPECT_GT(*CertificateExpiries(loaded.config)[0],
            std::chrono::sys_days(std::chrono::year(2400) / 1 / 1));
}

TEST_F(TlsTest, WarnsAtTheNodeThatNamesTheCertificate) {
  const config::Loaded loaded =
      Load("nodes: [{address: a:1}, {address: b:1, tls: " + Section("over", hours(0)) + "}]\n");
  ASSERT_THAT(loaded.warnings, SizeIs(1));
  EXPECT_EQ(loaded.warnings[0].key, "nodes[1].tls.cert");
}

TEST_F(TlsTest, KnowsUntilWhenEachCertificateIsValid) {
  const config::Loaded loaded =
      Load("nodes: [{address: a:1}, {address: b:1, tls: {}}, {address: c:1, tls: " +
           Section("mine", hours(100 * 24)) + "}]\n");
  const auto expiries = CertificateExpiries(loaded.config);
  EXPECT_THAT(expiries, ElementsAre(std::nullopt, std::nullopt, testing::Ne(std::nullopt)));
  EXPECT_GT(*expiries[2], std::chrono::system_clock::now() + hours(99 * 24));
  // As the file says now, where the other shows it for a while.
  CertificateWatch watch;
  const auto before = watch.Look(loaded.config);
  Section("mine", hours(2));
  EXPECT_LT(*CertificateExpiries(loaded.config)[2], std::chrono::system_clock::now() + hours(3));
  EXPECT_EQ(watch.Look(loaded.config), before);
  test::WriteFile(directory_ / "mine.pem", "damaged");
  EXPECT_EQ(CertificateExpiries(loaded.config)[2], std::chrono::sys_seconds());
}

}  // namespace
}  // namespace redlockd::app

#include "daemon/event/tls_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "tests/unit/event/tls_server.h"

namespace redlockd::event {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::size_t kAll = 1 << 20;

// The client's side against a server, both in memory: the bytes move when and as the test wants.
class TlsSessionTest : public ::testing::Test {
 protected:
  void Start() {
    server_.emplace(server_options_);
    auto made = TlsContext::Make(settings_);
    ASSERT_TRUE(std::holds_alternative<std::shared_ptr<const TlsContext>>(made));
    client_.emplace(std::get<0>(std::move(made)));
  }
  // One way and the other, so many bytes at a time; false: nothing moved.
  bool Move(std::size_t most) {
    std::string bytes(most, '\0');
    bytes.resize(client_->Output(bytes));
    server_->Receive(bytes);
    const std::string back = server_->Output(most);
    client_->Receive(back);
    std::array<char, 100> plain;  // less than a record
    while (const std::size_t size = client_->Read(plain)) heard_.append(plain.data(), size);
    return !bytes.empty() || !back.empty();
  }
  void MoveAll(std::size_t most = kAll) {
    while (Move(most)) {
    }
  }
  std::string EndAfterAll() {
    Start();
    MoveAll();
    return client_->ended().value_or("still there");
  }

  const test::TestCa ca_;
  TlsServer::Options server_options_{.identity = ca_.Issue({.names = {"a.example"}})};
  TlsSettings settings_{.ca = ca_.certificate(), .server_name = "a.example"};
  std::optional<TlsServer> server_;
  std::optional<TlsSession> client_;
  std::string heard_;
};

TEST_F(TlsSessionTest, ACertificateSaysUntilWhenItIsValid) {
  const auto now = std::chrono::system_clock::now();
  const auto identity = ca_.Issue({.ends = std::chrono::hours(50)});
  // The first of a chain is the own one.
  const auto expiry = ExpiryOf(identity.certificate + ca_.certificate());
  ASSERT_TRUE(expiry);
  EXPECT_GE(*expiry, std::chrono::floor<std::chrono::seconds>(now + std::chrono::hours(50)));
  EXPECT_LT(*expiry, now + std::chrono::hours(51));
  EXPECT_EQ(ExpiryOf(""), std::nullopt);
  EXPECT_EQ(ExpiryOf(identity.key), std::nullopt);
}

TEST_F(TlsSessionTest, SaysAndHearsWhateverTheBytesAreCutInto) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const std::size_t most : {std::size_t{1}, std::size_t{7}, std::size_t{1000}, kAll}) {
      heard_.clear();
      server_options_.max_version = version;
      Start();
      MoveAll(most);
      ASSERT_TRUE(client_->is_open());
      EXPECT_EQ(server_->server_name(), "a.example");
      const std::string much(40'000, 'x');  // three records
      client_->Write("a");
      client_->Write(much);
      EXPECT_EQ(client_->unsent(), 40'001u);
      server_->Write(much + "b");
      MoveAll(most);
      EXPECT_EQ(server_->heard, "a" + much);
      EXPECT_EQ(heard_, much + "b");
      EXPECT_EQ(client_->unsent(), 0u);
    }
  }
}

TEST_F(TlsSessionTest, GathersWhatIsWrittenInOneRecord) {
  Start();
  MoveAll();
  for (int i = 0; i < 100; ++i) client_->Write("0123456789");
  std::string bytes(kAll, '\0');
  EXPECT_LT(client_->Output(bytes), 1100u);
}

TEST_F(TlsSessionTest, AnswersAWishForNewKeys) {
  Start();
  MoveAll();
  server_->UpdateKeys();
  server_->Write("a");
  client_->Write("b");
  MoveAll(1);
  server_->Write("c");
  client_->Write("d");
  MoveAll(1);
  EXPECT_EQ(heard_, "ac");
  EXPECT_EQ(server_->heard, "bd");
}

TEST_F(TlsSessionTest, EndsWithAGoodbyeOnBothSides) {
  Start();
  MoveAll();
  client_->Write("never said");
  client_->Close();
  MoveAll();
  EXPECT_TRUE(server_->was_closed());
  EXPECT_EQ(server_->heard, "");

  Start();
  MoveAll();
  server_->Write("bye");
  server_->Close();
  MoveAll();
  EXPECT_EQ(heard_, "bye");
  EXPECT_EQ(client_->ended(), "");
}

TEST_F(TlsSessionTest, BytesThatWereChangedEndIt) {
  Start();
  MoveAll();
  server_->Write("hello");
  std::string bytes = server_->Output();
  bytes.back() ^= 1;
  client_->Receive(bytes);
  std::array<char, 100> plain;
  EXPECT_EQ(client_->Read(plain), 0u);
  EXPECT_THAT(client_->ended().value_or(""), HasSubstr("bad record mac"));
}

TEST_F(TlsSessionTest, TakesNamesAndAddresses) {
  server_options_.identity =
      ca_.Issue({.names = {"*.b.example"}, .addresses = {"127.0.0.1", "::1"}});
  for (const std::string name : {"x.b.example", "127.0.0.1", "::1"}) {
    settings_.server_name = name;
    EXPECT_EQ(EndAfterAll(), "still there") << name;
    EXPECT_EQ(server_->server_name(), name == "x.b.example" ? name : "") << "an address is no name";
  }
}

TEST_F(TlsSessionTest, NamesWhatIsWrongWithTheServersCertificate) {
  settings_.server_name = "b.example";
  EXPECT_EQ(EndAfterAll(), "the server's certificate is for a.example, not for b.example");
  settings_.server_name = "10.0.0.1";
  EXPECT_EQ(EndAfterAll(), "the server's certificate is for a.example, not for 10.0.0.1");
  settings_.server_name = "a.example";
  server_options_.identity = ca_.Issue({.names = {"a.example"}, .ends = std::chrono::hours(0)});
  EXPECT_THAT(EndAfterAll(), StartsWith("the server's certificate expired at 20"));
  server_options_.identity = ca_.Issue({.names = {"a.example"}, .begins = std::chrono::hours(1)});
  EXPECT_THAT(EndAfterAll(), StartsWith("the server's certificate is not valid before 20"));
  server_options_.identity = test::TestCa("other CA").Issue({.names = {"a.example"}});
  EXPECT_THAT(EndAfterAll(),
              StartsWith("the server's certificate is from no CA that is trusted here ("));
  // Of the same name, as a CA has that was made once more.
  server_options_.identity = test::TestCa().Issue({.names = {"a.example"}});
  EXPECT_THAT(EndAfterAll(),
              StartsWith("the server's certificate is from no CA that is trusted here ("));
  settings_.verify = false;
  EXPECT_EQ(EndAfterAll(), "still there");
}

TEST_F(TlsSessionTest, TellsTheServerWhyItEnds) {
  settings_.server_name = "b.example";
  Start();
  while (!client_->ended()) ASSERT_TRUE(Move(kAll));
  EXPECT_TRUE(client_->has_output());
}

TEST_F(TlsSessionTest, NamesACertificateThatTheServerWants) {
  server_options_.client_ca = ca_.certificate();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    server_options_.max_version = version;
    settings_.certificate = settings_.key = "";
    EXPECT_EQ(EndAfterAll(), "the server demands a client certificate, and none is configured");
    const test::Identity wrong = test::TestCa("other CA").Issue({});
    settings_.certificate = wrong.certificate;
    settings_.key = wrong.key;
    EXPECT_THAT(EndAfterAll(), StartsWith("the server does not accept the client certificate: "));
    const test::Identity right = ca_.Issue({});
    settings_.certificate = right.certificate;
    settings_.key = right.key;
    EXPECT_EQ(EndAfterAll(), "still there");
  }
}

TEST_F(TlsSessionTest, NamesAVersionThatIsTooOld) {
  server_options_.max_version = TLS1_2_VERSION;
  settings_.min_version = TlsVersion::k1_3;
  EXPECT_EQ(EndAfterAll(), "the server speaks no version of TLS from 1.3 on");
}

TEST_F(TlsSessionTest, NamesAPortThatSpeaksNoTls) {
  Start();
  client_->Receive("-ERR unknown command\r\n");
  EXPECT_EQ(client_->ended(), "the server does not speak TLS on this port");
}

// --- the context --------------------------------------------------------------------------------

std::string MistakeIn(const TlsSettings& settings) {
  const auto made = TlsContext::Make(settings);
  const auto* mistake = std::get_if<TlsMistake>(&made);
  if (mistake == nullptr) return "none";
  const char* const of[] = {"ca", "certificate", "key"};
  return std::string(of[static_cast<int>(mistake->of)]) + ": " + mistake->expected + ", " +
         mistake->found;
}

TEST(TlsContextTest, NamesWhatItDoesNotUnderstand) {
  const test::TestCa ca;
  const test::Identity good = ca.Issue({});
  const test::Identity other = ca.Issue({});
  const test::Identity locked = ca.Issue({.passphrase = "x"});
  EXPECT_EQ(MistakeIn({}), "none");
  EXPECT_EQ(MistakeIn({.ca = ca.certificate() + other.certificate,
                       .certificate = good.certificate + ca.certificate(),
                       .key = good.key}),
            "none");
  EXPECT_EQ(MistakeIn({.ca = "x"}), "ca: certificates of CAs in PEM, no readable ones");
  std::string damaged = ca.certificate();
  damaged[damaged.size() / 2] = '!';
  EXPECT_EQ(MistakeIn({.ca = ca.certificate() + damaged}),
            "ca: certificates of CAs in PEM, no readable ones");
  EXPECT_EQ(MistakeIn({.certificate = good.key, .key = good.key}),
            "certificate: a certificate in PEM, no readable one");
  EXPECT_EQ(MistakeIn({.certificate = good.certificate, .key = good.certificate}),
            "key: a private key in PEM, no readable one");
  EXPECT_EQ(MistakeIn({.certificate = good.certificate, .key = other.key}),
            "key: the private key of the certificate, another key");
  EXPECT_EQ(MistakeIn({.certificate = locked.certificate, .key = locked.key}),
            "key: a private key without a passphrase, one with a passphrase");
}

}  // namespace
}  // namespace redlockd::event

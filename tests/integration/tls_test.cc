// Nodes that speak TLS, and what is said of those that do not as they should.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <deque>
#include <filesystem>

#include "tests/support/daemon.h"
#include "tests/support/test_ca.h"

namespace redlockd::test {
namespace {

using testing::HasSubstr;

// A server that listens for TLS as well.
class TlsNode {
 public:
  explicit TlsNode(const TempDir& files, std::vector<std::string> more = {})
      : node_({.args = Args(files, std::move(more))}) {}

  std::string Address() const { return "127.0.0.1:" + std::to_string(port_.number()); }
  RedisNode& node() { return node_; }

 private:
  std::vector<std::string> Args(const TempDir& files, std::vector<std::string> more) const {
    std::vector<std::string> args = {"--tls-port",         std::to_string(port_.number()),
                                     "--tls-ca-cert-file", files / "ca",
                                     "--tls-cert-file",    files / "node",
                                     "--tls-key-file",     files / "node.key"};
    args.insert(args.end(), more.begin(), more.end());
    return args;
  }

  FreePort port_;
  RedisNode node_;
};

class TlsTest : public testing::Test {
 protected:
  TlsTest() {
    WriteFile(dir_ / "ca", ca_.certificate());
    WriteNode(ca_, {.addresses = {"127.0.0.1"}});
    WriteHost(ca_);
  }

  void WriteNode(const TestCa& ca, const TestCa::Options& options) {
    Write("node", ca.Issue(options));
  }
  void WriteHost(const TestCa& ca) { Write("host", ca.Issue({})); }
  void Write(const std::string& name, const Identity& identity) {
    WriteFile(dir_ / name, identity.certificate);
    WriteFile(dir_ / (name + ".key"), identity.key);
    chmod((dir_ / (name + ".key")).c_str(), 0600);
  }

  void StartNodes(std::size_t count, const std::vector<std::string>& more = {}) {
    for (std::size_t i = 0; i < count; ++i) nodes_.emplace_back(dir_, more);
  }
  DaemonOptions Options(const std::string& more_keys = "") {
    DaemonOptions options;
    for (const TlsNode& node : nodes_) options.addresses.push_back(node.Address());
    options.connect_timeout = "1s";  // a handshake computes, and sanitizers slow it down
    options.more = "tls: {ca: " + dir_ / "ca";
    options.more += ", cert: " + dir_ / "host";
    options.more += ", key: " + dir_ / "host.key";
    options.more += more_keys + "}\n";
    return options;
  }
  void CutConnections() {
    for (TlsNode& node : nodes_) {
      node.node().Command({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
      node.node().Command({"CLIENT", "KILL", "TYPE", "pubsub"});
    }
  }

  // What `nodes` says of the only node.
  void ExpectText(const DaemonOptions& options, const std::string& text) {
    const Daemon daemon(options);
    ExpectText(daemon, text);
  }
  void ExpectText(const Daemon& daemon, const std::string& text) {
    EXPECT_TRUE(Eventually([&] { return daemon.NodeRow(0).text.find(text) != std::string::npos; }))
        << "expected " << text << ", found " << daemon.NodeRow(0).text;
  }
  void ExpectService(Daemon& daemon) {
    LineClient client = daemon.Connect();
    EXPECT_EQ(client.Brief("lock a"), "OK");
    EXPECT_EQ(client.Brief("unlock a sync"), "OK");
  }

  TempDir dir_;
  TestCa ca_;
  std::deque<TlsNode> nodes_;
};

TEST_F(TlsTest, LocksAreTakenRenewedAndHandedOn) {
  StartNodes(3, {"--port", "0"});
  Daemon daemon(Options()), other(Options());
  daemon.TrustEmpty();
  other.WaitForNodes(3);
  LineClient client = daemon.Connect(), waiter = other.Connect();
  EXPECT_EQ(client.Brief("lock a ttl=600ms events=renew"), "OK");
  client.Event("RENEWED");
  waiter.Send("lock a");
  EXPECT_EQ(client.Brief("unlock a"), "OK");
  EXPECT_EQ(Brief(waiter.Answer()), "OK");
  EXPECT_EQ(waiter.Brief("unlock a sync"), "OK");
  // Both kinds of connections are there, and no port for plain ones is.
  EXPECT_TRUE(Eventually([&] {
    const std::string list = nodes_[0].node().Command({"CLIENT", "LIST", "TYPE", "pubsub"});
    return std::count(list.begin(), list.end(), '\n') >= 2;
  }));
  EXPECT_EQ(nodes_[0].node().Command({"CONFIG", "GET", "port"}), "port\n0");
}

TEST_F(TlsTest, ANodeThatWasKilledComesBack) {
  StartNodes(3);
  Daemon daemon(Options());
  daemon.TrustEmpty();
  nodes_[0].node().Kill();
  ExpectService(daemon);
  EXPECT_TRUE(Eventually([&] { return daemon.NodeIs(0, "down"); }));
  nodes_[0].node().Start();
  daemon.WaitForNodes(3);
  ExpectService(daemon);
}

// Hosts are turned over one at a time.
TEST_F(TlsTest, AHostWithTlsSharesTheNodesOfOneWithout) {
  StartNodes(3);
  DaemonOptions plain = Options();
  plain.addresses.clear();
  plain.more = "";
  for (TlsNode& node : nodes_) plain.addresses.push_back(node.node().Address());
  Daemon first(plain);
  first.TrustEmpty();
  Daemon second(Options());
  second.WaitForNodes(3);
  LineClient client = first.Connect(), other = second.Connect();
  EXPECT_EQ(client.Brief("lock a"), "OK");
  EXPECT_EQ(other.Brief("trylock a"), "ERR busy");
}

TEST_F(TlsTest, PlainNodesWorkBesideThem) {
  StartNodes(1);
  RedisNode plain, local;
  DaemonOptions options = Options();
  options.addresses.insert(options.addresses.end(), {plain.Address(), local.UnixAddress()});
  options.own_keys = {{plain.Address(), "tls: {enabled: false}"}};
  Daemon daemon(options);
  daemon.TrustEmpty();
  ExpectService(daemon);
}

TEST_F(TlsTest, CertificatesAreReplacedWithoutARestart) {
  StartNodes(3, {"--tls-auth-clients", "yes"});
  Daemon daemon(Options());
  daemon.TrustEmpty();
  const TestCa next("next CA");
  const auto reload = [&](const char* caching) {  // any setting of TLS has Redis read its files
    for (TlsNode& node : nodes_) {
      ASSERT_EQ(node.node().Command({"CONFIG", "SET", "tls-session-caching", caching}), "OK");
    }
    CutConnections();
    // Each connection is one that was made after that.
    EXPECT_TRUE(Eventually([&] {
      return std::all_of(nodes_.begin(), nodes_.end(), [](TlsNode& node) {
        const std::string list = node.node().Command({"CLIENT", "LIST", "TYPE", "normal"});
        return std::count(list.begin(), list.end(), '\n') >= 2;
      });
    }));
    daemon.WaitForNodes(3);
    ExpectService(daemon);
  };
  WriteFile(dir_ / "ca", ca_.certificate() + next.certificate());
  reload("no");
  WriteNode(next, {.addresses = {"127.0.0.1"}});
  WriteHost(next);
  reload("yes");
  WriteFile(dir_ / "ca", next.certificate());
  reload("no");
}

TEST_F(TlsTest, AFileThatIsMissingForATimeStopsTheConnectionOnly) {
  StartNodes(1);
  Daemon daemon(Options());
  daemon.TrustEmpty();
  std::filesystem::rename(dir_ / "host.key", dir_ / "away");
  CutConnections();
  ExpectText(daemon, "connect: TLS: tls.key: expected a file in PEM, found no readable file " +
                         dir_ / "host.key");
  std::filesystem::rename(dir_ / "away", dir_ / "host.key");
  daemon.WaitForNodes(1);
  ExpectService(daemon);
}

TEST_F(TlsTest, SaysWhatIsWrongWithTheNodesCertificate) {
  StartNodes(1);
  ExpectText(Options(", server_name: other.example"),
             "connect: TLS: the server's certificate is for 127.0.0.1, not for other.example");
  WriteFile(dir_ / "ca", TestCa().certificate());
  ExpectText(Options(),
             "connect: TLS: the server's certificate is from no CA that is trusted here");
  // Certificates of no avail are of none only where they are verified.
  Daemon daemon(Options(", verify: false"));
  daemon.TrustEmpty();
  ExpectService(daemon);
  EXPECT_THAT(daemon.Log(), HasSubstr("tls.verify: any server that answers is taken"));
}

TEST_F(TlsTest, SaysThatTheNodesCertificateHasExpired) {
  WriteNode(ca_, {.addresses = {"127.0.0.1"}, .ends = std::chrono::hours(0)});
  StartNodes(1);
  const Daemon daemon(Options());
  ExpectText(daemon, "connect: TLS: the server's certificate expired at 20");
  EXPECT_THAT(daemon.Log(), HasSubstr("the server's certificate expired at 20"));
}

TEST_F(TlsTest, SaysThatTheNodeWantsACertificate) {
  for (const std::string versions : {"TLSv1.2", "TLSv1.3"}) {
    nodes_.clear();
    StartNodes(1, {"--tls-auth-clients", "yes", "--tls-protocols", versions});
    DaemonOptions options = Options();
    options.more = "tls: {ca: " + dir_ / "ca" + "}\n";
    ExpectText(options, "TLS: the server demands a client certificate, and none is configured");
    Write("host", TestCa("other CA").Issue({}));
    ExpectText(Options(), "TLS: the server does not accept the client certificate: unknown CA");
  }
}

TEST_F(TlsTest, SaysThatTheNodesVersionIsTooOld) {
  StartNodes(1, {"--tls-protocols", "TLSv1.2"});
  ExpectText(Options(", min_version: 1.3"),
             "connect: TLS: the server speaks no version of TLS from 1.3 on");
}

TEST_F(TlsTest, SaysThatOneSideSpeaksTlsAndTheOtherDoesNot) {
  StartNodes(1);
  DaemonOptions options = Options();
  options.more = "";
  const Daemon daemon(options);
  ExpectText(daemon, "the node may expect TLS");

  RedisNode plain;
  options = Options();
  options.addresses = {plain.Address()};
  ExpectText(options, "connect: TLS: no answer within 1s (the port may not speak TLS)");
}

TEST_F(TlsTest, AnAbsentHandshakeIsCutOffInTime) {
  StartNodes(1);
  nodes_[0].node().Freeze();
  ExpectText(Options(), "connect: TLS: no answer within 1s");
  nodes_[0].node().Thaw();
}

TEST_F(TlsTest, TheConfigurationIsCheckedWithItsFiles) {
  const auto check = [&](const std::string& tls) {
    WriteFile(dir_ / "redlockd.yaml",
              ToYaml({.addresses = {"127.0.0.1:1"}, .more = "tls: {" + tls + "}\n"}));
    return RunProgram(
        {REDLOCKD_TEST_REDLOCKD, "--check-config", "--config", dir_ / "redlockd.yaml"});
  };
  const std::string host = "cert: " + dir_ / "host" + ", key: ";
  Ran ran = check(host + dir_ / "host.key");
  EXPECT_EQ(ran.exit, ExitCode(0)) << ran.output;
  EXPECT_THAT(ran.output, HasSubstr("cert: " + dir_ / "host" + "  # as tls.cert"));
  ran = check(host + dir_ / "node.key");
  EXPECT_EQ(ran.exit, ExitCode(78));
  EXPECT_THAT(ran.output, HasSubstr("tls.key: expected the private key of the certificate, found "
                                    "another key in " +
                                    dir_ / "node.key"));
  Write("locked", ca_.Issue({.passphrase = "x"}));
  ran = check("cert: " + dir_ / "locked" + ", key: " + dir_ / "locked.key");
  EXPECT_THAT(ran.output, HasSubstr("tls.key: expected a private key without a passphrase, found "
                                    "one with a passphrase in "));
  ran = check("ca: " + dir_ / "host.key");
  EXPECT_THAT(ran.output, HasSubstr("tls.ca: expected certificates of CAs in PEM, found no "
                                    "readable ones in "));
}

}  // namespace
}  // namespace redlockd::test

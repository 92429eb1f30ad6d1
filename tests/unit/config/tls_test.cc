// The sections tls: what they turn on, what nodes take from the section for all, what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "config/load.h"
#include "config/pem_file.h"
#include "tests/unit/config/file_dir.h"
#include "tests/unit/config/problem_texts.h"

namespace redlockd::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kThree[] = "nodes: [{address: 'a:1'}, {address: 'b:1'}, {address: 'c:1'}]\n";

std::vector<std::string> ErrorsIn(const std::string& text) {
  const Loaded loaded = LoadText(text, "r");
  return Texts(loaded, loaded.errors);
}

class TlsTest : public testing::Test {
 protected:
  Loaded Load(const std::string& text) {
    Loaded loaded = LoadText(text, "r");
    EXPECT_THAT(Texts(loaded, loaded.errors), IsEmpty());
    return loaded;
  }

  FileDir dir_;
  const std::string ca_ = dir_.Write("ca", "x");
  const std::string cert_ = dir_.Write("cert", "x");
  const std::string key_ = dir_.Write("key", "x");
};

TEST_F(TlsTest, IsOffWithoutASection) {
  for (const Node& node : Load(kThree).config.nodes) EXPECT_FALSE(node.tls.enabled);
}

TEST_F(TlsTest, IsOnWithASectionThoughItIsEmpty) {
  const Loaded loaded = Load(std::string(kThree) + "tls: {}\n");
  for (const Node& node : loaded.config.nodes) {
    EXPECT_TRUE(node.tls.enabled);
    EXPECT_TRUE(node.tls.verify);
    EXPECT_EQ(node.tls.min_version, TlsVersion::k1_2);
    EXPECT_EQ(node.tls.ca, "");
  }
  EXPECT_FALSE(Load(std::string(kThree) + "tls: {enabled: false}\n").config.nodes[0].tls.enabled);
}

TEST_F(TlsTest, ANodesOwnKeysWin) {
  const Loaded loaded = Load("tls: {ca: " + ca_ + ", server_name: all.example}\n" + R"(nodes:
  - address: a:1
    tls: {min_version: 1.3, server_name: "2001:DB8::1"}
  - address: b:1
    tls: {enabled: false}
  - address: c:1
)");
  const std::vector<Node>& nodes = loaded.config.nodes;
  EXPECT_EQ(nodes[0].tls.ca, ca_);
  EXPECT_EQ(nodes[0].tls.min_version, TlsVersion::k1_3);
  EXPECT_EQ(nodes[0].tls.server_name, "2001:db8::1");
  EXPECT_FALSE(nodes[1].tls.enabled);
  EXPECT_TRUE(nodes[2].tls.enabled);
  EXPECT_EQ(nodes[2].tls.min_version, TlsVersion::k1_2);
  EXPECT_EQ(nodes[2].tls.server_name, "all.example");
}

TEST_F(TlsTest, IsOnForOneNodeAlone) {
  const Loaded loaded =
      Load("nodes: [{address: 'a:1', tls: {}}, {address: 'b:1'}, {address: 'c:1'}]\n");
  EXPECT_TRUE(loaded.config.nodes[0].tls.enabled);
  EXPECT_FALSE(loaded.config.nodes[1].tls.enabled);
}

TEST_F(TlsTest, IsNotForUnixSockets) {
  const std::string nodes = "nodes: [{address: 'a:1'}, {address: 'unix:/b'}, {address: 'c:1'}]\n";
  EXPECT_FALSE(Load("tls: {}\n" + nodes).config.nodes[1].tls.enabled);
  EXPECT_THAT(ErrorsIn("nodes: [{address: 'unix:/b', tls: {verify: false}}]\n"),
              ElementsAre("r:1:30: nodes[0].tls: expected no TLS to a Unix socket, found a section "
                          "that turns it on"));
}

TEST_F(TlsTest, MistakesAreAllTold) {
  EXPECT_THAT(
      ErrorsIn("tls:\n  ca: " + (dir_ / "none") + "\n  cert: " + cert_ + R"(
  min_version: 1.1
  server_name: a:b
  verify: maybe
nodes:
  - address: a:1
    tls:
      key: -----BEGIN
  - address: b:1
    tls:
  - address: c:1
    tls: true
)"),
      ElementsAre("r:2:7: tls.ca: expected a file in PEM, found no readable file " +
                      (dir_ / "none") + ": No such file or directory",
                  "r:3:9: tls.cert: expected a key as well, found none",
                  "r:4:16: tls.min_version: expected 1.2 or 1.3, found \"1.1\"",
                  "r:5:16: tls.server_name: expected a host name or an IP address, found \"a:b\"",
                  "r:6:11: tls.verify: expected true or false, found \"maybe\"",
                  "r:10:12: nodes[0].tls.key: expected the absolute path of a file, found "
                  "something else, which is not shown here",
                  "r:10:12: nodes[0].tls.key: expected a cert as well, found none",
                  HasSubstr("nodes[1].tls: expected a section with enabled, ca, cert, key, "
                            "server_name, min_version, verify, found nothing"),
                  HasSubstr("nodes[2].tls: expected a section with enabled, ca, cert, key, "
                            "server_name, min_version, verify, found \"true\"")));
}

TEST_F(TlsTest, WarnsOfWhatIsNotVerified) {
  const Loaded loaded = Load(std::string(kThree) + "tls: {verify: false}\n");
  EXPECT_THAT(Texts(loaded, loaded.warnings),
              ElementsAre("r:2:15: tls.verify: any server that answers is taken for the node: the "
                          "connection is encrypted, but nothing shows whom it leads to"));
}

TEST_F(TlsTest, WarnsOnceOfEachPlaceThatTurnsVerifyingOff) {
  const std::string nodes =
      "nodes:\n"
      "  - address: a:1\n"
      "  - {address: b:1, tls: {}}\n"
      "  - {address: c:1, tls: {}}\n"
      "  - {address: d:1, tls: {verify: false}}\n"
      "  - {address: e:1, tls: {verify: true}}\n";
  const Loaded off = Load(nodes + "tls: {enabled: false, verify: false}\n");
  EXPECT_THAT(off.errors, IsEmpty());
  EXPECT_THAT(Texts(off, off.warnings),
              UnorderedElementsAre(HasSubstr("r:7:31: tls.verify: any server that answers"),
                                   HasSubstr("r:5:34: nodes[3].tls.verify: any server")))
      << "two nodes take it from a section that is not for all";
  const Loaded plain = Load(
      "nodes: [{address: a:1}, {address: b:1}, {address: c:1}]\n"
      "tls: {enabled: false, verify: false}\n");
  EXPECT_THAT(plain.warnings, IsEmpty()) << "no node is reached by TLS";
}

TEST_F(TlsTest, AKeyIsHeldToTheModesOfASecret) {
  dir_.Write("key", "x", 0644);
  const std::string text = "tls: {cert: " + cert_ + ", key: " + key_ + "}\n" + kThree;
  const Loaded loaded = Load(text);
  EXPECT_THAT(Texts(loaded, loaded.warnings),
              ElementsAre(HasSubstr("tls.key: expected a file that others cannot read, found ")));
  dir_.Write("key", "x", 0660);
  EXPECT_THAT(ErrorsIn(text),
              ElementsAre(HasSubstr("tls.key: expected a file that only its owner can write")));
  dir_.Write("key", "");
  EXPECT_THAT(ErrorsIn(text), ElementsAre(HasSubstr("found an empty file " + key_)));
}

TEST_F(TlsTest, ReadsBackAsTheSame) {
  const Loaded first = Load("tls: {ca: " + ca_ + ", cert: " + cert_ + ", key: " + key_ + R"(}
nodes:
  - address: a:1
    tls: {server_name: x, verify: false}
  - address: unix:/b
  - address: c:1
    tls: {enabled: false}
)");
  const Loaded second = Load(Print(first));
  for (std::size_t i = 0; i < 3; ++i) {
    const Tls& a = first.config.nodes[i].tls;
    const Tls& b = second.config.nodes[i].tls;
    EXPECT_EQ(std::tie(a.enabled, a.ca, a.cert, a.key, a.server_name, a.verify),
              std::tie(b.enabled, b.ca, b.cert, b.key, b.server_name, b.verify));
  }
}

}  // namespace
}  // namespace redlockd::config

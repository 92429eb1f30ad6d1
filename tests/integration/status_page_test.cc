// The status page of a daemon: what it serves, to whom, and what a browser makes of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/daemon.h"
#include "tests/support/free_port.h"

namespace redlockd::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class StatusPageTest : public testing::Test {
 protected:
  std::string address() const { return "127.0.0.1:" + std::to_string(port_.number()); }
  std::string Yaml(const std::string& page = "true") const {
    return "metrics: {address: \"" + address() + "\", status_page: " + page + "}\n";
  }
  // What a client that speaks HTTP gets.
  std::string Get(const std::string& path, const std::string& host = "localhost") const {
    return RunProgram({"socat", "-t", "10", "-", "TCP:" + address()},
                      "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
        .output;
  }
  // Once it says so.
  std::string JsonWith(const std::string& text) const {
    std::string json;
    EXPECT_TRUE(Eventually([&] {
      json = Get("/status.json");
      return json.find(text) != std::string::npos;
    })) << text
        << " is not in " << json;
    return json;
  }

  const FreePort port_;
};

TEST_F(StatusPageTest, IsServedBesideTheMetricsWhereItIsTurnedOn) {
  World world(3, {.more = Yaml()});
  EXPECT_THAT(Get("/"), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("<!DOCTYPE html>"),
                              HasSubstr("\r\nContent-Security-Policy: default-src 'none'; ")));
  EXPECT_THAT(Get("/status"), HasSubstr("<!DOCTYPE html>"));
  EXPECT_THAT(Get("/status.js"), HasSubstr("Content-Type: text/javascript"));
  EXPECT_THAT(Get("/metrics"), HasSubstr("\nredlockd_nodes_up 3\n"));
  EXPECT_THAT(Get("/status.json"),
              AllOf(HasSubstr("Content-Type: application/json\r\n"), HasSubstr("\"nodes_up\":3"),
                    HasSubstr("\"state\":\"up\""), HasSubstr("\"timeline\":{")));
  EXPECT_THAT(Get("/status.json", "elsewhere.example"), StartsWith("HTTP/1.1 421 "));
}

// A reload is enough to close it.
TEST_F(StatusPageTest, IsOffUnlessItIsTurnedOn) {
  Nodes nodes(3);
  DaemonOptions options{.addresses = nodes.Addresses(),
                        .more = "metrics: {address: \"" + address() + "\"}\n"};
  Daemon daemon(options);
  daemon.TrustEmpty();
  LineClient client = daemon.Connect();
  const auto reload = [&](const std::string& yaml) {
    options.more = yaml;
    WriteFile(daemon.dir() / "redlockd.yaml", ToYaml(options));
    ASSERT_EQ(client.Brief("reload"), "OK");
  };
  for (const char* path : {"/", "/status", "/status.json", "/status.js"}) {
    EXPECT_THAT(Get(path), StartsWith("HTTP/1.1 404 ")) << path;
  }
  reload(Yaml());
  EXPECT_THAT(Get("/status.json"), StartsWith("HTTP/1.1 200 "));
  reload(Yaml("false"));
  EXPECT_THAT(Get("/status.json"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Get("/metrics"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(StatusPageTest, HasHotLocksWaitsAndLosses) {
  World world(3, {.more = Yaml()});
  LineClient holder = world.Connect(), one = world.Connect(), two = world.Connect();
  ASSERT_EQ(holder.Brief("lock jobs note=secret"), "OK");
  one.Send("#w lock jobs note=secret");
  two.Send("#w lock jobs note=secret");
  EXPECT_THAT(JsonWith("{\"lock\":\"jobs\",\"waiting\":2,"),
              AllOf(HasSubstr("\"held_here\":true"),
                    HasSubstr("\"pid\":" + std::to_string(getpid())), Not(HasSubstr("secret"))));
  ASSERT_EQ(holder.Brief("lock brief max-hold=1ms"), "OK");
  JsonWith("\"lock\":\"brief\",\"fence\":");
  EXPECT_THAT(JsonWith("\"reason\":\"max-hold\""), HasSubstr("\"lost\":1,"));
}

TEST_F(StatusPageTest, KeepsToTheRules) {
  World world(1, {.more = Yaml() + "rules: [{prefix: billing/, see: root}]\n"});
  LineClient holder = world.Connect(), waiter = world.Connect();
  ASSERT_EQ(holder.Brief("lock billing/close"), "OK");
  ASSERT_EQ(holder.Brief("lock billing/open max-hold=1ms"), "OK");
  waiter.Send("#w lock billing/close");
  EXPECT_THAT(JsonWith("\"hidden\":2"), Not(HasSubstr("billing/")));
  EXPECT_THAT(JsonWith("\"hidden_losses\":1"), Not(HasSubstr("billing/")));
}

// Others are served in between, and nothing of it is held up.
TEST_F(StatusPageTest, ManyLocksAreWalkedOverInPortions) {
  World world(1, {.more = Yaml() + "limits: {locks_per_session: 6000}\n"});
  LineClient holder = world.Connect(), waiter = world.Connect();
  constexpr int kLocks = 3000;
  for (int i = 0; i < kLocks; ++i)
    holder.Send("#" + std::to_string(i) + " lock x" + std::to_string(i));
  for (int i = 0; i < kLocks; ++i) ASSERT_EQ(Brief(holder.Answer()), "OK");
  waiter.Send("#w lock x2999");
  JsonWith("{\"lock\":\"x2999\",\"waiting\":1,");
  EXPECT_EQ(waiter.Brief("ping").substr(0, 2), "OK");
}

// --- in a browser ---------------------------------------------------------------------------------

class StatusPageInABrowser : public StatusPageTest {
 protected:
  void SetUp() override {
    if (RunProgram({"sh", "-c", "command -v chromium"}).exit != ExitCode(0)) {
      GTEST_SKIP() << "needs chromium; scripts/install-packages browser installs it";
    }
  }
  // What stands in the page after it has looked once or twice, as HTML.
  std::string Show() const {
    const TempDir profile;
    Process browser(
        {"chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
         "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--user-data-dir=" + profile.path(), "--virtual-time-budget=3000",
         "--dump-dom", "http://" + address() + "/"},
        {.error_file = profile / "log"});
    std::string page = browser.ReadToEnd(kBrowserPatience);
    EXPECT_EQ(browser.Wait(kBrowserPatience), ExitCode(0)) << ReadFile(profile / "log");
    return page;
  }

  // It is a large program, and a machine under load reads it from its disk first.
  static constexpr Duration kBrowserPatience = 90s;
};

TEST_F(StatusPageInABrowser, ShowsWhatTheDaemonDoes) {
  World world(3, {.more = Yaml()});
  LineClient holder = world.Connect(), waiter = world.Connect();
  ASSERT_EQ(holder.Brief("lock jobs"), "OK");
  waiter.Send("#w lock jobs");
  ASSERT_EQ(holder.Brief("lock brief max-hold=1ms"), "OK");
  JsonWith("\"reason\":\"max-hold\"");
  JsonWith("\"waiting\":1");
  world.nodes[2].Stop();
  world.daemon.WaitForNodes(2);
  const std::string page = Show();
  EXPECT_THAT(page, AllOf(HasSubstr("a majority votes: 2 of 3"), HasSubstr(">jobs</td>"),
                          HasSubstr(">brief</td>"), HasSubstr(">max-hold</td>"),
                          HasSubstr(">down</td>"), HasSubstr("<svg")));
  EXPECT_THAT(page, Not(HasSubstr("does not answer")));
}

// Also a name without a blank, which is as long as names may be, and on a telephone.
TEST_F(StatusPageInABrowser, FitsIntoAnyWindow) {
  if (RunProgram({"sh", "-c", "command -v node"}).exit != ExitCode(0)) {
    GTEST_SKIP() << "needs node";
  }
  World world(3, {.more = Yaml() + "rules: [{prefix: " + std::string(250, 'r') +
                          ", quota: {locks: 1000}}]\n"});
  LineClient holder = world.Connect(), waiter = world.Connect();
  const std::string longest(255, 'x');
  ASSERT_EQ(holder.Brief("lock " + longest), "OK");
  waiter.Send("#w lock " + longest);
  ASSERT_EQ(holder.Brief("lock " + std::string(255, 'y') + " max-hold=1ms"), "OK");
  JsonWith("\"reason\":\"max-hold\"");
  JsonWith("\"waiting\":1");
  const TempDir profile;
  Process browser({"node", REDLOCKD_TEST_SOURCE "/tests/integration/browse.mjs", profile.path(),
                   "http://" + address() + "/", "320", "400", "641", "1200"});
  EXPECT_EQ(browser.ReadToEnd(kBrowserPatience),
            "width=320 beyond=0\nwidth=400 beyond=0\nwidth=641 beyond=0\nwidth=1200 beyond=0\n");
  EXPECT_EQ(browser.Wait(kBrowserPatience), ExitCode(0));
}

TEST_F(StatusPageInABrowser, TakesEachNameForText) {
  World world(1, {.more = Yaml()});
  LineClient holder = world.Connect(), waiter = world.Connect();
  int waits = 0;
  // <img src=x onerror="document.title='taken'"> and an end of the script
  for (const std::string name :
       {"%3Cimg%20src%3Dx%20onerror%3D%22document.title%3D'taken'%22%3E",
        "%3C/script%3E%3Cscript%3Edocument.title%3D'taken'%3C/script%3E", "%E2%80%AEesrever"}) {
    ASSERT_EQ(holder.Brief("lock " + name), "OK");
    waiter.Send("#w" + std::to_string(++waits) + " lock " + name);
  }
  JsonWith("\"waits\":3");
  const std::string page = Show();
  EXPECT_THAT(page, AllOf(HasSubstr("&lt;img src=x onerror="), HasSubstr("&lt;/script&gt;"),
                          HasSubstr("\\xE2\\x80\\xAEesrever"), HasSubstr("<title>redlockd ")));
  EXPECT_THAT(page, AllOf(Not(HasSubstr("<title>taken")), Not(HasSubstr("<img"))));
}

}  // namespace
}  // namespace redlockd::test

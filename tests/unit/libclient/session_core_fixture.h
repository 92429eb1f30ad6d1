// The core of a session for its tests: lines in, lines out, and a clock that the test sets.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "libclient/session/core.h"

namespace redlock::client {

inline constexpr std::int64_t kMs = 1'000'000;
inline constexpr std::int64_t kSecond = 1000 * kMs;
inline constexpr std::int64_t kForever = -1;

class CoreTest : public testing::Test {
 protected:
  static HoldPtr Make(const std::vector<std::string>& names, HoldOptions options = {}) {
    return std::make_shared<Hold>(names, std::move(options));
  }
  static HoldPtr Make(const std::string& name) { return Make(std::vector{name}); }
  HoldPtr AskForAll(const std::vector<std::string>& names, std::int64_t wait_ns = kForever,
                    HoldOptions options = {}) {
    HoldPtr hold = Make(names, std::move(options));
    core_.Lock(hold, wait_ns, now_);
    core_.Run(now_);
    return hold;
  }
  HoldPtr Ask(const std::string& name, std::int64_t wait_ns = kForever, HoldOptions options = {}) {
    return AskForAll(std::vector{name}, wait_ns, std::move(options));
  }
  QueryPtr AskFor(protocol::Request request) {
    const auto query = std::make_shared<Query>(std::move(request));
    core_.Ask(query, kSecond, now_);
    core_.Run(now_);
    return query;
  }
  QueryPtr Checked(const HoldPtr& hold) {
    const auto query = std::make_shared<Query>();
    core_.Check(query, hold, now_);
    core_.Run(now_);
    return query;
  }
  void Greet() {
    ASSERT_TRUE(core_.wants_connect());
    core_.Connected(now_);
    Say("* HELLO redlockd 1 caps=exclusive,set,renew,owners line=4096 boot=b now=" + Text(now_));
  }
  void Say(const std::string& line) {
    core_.TakeLine(line, now_);
    core_.Run(now_);
  }
  // Time passes, and is heard of at each time that the core asks for.
  void Pass(std::int64_t ns) {
    const std::int64_t end = now_ + ns;
    for (std::int64_t next; (next = core_.NextDue()) <= end;) {
      now_ = std::max(next, now_);
      core_.Run(now_);
      if (core_.wants_connect() || core_.wants_close()) break;
      ASSERT_GT(core_.NextDue(), now_) << "time stands still";
    }
    if (!core_.wants_connect() && !core_.wants_close()) now_ = end;
    core_.Run(now_);
  }
  std::vector<std::string> Sent() {
    std::vector<std::string> lines;
    const std::string out = core_.TakeOutgoing();
    for (std::size_t at = 0, end; (end = out.find('\n', at)) != std::string::npos; at = end + 1) {
      lines.push_back(out.substr(at, end - at));
    }
    return lines;
  }
  std::vector<int> Heard() {
    std::vector<int> types;
    for (const auto& [hold, notice] : core_.TakeNotices()) types.push_back(notice.type);
    return types;
  }
  // With the lock that each is about.
  std::vector<std::pair<int, std::string>> HeardOf() {
    std::vector<std::pair<int, std::string>> heard;
    for (const auto& [hold, notice] : core_.TakeNotices()) {
      heard.emplace_back(notice.type, notice.lock->name);
    }
    return heard;
  }
  static std::string Text(std::int64_t number) { return std::to_string(number); }
  std::string Grant(const std::string& tag, const std::string& name, int fence,
                    std::int64_t ttl = 9 * kSecond) const {
    return "#" + tag + " OK lock=" + name + " fence=" + Text(fence) +
           " deadline=" + Text(now_ + ttl) + " left=1s ttl=" + Text(ttl) + "ns votes=3/3";
  }
  HoldPtr Held(const std::string& name, HoldOptions options = {}) {
    HoldPtr hold = Ask(name, kForever, std::move(options));
    Greet();
    Say(Grant("1", name, 7));
    EXPECT_TRUE(hold->is_answered);
    Sent();
    return hold;
  }

  std::int64_t now_ = Now();  // a hold looks at the clock itself
  Core core_{[] { return 0.0; }};
};

}  // namespace redlock::client

#include "daemon/engine/node_log.h"

#include <gtest/gtest.h>

#include <functional>

#include "daemon/engine/outbox.h"
#include "tests/unit/engine/parts.h"

namespace redlockd::engine {
namespace {

using namespace std::chrono_literals;

TEST(NodeLogTest, DoesNotRepeatItself) {
  NodeRecords records(1);
  Outbox outbox;
  Effects effects;
  outbox.Begin(effects);
  NodeLog log(records, outbox);
  const auto logged = [&](const std::function<void()>& report) {
    effects.clear();
    report();
    return !effects.empty();
  };
  records[0].trouble = "refused a renewal: OOM";
  EXPECT_TRUE(logged([&] { log.Refused(At(0s), 0); }));
  EXPECT_FALSE(logged([&] { log.Refused(At(9s), 0); }));
  EXPECT_TRUE(logged([&] { log.Refused(At(10s), 0); }));
  EXPECT_TRUE(logged([&] { log.Noted(0, "no PUBLISH"); }));
  EXPECT_FALSE(logged([&] { log.Noted(0, "no PUBLISH"); }));
  EXPECT_FALSE(logged([&] { log.Noted(0, ""); }));
  EXPECT_TRUE(logged([&] { log.Noted(0, "no PUBLISH"); })) << "it is there again";
  EXPECT_TRUE(logged([&] { log.HostClockMoved(At(0s)); }));
  EXPECT_FALSE(logged([&] { log.HostClockMoved(At(59s)); }));
  EXPECT_TRUE(logged([&] { log.HostClockMoved(At(60s)); }));
}

}  // namespace
}  // namespace redlockd::engine

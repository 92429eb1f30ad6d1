#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <redlock/redlock.hpp>
#include <string>

#include "tests/support/wait.h"

namespace redlockd::test {

// Keeps the thread of a session busy, so that it reads nothing: from when this is made until GoOn.
class BusySession {
 public:
  // By a hold of that lock, whose loss is told in that thread.
  BusySession(redlock::Session& session, const std::string& lock) {
    redlock::HoldOptions options;
    options.max_hold = 50ms;
    options.on_lost = [this](const redlock::Notice&) {
      is_busy_ = true;
      EXPECT_TRUE(Eventually([this] { return may_go_on_.load(); }));
      is_over_ = true;
    };
    hold_ = session.lock(lock, options);
    EXPECT_TRUE(Eventually([this] { return is_busy_.load(); }));
  }
  BusySession(const BusySession&) = delete;
  BusySession& operator=(const BusySession&) = delete;

  // The one that is lost.
  const redlock::Hold& hold() const { return hold_; }
  void GoOn() {
    may_go_on_ = true;
    EXPECT_TRUE(Eventually([this] { return is_over_.load(); }));
  }

 private:
  std::atomic<bool> is_busy_{false};
  std::atomic<bool> may_go_on_{false};
  std::atomic<bool> is_over_{false};
  redlock::Hold hold_;
};

}  // namespace redlockd::test

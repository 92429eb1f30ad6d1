#pragma once

#include <memory>
#include <utility>

#include "daemon/engine/state.h"
#include "tests/unit/engine/engine_fixture.h"

namespace redlockd::engine {

// Rules H: another engine goes on from what the first one left.
class RestartTest : public EngineFixture {
 protected:
  RestartTest() { Start(); }

  State Save() const { return engine_->Save(now_); }

  // What is under way to the nodes is answered to nobody. `gap`: how long nobody serves.
  void Restart(Duration gap = 100ms) {
    auto state = std::make_unique<State>(Save());
    ForgetAsked();
    now_ += gap;
    EXPECT_EQ(WhyUnusable(*state, nodes_.size(), now_), "");
    engine_ = std::make_unique<Engine>(EngineOptions{.timing = timing_,
                                                     .linger = linger_,
                                                     .audit = audit_,
                                                     .limits = limits_,
                                                     .nodes = nodes_.size(),
                                                     .instance = "me",
                                                     .host = "here"},
                                       random_, std::move(state));
    if (connects_) {
      for (NodeIndex i = 0; i < nodes_.size(); ++i) Up(i);
    }
    Do(Resumed{});
  }

  Limits limits_{};
  bool connects_ = true;  // to the nodes, before it serves
};

}  // namespace redlockd::engine

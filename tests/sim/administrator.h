#pragma once

#include <optional>
#include <string>

#include "tests/sim/sim_daemon.h"

namespace redlockd::sim {

// Has a daemon do what only administrators may.
class Administrator : public SessionUser {
 public:
  // What the last answer to it was.
  const std::optional<engine::Answer>& heard() const { return heard_; }

  void OnAnswer(engine::RequestId, const engine::Answer& answer) override { heard_ = answer; }
  void OnNotice(const engine::Notice&) override {}
  void OnHangUp() override {}
  bool CountsOn(const std::string&, engine::Fence) const override { return false; }

 private:
  std::optional<engine::Answer> heard_;
};

}  // namespace redlockd::sim

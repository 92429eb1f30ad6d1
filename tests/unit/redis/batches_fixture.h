#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/unit/redis/nodes_fixture.h"

namespace redlockd::redis {

// Many locks' acquires, renewals or releases in one turn, to a scripted node. The subject of each ticket is
// the lock's number.
class BatchesTest : public NodesTest {
 protected:
  static std::string Name(std::uint64_t number) { return "job" + std::to_string(number); }
  static engine::RenewOp Renewal(std::uint64_t number) { return {Name(number), kOwner, 2s}; }
  static engine::ReleaseOp Release(std::uint64_t number) { return {Name(number), kOwner}; }

  // Of the calls that the scripted node has heard: of how many locks, if of acquires, renewals
  // or releases; else 0.
  std::vector<std::size_t> Calls() const {
    std::vector<std::size_t> calls;
    for (const auto& argv : fake_->heard) {
      if (argv[0] == "EVALSHA") calls.push_back(FakeNode::LocksOf(argv));
    }
    return calls;
  }
  void SayNothing() {
    fake_->answer = [](const FakeNode::Argv&) { return ""; };
  }
  bool Heard(std::size_t calls) {
    return Until([&] { return fake_->Count("EVALSHA") == calls; });
  }
  std::vector<std::uint64_t> Subjects() const {
    std::vector<std::uint64_t> subjects;
    for (const NodeAnswer& answer : answers_) subjects.push_back(answer.ticket.subject);
    for (const NodeSilence& silence : silences_) subjects.push_back(silence.ticket.subject);
    return subjects;
  }
};

}  // namespace redlockd::redis

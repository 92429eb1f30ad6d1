#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "tests/hostile/gauge.h"
#include "tests/hostile/hostile_client.h"
#include "tests/hostile/steady_client.h"
#include "tests/support/daemon.h"

namespace redlockd::test {

// `count`, or as many times that as $REDLOCKD_HOSTILE_SCALE says.
std::size_t Scaled(std::size_t count);
// Likewise, of sessions that are there at a time: no more than the daemon may have descriptors for.
std::size_t ScaledSessions(std::size_t count);
// The daemon's default limits, likewise: what a test asks for is granted at any scale.
std::string ScaledLimits();

// A daemon on three nodes, and a client that behaves. A test lets a flood loose on them, three
// times, and each time all must be again as it was: no descriptor, no session, no lock and no key
// is left of it, and the second and third leave no memory behind that the first had not. (The first
// may: tables keep the size they once had.) How fast the steady client is served is told, in a
// table and in the test's properties, but not judged: only that it is.
//
// All locks of a flood have names that begin with "hostile".
class HostileTest : public testing::Test {
 protected:
  static constexpr std::size_t kFloods = 3;

  explicit HostileTest(const std::string& limits = ScaledLimits());

  void Withstand(const std::function<void()>& flood);

  // To be called by the flood at its height: how much the daemon has taken then.
  void NotePeak();
  // By how much the heap had grown at its highest, of all floods.
  std::size_t PeakGrowth() const;

  std::uint64_t Stat(const std::string& name);

  Gauge gauge_;
  World world_;
  LineClient observer_;
  SteadyClient steady_;

 private:
  struct Phase {
    std::string name;
    Usage usage;
    SteadyClient::Figures figures;
  };
  void WaitUntilNothingIsLeft();
  // "" if nothing is.
  std::string WhatIsLeft();
  std::string Accounts();
  void Note(const std::string& name, const SteadyClient::Figures& figures);
  void Report() const;

  std::size_t descriptors_ = 0;  // before all floods
  Usage peak_;                   // of the flood that is on
  std::vector<Phase> phases_;
};

}  // namespace redlockd::test

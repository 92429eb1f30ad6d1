#include "tests/sim/plain_client.h"

#include "daemon/engine/timing.h"

namespace redlockd::sim {
namespace {

using namespace std::chrono_literals;

const std::string kLock = "all";
constexpr Duration kTtl = 100ms;
constexpr Duration kDriftAllowance = kTtl / 50 + 2ms;
// After a hold, so that daemons, which poll as well, have a turn: longer than any poll of theirs.
constexpr Duration kPause = 150ms;

}  // namespace

void PlainClient::Begin(std::optional<Duration> longest) {
  on_ = true;
  longest_ = longest;
  waits_since_ = parts_.timeline.now();
  Poll();
}

void PlainClient::End() { on_ = false; }

Duration PlainClient::OneWay() { return chance_.Between(Duration(20us), Duration(300us)); }

void PlainClient::Poll() {
  if (!on_) return;
  value_ = "plain-" + std::to_string(++rounds_);
  round_ = {parts_.timeline.now()};
  for (SimNode& node : parts_.nodes) {
    parts_.timeline.After(OneWay(), [this, &node] {
      const bool vote = node.SetIfFree(kLock, value_, kTtl);
      parts_.timeline.After(OneWay(), [this, vote] { Answered(vote); });
    });
  }
}

void PlainClient::Answered(bool vote) {
  round_.votes += vote;
  if (++round_.answers == parts_.nodes.size()) Judge();
}

void PlainClient::Judge() {
  const Moment now = parts_.timeline.now();
  if (2 * round_.votes <= parts_.nodes.size()) {
    Release();
    if (longest_ && now - waits_since_ > *longest_) {
      parts_.checker.Broken(Promise::kFair, "a plain client goes without the lock for " +
                                                engine::ToText(now - waits_since_));
      waits_since_ = now;
    }
    return parts_.timeline.After(chance_.Between(kPoll / 3, kPoll), [this] { Poll(); });
  }
  parts_.trace([] { return std::string("a plain client holds all"); });
  parts_.reached(Reached::kPlainHeld);
  parts_.checker.TakenPlainly(kLock, value_, round_.asked + kTtl - kDriftAllowance);
  parts_.timeline.After(chance_.UpTo(kHold), [this] {
    parts_.trace([] { return std::string("a plain client lets go of all"); });
    parts_.checker.LetGoPlainly(kLock, value_);
    Release();
    parts_.timeline.After(kPause, [this] {
      waits_since_ = parts_.timeline.now();
      Poll();
    });
  });
}

void PlainClient::Release() {
  for (SimNode& node : parts_.nodes) {
    parts_.timeline.After(OneWay(), [&node, value = value_] { node.DeleteIf(kLock, value); });
  }
}

}  // namespace redlockd::sim

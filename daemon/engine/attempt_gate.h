#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "base/check.h"
#include "daemon/engine/counted.h"
#include "daemon/engine/fair_line.h"
#include "daemon/engine/types.h"

namespace redlockd::engine {

// Limits how many attempts are in flight, and keeps the others waiting in a line in which users
// take turns (rule C12). The limit rises with each attempt that is granted, and falls with each one
// that too few nodes answered in time, because the nodes may be overloaded.
class AttemptGate {
 public:
  // One that may wait for its turn to begin an attempt.
  class Contender {
   public:
    virtual ~Contender() = default;
    // It is first in the line before the gate, and there is room: it enters now.
    virtual void OnTurn(Time now) = 0;
  };

  static constexpr std::size_t kLeast = 8;  // unless fewer are the most

  // One user may have at most this fraction of the attempts in flight (one in kShare). So there is
  // always room for others, and the nodes' work for one user does not make the others wait for
  // long.
  static constexpr std::size_t kShare = 4;

  explicit AttemptGate(std::size_t most) : most_(most), width_(most) {}

  // An attempt that is under way, for as long as it lives.
  class Passage : Counted {
   public:
    Passage(AttemptGate& gate, std::uint32_t uid)
        : Counted(gate.under_way_), gate_(gate), uid_(uid) {
      ++gate_.under_way_of_[uid_];
    }
    ~Passage() { gate_.Leave(uid_); }

   private:
    AttemptGate& gate_;
    std::uint32_t uid_;
  };
  // It passes from the attempt to the release of what the attempt may have left on the nodes.
  using Pass = std::unique_ptr<Passage>;
  Pass Enter(std::uint32_t uid) {
    auto pass = std::make_unique<Passage>(*this, uid);
    if (IsFull(uid)) line_.HoldBack(uid);
    return pass;
  }
  // Whether this one may enter for the user: there is room, and no other is before it.
  bool LetsIn(const Contender& who, std::uint32_t uid) const {
    return IsOpen() && !IsFull(uid) && (line_.First() == nullptr || line_.First() == &who);
  }

  void OnGranted() { width_ = std::min(width_ + 1, most_); }
  void OnUnanswered() { width_ = std::max(width_, least_ + 4) - 4; }

  // A place in the line before the gate; who drops it leaves the line.
  using Place = FairLine<Contender>::Place;
  std::unique_ptr<Place> StandInLine(std::uint32_t uid, Contender& who) {
    auto place = std::make_unique<Place>(line_, uid, who);
    if (IsFull(uid)) line_.HoldBack(uid);
    return place;
  }
  // Whose turn it is; none if nobody waits, or not yet.
  Contender* Next() const { return IsOpen() ? line_.First() : nullptr; }

 private:
  bool IsOpen() const { return under_way_ < width_; }
  bool IsFull(std::uint32_t uid) const {
    const auto known = under_way_of_.find(uid);
    return known != under_way_of_.end() && known->second >= share_;
  }
  void Leave(std::uint32_t uid) {
    const auto known = under_way_of_.find(uid);
    CHECK(known != under_way_of_.end() && known->second > 0);
    if (--known->second < share_) line_.LetGo(uid);
    if (known->second == 0) under_way_of_.erase(known);
  }

  const std::size_t most_;
  const std::size_t least_ = std::min(kLeast, most_);
  std::size_t width_;
  const std::size_t share_ = std::max<std::size_t>(most_ / kShare, 1);
  std::size_t under_way_ = 0;
  std::unordered_map<std::uint32_t, std::size_t> under_way_of_;  // by uid
  FairLine<Contender> line_;
};

}  // namespace redlockd::engine

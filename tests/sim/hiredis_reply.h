#pragma once

#include <hiredis/hiredis.h>

#include <vector>

#include "tests/sim/reply.h"

namespace redlockd::sim {

// A reply as hiredis' reader gives it. Refers to the texts of `reply`, which must outlive it.
class HiredisReply {
 public:
  explicit HiredisReply(const Reply& reply);
  HiredisReply(HiredisReply&&) noexcept = default;
  HiredisReply& operator=(HiredisReply&&) noexcept = default;

  const redisReply& get() const { return reply_; }

 private:
  redisReply reply_{};
  std::vector<HiredisReply> elements_;
  std::vector<redisReply*> pointers_;  // to those, as hiredis has them
};

}  // namespace redlockd::sim

#pragma once

#include <hiredis/hiredis.h>

#include <memory>
#include <string>

namespace redlockd::redis {

struct FreeReader {
  void operator()(redisReader* reader) const { redisReaderFree(reader); }
};
using Reader = std::unique_ptr<redisReader, FreeReader>;

// hiredis' reader of replies, for replies as redlockd gets them: with at most kMaxElements, none of
// which is an array. Left to itself it makes room for as many elements as a node says there will
// be, and takes seconds to give it back.
inline constexpr int kMaxElements = 112;  // an acquire of 16 locks has 98
Reader MakeReader();

// What such a reader gives is freed so, not by hiredis.
struct FreeReply {
  void operator()(redisReply* reply) const;
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

// What is wrong with what was read, once it has said so.
std::string ErrorOf(const redisReader& reader);

}  // namespace redlockd::redis

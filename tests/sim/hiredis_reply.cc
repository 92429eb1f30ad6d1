#include "tests/sim/hiredis_reply.h"

namespace redlockd::sim {
namespace {

int TypeOf(Reply::Kind kind) {
  switch (kind) {
    case Reply::Kind::kInteger:
      return REDIS_REPLY_INTEGER;
    case Reply::Kind::kString:
      return REDIS_REPLY_STRING;
    case Reply::Kind::kStatus:
      return REDIS_REPLY_STATUS;
    case Reply::Kind::kError:
      return REDIS_REPLY_ERROR;
    case Reply::Kind::kArray:
      return REDIS_REPLY_ARRAY;
    case Reply::Kind::kNil:
      break;
  }
  return REDIS_REPLY_NIL;
}

}  // namespace

HiredisReply::HiredisReply(const Reply& reply) {
  reply_.type = TypeOf(reply.kind);
  reply_.integer = reply.integer;
  reply_.str = const_cast<char*>(reply.text.data());  // never written to
  reply_.len = reply.text.size();
  elements_.reserve(reply.elements.size());
  pointers_.reserve(reply.elements.size());
  for (const Reply& element : reply.elements) {
    pointers_.push_back(&elements_.emplace_back(element).reply_);
  }
  reply_.elements = pointers_.size();
  reply_.element = pointers_.data();
}

}  // namespace redlockd::sim

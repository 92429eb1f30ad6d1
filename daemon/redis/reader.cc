#include "daemon/redis/reader.h"

namespace redlockd::redis {
namespace {

const redisReplyObjectFunctions& HiredisOwn() {
  static const redisReplyObjectFunctions functions = *Reader(redisReaderCreate())->fn;
  return functions;
}

void* CreateArray(const redisReadTask* task, int elements) {
  if (elements > kMaxElements || task->parent != nullptr) return nullptr;
  return HiredisOwn().createArray(task, elements);
}

}  // namespace

Reader MakeReader() {
  static redisReplyObjectFunctions functions = [] {
    redisReplyObjectFunctions own = HiredisOwn();
    own.createArray = CreateArray;
    return own;
  }();
  return Reader(redisReaderCreateWithFunctions(&functions));
}

std::string ErrorOf(const redisReader& reader) {
  // So it calls an array that was refused it.
  if (reader.err == REDIS_ERR_OOM) {
    return "an array of more than " + std::to_string(kMaxElements) + " elements, or in another";
  }
  return reader.errstr;
}

}  // namespace redlockd::redis

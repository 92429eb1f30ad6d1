#include "daemon/redis/reader.h"

#include <array>
#include <utility>

namespace redlockd::redis {
namespace {

// A reply with all that may belong to it. To make and free each element by itself costs more than
// to read it: a reply that is freed is kept for the next one.
struct Whole : redisReply {
  Whole() : redisReply{} {
    for (std::size_t i = 0; i < parts.size(); ++i) places[i] = &parts[i];
  }

  std::array<redisReply, kMaxElements> parts{};
  std::array<redisReply*, kMaxElements> places{};
  std::array<std::string, 1 + kMaxElements> texts;  // the reply's own, and its elements'
};
thread_local std::unique_ptr<Whole> spare;

// The reply that hiredis has come to, or the element of one, and where its text goes.
struct Part {
  redisReply& reply;
  std::string& text;
};

Part NewPart(const redisReadTask& task, int type) {
  const bool is_element = task.parent != nullptr;
  Whole& whole = is_element ? *static_cast<Whole*>(static_cast<redisReply*>(task.parent->obj))
                 : spare    ? *spare.release()
                            : *new Whole;
  const auto index = static_cast<std::size_t>(task.idx);
  redisReply& reply = is_element ? whole.parts[index] : whole;
  reply = redisReply{};
  reply.type = type;
  return {reply, whole.texts[is_element ? 1 + index : 0]};
}

void* CreateString(const redisReadTask* task, char* text, std::size_t size) {
  const Part part = NewPart(*task, task->type);
  part.text.assign(text, size);
  part.reply.str = part.text.data();
  part.reply.len = size;
  return &part.reply;
}

// Size: int in hiredis 0.14, std::size_t since.
template <class Size>
void* CreateArray(const redisReadTask* task, Size size) {
  if (size > Size{kMaxElements} || task->parent != nullptr) return nullptr;
  redisReply& reply = NewPart(*task, task->type).reply;
  reply.elements = static_cast<std::size_t>(size);
  reply.element = static_cast<Whole&>(reply).places.data();
  return &reply;
}

void* CreateInteger(const redisReadTask* task, long long value) {
  redisReply& reply = NewPart(*task, REDIS_REPLY_INTEGER).reply;
  reply.integer = value;
  return &reply;
}

void* CreateNil(const redisReadTask* task) { return &NewPart(*task, REDIS_REPLY_NIL).reply; }

// Frees a whole reply: hiredis does not free elements by themselves.
void FreeObject(void* reply) {
  if (reply != nullptr) FreeReply()(static_cast<redisReply*>(reply));
}

// By name: their order and number differ between hiredis 0.14 and 1.x. What is left null makes
// hiredis give an integer in place of a reply, so none may be.
template <class Functions>
Functions MakeFunctions() {
  Functions functions{};
  functions.createString = CreateString;
  functions.createArray = CreateArray;
  functions.createInteger = CreateInteger;
  functions.createNil = CreateNil;
  functions.freeObject = FreeObject;
  // RESP3, which redlockd never asks for: make a reply of the type, without its value.
  if constexpr (requires { functions.createDouble; }) {
    functions.createDouble = [](const redisReadTask* task, double, char*, std::size_t) -> void* {
      return &NewPart(*task, task->type).reply;
    };
  }
  if constexpr (requires { functions.createBool; }) {
    functions.createBool = [](const redisReadTask* task, int) -> void* {
      return &NewPart(*task, task->type).reply;
    };
  }
  return functions;
}

}  // namespace

Reader MakeReader() {
  static redisReplyObjectFunctions functions = MakeFunctions<redisReplyObjectFunctions>();
  return Reader(redisReaderCreateWithFunctions(&functions));
}

void FreeReply::operator()(redisReply* reply) const {
  std::unique_ptr<Whole> whole(static_cast<Whole*>(reply));
  if (!spare) spare = std::move(whole);
}

std::string ErrorOf(const redisReader& reader) {
  // So it calls an array that was refused it.
  if (reader.err == REDIS_ERR_OOM) {
    return "an array of more than " + std::to_string(kMaxElements) + " elements, or a nested one";
  }
  return reader.errstr;
}

}  // namespace redlockd::redis

#include "tests/sim/lua_reply.h"

#include <algorithm>
#include <limits>
#include <string_view>

namespace redlockd::sim {
namespace {

void PushText(lua_State* lua, std::string_view text) {
  lua_pushlstring(lua, text.data(), text.size());
}

void PushField(lua_State* lua, const char* name, std::string_view text) {
  lua_createtable(lua, 0, 1);
  PushText(lua, text);
  lua_setfield(lua, -2, name);
}

std::string Text(lua_State* lua) {
  std::size_t size = 0;
  const char* text = lua_tolstring(lua, -1, &size);
  return {text, size};
}

// A status or an error is one line, whatever the script says.
std::string OneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n'; }, ' ');
  return text;
}

// As a C cast does it on x86-64 and Redis relies on: what does not fit is the least integer.
std::int64_t Cut(lua_Number number) {
  constexpr lua_Number kBeyond = 9223372036854775808.0;  // 2^63
  if (!(number >= -kBeyond && number < kBeyond)) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(number);
}

Reply FromTable(lua_State* lua) {
  for (const auto kind : {Reply::Kind::kError, Reply::Kind::kStatus}) {
    lua_pushstring(lua, kind == Reply::Kind::kError ? "err" : "ok");
    lua_rawget(lua, -2);
    const bool found = lua_type(lua, -1) == LUA_TSTRING;
    Reply reply{.kind = kind, .text = found ? OneLine(Text(lua)) : ""};
    lua_pop(lua, 1);
    if (found) return reply;
  }
  Reply reply{.kind = Reply::Kind::kArray};
  for (int i = 1;; ++i) {
    lua_rawgeti(lua, -1, i);
    const bool end = lua_isnil(lua, -1);
    if (!end) reply.elements.push_back(ToReply(lua));
    lua_pop(lua, 1);
    if (end) return reply;
  }
}

}  // namespace

void Push(lua_State* lua, const Reply& reply) {
  switch (reply.kind) {
    case Reply::Kind::kNil:
      return lua_pushboolean(lua, 0);
    case Reply::Kind::kInteger:
      return lua_pushnumber(lua, static_cast<lua_Number>(reply.integer));
    case Reply::Kind::kString:
      return PushText(lua, reply.text);
    case Reply::Kind::kStatus:
      return PushField(lua, "ok", reply.text);
    case Reply::Kind::kError:
      return PushField(lua, "err", reply.text);
    case Reply::Kind::kArray:
      break;
  }
  lua_createtable(lua, static_cast<int>(reply.elements.size()), 0);
  int i = 0;
  for (const Reply& element : reply.elements) {
    Push(lua, element);
    lua_rawseti(lua, -2, ++i);
  }
}

Reply ToReply(lua_State* lua) {
  switch (lua_type(lua, -1)) {
    case LUA_TSTRING:
      return Reply::String(Text(lua));
    case LUA_TNUMBER:
      return Reply::Integer(Cut(lua_tonumber(lua, -1)));
    case LUA_TBOOLEAN:
      return lua_toboolean(lua, -1) ? Reply::Integer(1) : Reply{};
    case LUA_TTABLE:
      return FromTable(lua);
    default:
      return {};
  }
}

}  // namespace redlockd::sim

#include "tests/sim/lua.h"

#include <array>
#include <cstdio>
#include <lua.hpp>
#include <stdexcept>

#include "tests/sim/lua_reply.h"

namespace redlockd::sim {
namespace {

// Lua's errors are longjmps: no C++ object may live in a function that raises one. So what has
// objects is in functions of its own that return.

Reply Execute(lua_State* lua, Lua::Running& running) {
  const int count = lua_gettop(lua);
  if (count == 0) {
    return Reply::Error("ERR Please specify at least one argument for this redis lib call");
  }
  running.argv.clear();
  for (int i = 1; i <= count; ++i) {
    if (lua_type(lua, i) == LUA_TNUMBER) {  // not as Lua makes it text, which would lose digits
      std::array<char, 32> text;
      std::snprintf(text.data(), text.size(), "%.17g", lua_tonumber(lua, i));
      lua_pushstring(lua, text.data());
      lua_replace(lua, i);
    }
    std::size_t size = 0;
    const char* text = lua_tolstring(lua, i, &size);
    if (!text) {
      return Reply::Error("ERR Lua redis lib command arguments must be strings or integers");
    }
    running.argv.emplace_back(text, size);
  }
  return running.store->Execute(running.now, running.argv);
}

// Leaves the reply on the stack; true if it is an error.
bool PushExecuted(lua_State* lua) {
  auto* running = static_cast<Lua::Running*>(lua_touserdata(lua, lua_upvalueindex(1)));
  const Reply reply = Execute(lua, *running);
  Push(lua, reply);
  return reply.kind == Reply::Kind::kError;
}

int Call(lua_State* lua) { return PushExecuted(lua) ? lua_error(lua) : 1; }

int ProtectedCall(lua_State* lua) {
  PushExecuted(lua);
  return 1;
}

int NoSuchGlobal(lua_State* lua) {
  return luaL_error(lua, "Script attempted to access nonexistent global variable '%s'",
                    lua_tostring(lua, 2));
}

int NoNewGlobal(lua_State* lua) { return luaL_error(lua, "Attempt to modify a readonly table"); }

// Makes whatever was raised a table: err, and source and line of the script that raised it.
int OnError(lua_State* lua) {
  if (!lua_istable(lua, 1)) {
    lua_createtable(lua, 0, 3);
    lua_pushfstring(lua, "ERR %s",
                    lua_isstring(lua, 1) ? lua_tostring(lua, 1) : luaL_typename(lua, 1));
    lua_setfield(lua, -2, "err");
    lua_replace(lua, 1);
  }
  lua_Debug where;
  if (lua_getstack(lua, 1, &where) == 0) return 1;
  lua_getinfo(lua, "nSl", &where);
  if (*where.what == 'C' && lua_getstack(lua, 2, &where) != 0) lua_getinfo(lua, "nSl", &where);
  lua_pushstring(lua, where.source);
  lua_setfield(lua, 1, "source");
  lua_pushinteger(lua, where.currentline);
  lua_setfield(lua, 1, "line");
  lua_settop(lua, 1);
  return 1;
}

void Remove(lua_State* lua, int table, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    lua_pushnil(lua);
    lua_setfield(lua, table, name);
  }
}

void OpenLibraries(lua_State* lua) {
  for (const auto& [name, open] :
       std::initializer_list<luaL_Reg>{{"", luaopen_base},
                                       {LUA_STRLIBNAME, luaopen_string},
                                       {LUA_TABLIBNAME, luaopen_table},
                                       {LUA_MATHLIBNAME, luaopen_math}}) {
    lua_pushcfunction(lua, open);
    lua_pushstring(lua, name);
    lua_call(lua, 1, 0);
  }
  Remove(lua, LUA_GLOBALSINDEX,
         {"collectgarbage", "dofile", "loadfile", "print", "rawset", "setfenv", "xpcall"});
  lua_getglobal(lua, LUA_MATHLIBNAME);
  Remove(lua, 1, {"random", "randomseed"});
  lua_settop(lua, 0);
}

void OpenRedis(lua_State* lua, Lua::Running* running) {
  lua_newtable(lua);
  for (const auto& [name, function] :
       std::initializer_list<luaL_Reg>{{"call", Call}, {"pcall", ProtectedCall}}) {
    lua_pushlightuserdata(lua, running);
    lua_pushcclosure(lua, function, 1);
    lua_setfield(lua, -2, name);
  }
  lua_setglobal(lua, "redis");
}

// A table with one metamethod more; on top of the stack is the metamethod's value.
void SetMeta(lua_State* lua, int table, const char* event) {
  if (!lua_getmetatable(lua, table)) lua_newtable(lua);
  lua_insert(lua, -2);
  lua_setfield(lua, -2, event);
  lua_setmetatable(lua, table);
}

// Scripts see an empty table in front of the globals: they read through it and cannot write.
void MakeEnvironment(lua_State* lua) {
  lua_pushcfunction(lua, NoSuchGlobal);
  SetMeta(lua, LUA_GLOBALSINDEX, "__index");
  lua_newtable(lua);
  lua_pushvalue(lua, LUA_GLOBALSINDEX);
  SetMeta(lua, 1, "__index");
  lua_pushcfunction(lua, NoNewGlobal);
  SetMeta(lua, 1, "__newindex");
  lua_pushvalue(lua, 1);
  lua_setglobal(lua, "_G");
  lua_settop(lua, 0);
}

void SetList(lua_State* lua, const char* name, std::span<const std::string> texts) {
  lua_createtable(lua, static_cast<int>(texts.size()), 0);
  int i = 0;
  for (const std::string& text : texts) {
    lua_pushlstring(lua, text.data(), text.size());
    lua_rawseti(lua, -2, ++i);
  }
  lua_setglobal(lua, name);
}

std::string Field(lua_State* lua, const char* name) {
  lua_getfield(lua, -1, name);
  const char* text = lua_tostring(lua, -1);
  std::string field = text ? text : "";
  lua_pop(lua, 1);
  return field;
}

}  // namespace

Lua::Lua() : lua_(luaL_newstate()) {
  if (!lua_) throw std::runtime_error("no memory for Lua");
  OpenLibraries(lua_);
  OpenRedis(lua_, &running_);
  MakeEnvironment(lua_);
}

Lua::~Lua() { lua_close(lua_); }

std::size_t Lua::Load(std::string name, std::string_view source) {
  if (luaL_loadbuffer(lua_, source.data(), source.size(), "@user_script") != 0) {
    const std::string error = lua_tostring(lua_, -1);
    lua_settop(lua_, 0);
    throw std::runtime_error(name + ": " + error);
  }
  lua_getglobal(lua_, "_G");
  lua_setfenv(lua_, -2);
  scripts_.push_back({.name = std::move(name), .function = luaL_ref(lua_, LUA_REGISTRYINDEX)});
  return scripts_.size() - 1;
}

Reply Lua::Run(std::size_t script, std::span<const std::string> keys,
               std::span<const std::string> args, Store& store, engine::NodeTime now) {
  running_.store = &store;
  running_.now = now;
  SetList(lua_, "KEYS", keys);
  SetList(lua_, "ARGV", args);
  lua_pushcfunction(lua_, OnError);
  lua_rawgeti(lua_, LUA_REGISTRYINDEX, scripts_[script].function);
  const bool failed = lua_pcall(lua_, 0, 1, 1) != 0;
  Reply reply = failed ? ErrorOf(scripts_[script]) : ToReply(lua_);
  lua_settop(lua_, 0);
  return reply;
}

// On top of the stack is what OnError made.
Reply Lua::ErrorOf(const Script& script) const {
  const std::string source = Field(lua_, "source");
  const std::string line = Field(lua_, "line");
  Reply reply = ToReply(lua_);
  if (!source.empty())
    reply.text += " script: " + script.name + ", on " + source + ":" + line + ".";
  return reply;
}

}  // namespace redlockd::sim

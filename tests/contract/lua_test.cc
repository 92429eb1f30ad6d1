// What the fake node's Lua gives to scripts, and makes of what they return, is what Redis does. Our
// own scripts need little of it; scripts that are changed for a test may need the rest.
#include "tests/sim/lua.h"

#include <gtest/gtest.h>

#include <array>

#include "tests/contract/compare.h"
#include "tests/contract/sides.h"

namespace redlockd::contract {
namespace {

constexpr std::array kScripts = {
    // --- to a reply
    "return 3.99", "return -3.99", "return 0/0", "return 1/0", "return -1/0", "return 2^53 + 1",
    "return 2^62", "return 2^63", "return '5'", "return 'a\\0b\\r\\n'", "return true",
    "return false", "return nil", "return", "return redis.call", "return {}",
    "return {1, 2.5, 'three', true, false, {4, {}}, nil, 8}", "return {1, {}, 3}",
    "return {ok='fine\\r\\nso'}", "return {err='BAD thing\\nof two lines'}", "return {err='bad'}",
    "return {ok=5, 6}", "return {err='E one', ok='two', 3}", "return {x=1}", "return 1, 2",
    // --- from a reply
    "return type(redis.call('GET', 'none'))", "return type(redis.call('PTTL', 'none'))",
    "return redis.call('SET', 'key', 'v')", "return redis.call('SET', 'key', 'v').ok",
    "return redis.call('GET', 'key')", "return redis.call('HMGET', 'none', 'a', 'b')",
    "return redis.call('hmget', 'none', 'a')[1] == false", "return #redis.call('TIME')",
    "return redis.call('HSET', 'hash', 'a', 1, 'b', 2)", "return redis.call('HMGET', 'hash', 'b')",
    "return redis.call('HGETALL', 'none')", "return redis.call('HGETALL', 'hash')",
    "return redis.call('HGETALL', 'n')", "return redis.call('PUBLISH', 'channel', 'text')",
    "redis.call('ZADD', 'set', 1763931234567890, 'a') return redis.call('ZSCORE', 'set', 'a')",
    "return redis.call('ZSCORE', 'set', 'b') == false", "return redis.call('ZRANK', 'set', 'b')",
    "return redis.call('ZRANGE', 'set', '0', '2', 'WITHSCORES')",
    "return redis.call('ZRANGE', 'none', '0', '2')", "return redis.pcall('ZREM', 'hash', 'a').err",
    "return redis.call('ZREVRANGEBYSCORE', 'set', 2^53, '-inf', 'WITHSCORES', 'LIMIT', '0', '2')",
    // --- arguments
    "redis.call('SET', 'n', 1763931234567890) return redis.call('GET', 'n')",
    "redis.call('SET', 'n', 3) return redis.call('GET', 'n') + 1",
    "redis.call('SET', 'n', 1, 'PX', 1000) return redis.call('PTTL', 'n')",
    "return redis.call('SET', 'n', 1, 'PX', 1000.5)", "return KEYS[1] .. #KEYS .. ARGV[1] .. #ARGV",
    "return KEYS[9]",
    // --- errors
    "return redis.call('GET', 'hash')", "return redis.pcall('GET', 'hash')",
    "return redis.pcall('GET', 'hash').err", "local r = redis.call('GET', 'hash')\nreturn r",
    "return redis.call()", "return redis.call('NONE')", "return redis.call('GET')",
    "return redis.call('GET', 'a', 'b')", "return redis.call('GET', {})", "return redis.call(nil)",
    "return redis.call('HSET', 'hash', 'a', 1, 'b')", "return redis.call('SET', 'n', 1, 'PX')",
    "return redis.call('SET', 'n', 1, 'PX', 0)", "return redis.call('PEXPIRE', 'n', 2^63)",
    "error('mine')", "error('mine', 0)", "error({err='MY own'})", "error()", "error(5)",
    "\n\nlocal x = nil + 1", "return tonumber()", "return ('x').y.z",
    // --- no globals
    "left = 1", "_G.left = 1", "return left", "local function f() inner = 1 end f()",
    "function f() end", "KEYS[1] = 'mine' return KEYS[1]",
    // --- numbers and text
    "return string.format('%.0f', 1763931234567890)", "return tostring(1763931234567890)",
    "return 1763931234567890 .. ''", "return tonumber('0x10')", "return tonumber(' 5 ')",
    "return tonumber('5x') == nil", "return tostring(tonumber('nan'))", "return '10' + 5",
    "return math.max('3', 4)", "return string.match('ab:12:c', '^([^:]+):(%d+):')"};

constexpr std::array kFractions = {"redis.call('SET', 'n', 0.1) return redis.call('GET', 'n')",
                                   "redis.call('SET', 'n', -1e300) return redis.call('GET', 'n')"};

TEST(Contract, LuaIsTheSame) {
  const test::Server& server = test::ServerUnderTest();
  std::vector<std::string> scripts(kScripts.begin(), kScripts.end());
  if (server.WritesFractionsWith17Digits()) {
    scripts.insert(scripts.end(), kFractions.begin(), kFractions.end());
  }
  RealSide real;
  sim::Lua lua;
  sim::Store store;
  constexpr engine::NodeTime kNow = 1'700'000'000'000'000;
  real.Do({.now = kNow, .what = Flush{}});
  const std::vector<std::string> keys = {"key"};
  const std::vector<std::string> args = {"arg", "arg"};
  for (const std::string& script : scripts) {
    const std::string sha = real.Ask({"SCRIPT", "LOAD", script}).text;
    const sim::Reply is = real.Ask({"EVALSHA", sha, "1", keys[0], args[0], args[1]});
    const sim::Reply seems = lua.Run(lua.Load(sha, script), keys, args, store, kNow);
    EXPECT_TRUE(Same(is, seems, ErrorsOf(server)))
        << script << "\n  real: " << is << "\n  fake: " << seems;
  }
}

}  // namespace
}  // namespace redlockd::contract

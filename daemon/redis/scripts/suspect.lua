-- Rules D5, D6: the node may have lost something: quarantine, from now. With a witness, the instance of
-- a daemon whose own clock is all that speaks for it: from when a second one says so within 5 s.
-- KEYS: sentinel. ARGV: settings, witness (may be empty).
local witness = ARGV[5]
local node = read_sentinel(KEYS[1])
if not node then return no_vote(KEYS[1]) end

local function is_seconded()
  local said = redis.call('HMGET', KEYS[1], 'witness')[1]
  local other, at = string.match(said or '', '^(%S+) (%d+)$')
  return other and other ~= witness and math.abs(now - at) <= 5000000
end

if witness ~= '' and not is_seconded() then
  redis.call('HSET', KEYS[1], 'witness', witness .. ' ' .. int(now))
  return reply('ok', 0, math.max(0, node.ready - now))
end
return reply('ok', 0, quarantine_again(KEYS[1], ARGV[1], node))

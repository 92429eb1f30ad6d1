-- Rules D5, D6: the node may have lost something: quarantine, from now. With a witness, the instance of
-- a daemon whose own clock is all that speaks for it: from when a second one says so within 5 s.
-- KEYS: sentinel. ARGV: settings, witness (may be empty).
local witness = ARGV[5]
local daemon = settings()
local node = read_sentinel(KEYS[1])

local function is_seconded()
  local said = redis.call('HGET', KEYS[1], 'witness')
  local other, at = string.match(said or '', '^(%S+) (%d+)$')
  return other and other ~= witness and math.abs(now - at) <= 5000000
end

if witness ~= '' and not is_seconded() then
  redis.call('HSET', KEYS[1], 'witness', witness .. ' ' .. int(now))
  return reply('ok', 0, node and math.max(0, node.ready - now) or 0)
end
if not node then write_settings(KEYS[1], daemon) end
return reply('ok', 0, begin_quarantine(KEYS[1], daemon, node))

-- Rule D7: ends the quarantine of a node that has its sentinel and never gave a vote.
-- KEYS: sentinel. ARGV: settings.
local refusal = check(KEYS[1])
if refusal and refusal[1] ~= 'quarantine' then return refusal end
if refusal then
  local node = read_sentinel(KEYS[1])
  if node.voted or node.was or node.bound > 0 then return refusal end
  redis.call('HSET', KEYS[1], 'ready', int(now))
end
return reply('ok')

-- Rule D7: ends the quarantine of a node that has its sentinel.
-- KEYS: sentinel. ARGV: settings.
local refusal = check(KEYS[1])
if refusal and refusal[1] ~= 'quarantine' then return refusal end
if refusal then redis.call('HSET', KEYS[1], 'ready', int(now)) end
return reply('ok')

-- Rule C5: lengthens what the owner has; never sets a key, never shortens.
-- KEYS: lock, fence, sentinel. ARGV: settings, owner, ttl in ms, fence_life in ms.
local owner, ttl, fence_life = ARGV[5], tonumber(ARGV[6]), ARGV[7]
local refusal = check(KEYS[3], settings())
if refusal then return refusal end

if holder(KEYS[1]) ~= owner then return reply('not-owner') end
if redis.call('PTTL', KEYS[1]) < ttl then redis.call('PEXPIRE', KEYS[1], int(ttl)) end
redis.call('PEXPIRE', KEYS[2], fence_life)
return reply('ok')

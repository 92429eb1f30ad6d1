-- Rule C5: lengthens what the owners have; never sets a key, never shortens. The reply's text has a
-- letter for each lease: o renewed, O renewed and another daemon wants it (rule E2), n not this owner's.
-- KEYS: sentinel; of each lease: lock, fence, want. ARGV: settings, fence_life in ms; of each lease:
-- owner, ttl in ms.
local fence_life = ARGV[5]
local refusal = check(KEYS[1])
if refusal then return refusal end

local function renew(lock, fence, want, owner, ttl)
  if read(lock) ~= owner then return 'n' end
  if redis.call('PTTL', lock) < tonumber(ttl) then redis.call('PEXPIRE', lock, ttl) end
  if redis.call('PTTL', fence) < tonumber(fence_life) then redis.call('PEXPIRE', fence, fence_life) end
  local _, greatest = read_queue(want, owner)
  return greatest > 0 and 'O' or 'o'
end

local said = {}
for i = 1, (#KEYS - 1) / 3 do
  said[i] = renew(KEYS[3 * i - 1], KEYS[3 * i], KEYS[3 * i + 1], ARGV[2 * i + 4], ARGV[2 * i + 5])
end
return reply('ok', 0, 0, table.concat(said))

-- Needs queue.lua.
-- Rules C5, F1: lengthens what the owners have; never sets a key, never shortens. The reply's text has a
-- letter for each lease: o renewed, O renewed and another daemon wants it (rule E2), n not this owner's,
-- k not this owner's as it was broken (rule I4), e it is this owner's, and could not be written.
-- KEYS: sentinel; of each lease: lock, fence, queue, wait. ARGV: settings, fence_life in ms; of each lease:
-- owner, ttl in ms.
local fence_life = ARGV[5]
local refusal = check(KEYS[1])
if refusal then return refusal end

local function renew(lock, fence, queue, wait, owner, ttl)
  local value, shares = read(lock), false
  if value == SHARED then
    local sharers = sharers_of(lock)
    shares = sharers.till(owner) ~= nil
    if shares then
      if not sharers.join(owner, tonumber(ttl)) then return 'e' end
      value = owner
    elseif sharers.till(KEPT .. owner) then
      return 'k'
    end
  end
  if value ~= owner then return value == KEPT .. owner and 'k' or 'n' end
  if redis.call('PTTL', lock) < tonumber(ttl) then redis.call('PEXPIRE', lock, ttl) end
  if redis.call('PTTL', fence) < tonumber(fence_life) then redis.call('PEXPIRE', fence, fence_life) end
  if redis.call('EXISTS', queue) == 0 then return 'o' end
  local me = instance_of(owner)
  local first = first_other(queue, wait, me)
  if shares and first then first = readers_in(queue, wait, me).first_alone() end
  return first and 'O' or 'o'
end

local said = {}
for i = 1, (#KEYS - 1) / 4 do
  local key = 4 * i - 2
  said[i] = renew(KEYS[key], KEYS[key + 1], KEYS[key + 2], KEYS[key + 3], ARGV[2 * i + 4], ARGV[2 * i + 5])
end
return reply('ok', 0, 0, table.concat(said))

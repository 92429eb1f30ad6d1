-- Needs queue.lua.
-- Rule I3: ends the owner's lease. Its key, or its part in one that is shared, is kept from everybody for
-- the time that it has left; with `now` it is deleted, and who is next is called. Runs whatever the sentinel
-- says: it gives nothing to anybody. Once more, it finds its own work done.
-- KEYS: lock, queue, wait. ARGV: owner, now ('1' or '0'), ttl in ms, for a key that would never go.
-- ok: how long the key stays. not-owner: how long it has left, and what it says instead.
local lock, queue, wait = KEYS[1], KEYS[2], KEYS[3]
local owner, at_once, ttl = ARGV[1], ARGV[2] == '1', ARGV[3]
local value, other = read(lock)
if value == false then return reply('not-owner') end

local instance, attempt = string.match(owner, '^([^:]+):(%d+):')
-- Its want was served. The entry would stand before the others' for as long as it is fresh.
local function call_next(is_shared)
  leave(queue, wait, instance or '')
  local first = first_other(queue, wait, instance or '')
  if first then call(queue, wait, instance or '', lock, first, is_shared) end
end
local function tell()
  if instance then hint(instance, 'broken ' .. attempt, lock) end
end

-- One of those who share it: the others are not disturbed.
if value == SHARED then
  local sharers = sharers_of(lock)
  local till = sharers.till(owner) or sharers.till(KEPT .. owner)
  if not till then return reply('not-owner', 0, left(lock), value) end
  if at_once then
    local _, is_free = sharers.part(owner)
    if not is_free then _, is_free = sharers.part(KEPT .. owner) end
    call_next(not is_free)
  else
    redis.call('ZADD', sharers.key, int(till), KEPT .. owner)
    redis.call('ZREM', sharers.key, owner)
  end
  tell()
  return reply('ok', 0, at_once and 0 or till - now)
end

if value ~= owner and value ~= KEPT .. owner then
  if value == '' then other = '(an empty string)' end
  return reply('not-owner', 0, left(lock), other or value)
end

if at_once then
  redis.call('DEL', lock)
  call_next(false)
else
  redis.call('SET', lock, KEPT .. owner, 'KEEPTTL')
  if redis.call('PTTL', lock) < 0 then redis.call('PEXPIRE', lock, ttl) end
end
tell()
return reply('ok', 0, at_once and 0 or left(lock))

-- Needs queue.lua and want.lua.
-- Rules F2, F4, F6, F8: joins those who share the lock, if it is free, or shared, and nobody before this
-- daemon in its queue wants it alone; or makes of this owner's lock a shared one. It draws no fence: all who
-- share the lock have the last one that was given out, and where none is stored, the proposal is stored.
-- KEYS, ARGV: as in want.lua, of one lock; its block counts for nothing.
-- The reply has the place in the queue after the others, as that of acquire.
local lock, fence_key, queue, wait = KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local owner, ttl, proposal = ARGV[FIRST_ARG], tonumber(ARGV[FIRST_ARG + 1]), tonumber(ARGV[FIRST_ARG + 2])
local queueing = ARGV[FIRST_ARG + 4]

local value, other = read(lock)
local stored = stored_fence(fence_key)
local sharers, as_owned = sharers_of(lock), value
if value == SHARED then
  -- Rule I3: nobody heals over one that was broken.
  local kept = KEPT .. owner
  as_owned = sharers.till(owner) and owner or sharers.till(kept) and kept or false
end
local greatest, place = 0, 0
if not all_free or queueing == 'always' or queueing == 'stand' then
  local verdict, time_left, text, not_taken
  verdict, time_left, text, greatest, place, not_taken =
    obstacle(lock, queue, wait, FIRST_ARG, as_owned, other, true)
  if verdict then return {verdict, now, stored or 0, time_left, text, greatest, not_taken()} end
end

local fence = stored or math.max(now - ARGV[4], math.min(proposal, latest_fence()))
store_fence(fence_key, fence, fence_life)

-- What was promised stays (rules C5, F4).
if value == owner then ttl = math.max(ttl, redis.call('PTTL', lock)) end
if value ~= SHARED then
  redis.call('DEL', sharers.key)
  redis.call('SET', lock, SHARED, 'PX', int(ttl))
end
local joined, why = sharers.join(owner, ttl)
if not joined then return {err = why} end
-- Those who are over would stay for as long as others share the lock.
local members = redis.call('ZRANGE', sharers.key, '0', '15', 'WITHSCORES')
for i = 1, #members, 2 do
  if tonumber(members[i + 1]) <= now then redis.call('ZREM', sharers.key, members[i]) end
end

if as_owned ~= owner and queueing ~= 'ignore' and not all_free then note_alive(wait) end
return {'ok', now, fence, 0, '', greatest, place}

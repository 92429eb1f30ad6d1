-- Needs queue.lua and want.lua.
-- Rules A2, E6.2, E8, C16: takes each lock that is free, if nobody is before this daemon in its queue, or
-- that is this owner's already, and gives it a block of fences. A stand takes none: it registers, and
-- learns whether it would (rule E8.3).
-- KEYS, ARGV: as in want.lua.
-- One lock has a reply as any script's, and its place in the queue. Several have {'ok', TIME}, and then
-- for each of them verdict, fence, left, text, greatest, place, where an error is the verdict of its lock
-- alone.
local ARGS_EACH = 8
local several = #KEYS > 1 + KEYS_EACH

-- Returns verdict, fence, left, text, greatest, place.
local met = {}
local function acquire(key, at)
  local lock, fence_key, queue, wait = KEYS[key], KEYS[key + 1], KEYS[key + 2], KEYS[key + 3]
  local owner, ttl, proposal, queueing = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2]), ARGV[at + 4]
  local value, other, stored, greatest, place = false, nil, nil, 0, 0
  local again = met[lock]  -- what was known of it before is over
  met[lock] = true
  local free = not again and (all_free or (several and none_of(lock, queue)))
  if not free then value, other = read(lock) end
  if again or not all_new then stored = stored_fence(fence_key) end
  if not free or queueing == 'always' or queueing == 'stand' then
    local verdict, time_left, text, not_taken
    verdict, time_left, text, greatest, place, not_taken = obstacle(lock, queue, wait, at, value, other)
    if verdict then
      place = not_taken()
      return verdict, stored or 0, time_left, text, greatest, place
    end
  end

  -- Rule A6: a fence that is not there any more was at most TIME + fence_window when it was stored.
  local fence = (stored or now - ARGV[4]) + 1
  if proposal > fence then fence = proposal end
  local last = fence + ARGV[at + 3] - 1
  if last > latest_fence(stored) then return 'skew', stored or 0, 0, '', greatest, place end

  -- A lease's deadline never moves back (rule C5), though it be asked for again with a shorter ttl.
  if value == owner then ttl = int(math.max(tonumber(ttl), redis.call('PTTL', lock))) end
  store_fence(fence_key, last, fence_life)
  redis.call('SET', lock, owner, 'PX', ttl)
  if not free and value ~= owner and queueing ~= 'ignore' then note_alive(wait) end
  return 'ok', fence, 0, '', greatest, place
end

if not several then
  local verdict, fence, time_left, text, greatest, place = acquire(2, FIRST_ARG)
  return {verdict, now, fence, time_left, text, greatest, place}
end

local said = {'ok', now}
for key = 2, #KEYS, KEYS_EACH do
  local at, i = (key - 2) / KEYS_EACH * ARGS_EACH + FIRST_ARG, #said
  local fine, verdict, fence, time_left, text, greatest, place = pcall(acquire, key, at)
  if not fine then
    local why = type(verdict) == 'table' and verdict.err or verdict
    verdict, fence, time_left, text, greatest, place = 'error', 0, 0, why, 0, 0
  end
  said[i + 1], said[i + 2], said[i + 3], said[i + 4], said[i + 5], said[i + 6] =
    verdict, fence, time_left, text, greatest, place
end
return said

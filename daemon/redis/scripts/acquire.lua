-- Needs queue.lua.
-- Rules A2, E6.2, E8, C16: takes each lock that is free, if nobody is before this daemon in its queue, or
-- that is this owner's already, and gives it a block of fences. A stand takes none: it registers, and
-- learns whether it would (rule E8.3).
-- KEYS: sentinel; of each lock: lock, fence, queue, wait. ARGV: settings, fence_life in ms; in us
-- retry_interval, max_interval, first_poll; hears ('1': this daemon hears the node's hints, or '0'); of
-- each lock: owner, ttl in ms, proposal, block, queueing, stamp, grace and most_life in us.
-- One lock has a reply as any script's, and its place in the queue. Several have {'ok', TIME}, and then
-- for each of them verdict, fence, left, text, greatest, place, where an error is the verdict of its lock
-- alone.
local refusal = check(KEYS[1])
if refusal then return refusal end
local fence_life = ARGV[5]
local interval, max_interval, first_poll = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local hears = ARGV[9]
local KEYS_EACH, ARGS_EACH, FIRST_ARG = 4, 8, 10
local several = #KEYS > 1 + KEYS_EACH

local function none_of(...)
  return redis.call('EXISTS', ...) == 0
end

-- Mostly the locks are free, nobody else wants them, and often nobody has had them lately: that is
-- known of all of them at once; else whether they are free at least.
local all_new, all_free = none_of(unpack(KEYS, 2)), true
if not all_new then
  local asked = {}
  for key = 2, #KEYS, KEYS_EACH do
    asked[#asked + 1], asked[#asked + 2] = KEYS[key], KEYS[key + 2]
  end
  all_free = none_of(unpack(asked))
end

-- Rule E8.3: how long one with this place waits between two looks, in microseconds.
local function interval_of(place)
  if place <= 2 then return interval end
  return math.max(interval, math.min(interval * place / 4, max_interval))
end

-- What stands in the way of a lock that is not free, or wanted: its verdict, time left and text; nil if
-- nothing does. Then, in any case, the greatest stamp of the others, and this daemon's place in the queue,
-- 0 if it has none.
local function obstacle(lock, queue, wait, at, value, other)
  local owner, queueing, stamp, grace, most_life =
    ARGV[at], ARGV[at + 4], tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6]), tonumber(ARGV[at + 7])
  local me = instance_of(owner)
  local first, place = first_other(queue, wait, me), 0
  local greatest = greatest_other(queue, me, first)

  -- Rule E8.2: the node computes the life of the entry, by the place that it has now. Where the queue
  -- cannot be written, this daemon has no place in it, and that is all.
  local function register()
    local stored = redis.pcall('ZSCORE', queue, me)
    if type(stored) == 'table' then return end
    -- ZADD GT, which Redis 6.0 does not have.
    if not stored or tonumber(stored) < stamp then
      if type(redis.pcall('ZADD', queue, int(stamp), me)) == 'table' then return end
    end
    local rank = redis.call('ZRANK', queue, me)
    local look = interval_of(rank + 1)
    local fresh_for = math.min(6 * look, most_life)
    -- One that hears no calls comes by itself: it is not passed over before (rule E8.2).
    local comes_in = hears == '1' and interval or math.min(look, first_poll)
    local entry =
      string.format('%.0f %.0f %.0f %s', now + fresh_for, now + comes_in + grace, grace, hears)
    if type(redis.pcall('HSET', wait, me, entry)) == 'table' then
      if not stored then redis.call('ZREM', queue, me) end  -- it would stay, without time to live
      return
    end
    place = rank + 1
    local least, life = math.ceil(fresh_for / 1000), math.ceil(2 * fresh_for / 1000)
    if redis.call('PTTL', queue) < least or redis.call('PTTL', wait) < least then
      redis.call('PEXPIRE', queue, int(life))
      redis.call('PEXPIRE', wait, int(life))
    end
  end

  -- Rule C8: what an earlier attempt of the same daemon left behind is no obstacle.
  local function is_earlier_attempt_of_ours()
    local instance, attempt = string.match(owner, '^([^:]+):(%d+):')
    local its_instance, its_attempt = string.match(value, '^([^:]+):(%d+):')
    return instance ~= nil and its_instance == instance and
           tonumber(its_attempt) < tonumber(attempt)
  end

  -- Rule E6.2: this daemon has the greater of the stamps that are stored and given.
  local function is_before_us(other)
    if not other or queueing == 'ignore' then return false end
    if queueing == 'none' then return true end
    if other.stamp < stamp or (other.stamp == stamp and other.instance < me) then return true end
    return place ~= 1 and (redis.call('ZRANK', queue, me) or 0) > 0
  end

  -- Rule E8.11: once for each new first one, not counting the holder's own daemon.
  local function tell_holder()
    local instance = string.match(value, '^([^:]+):%d+:')
    if not instance or instance == me then return end
    local is_first = place <= 1 or (place == 2 and first and first.instance == instance)
    if is_first or queueing == 'none' then hint(instance, 'wanted', lock) end
  end

  local function refuse(verdict, time_left, text)
    if queueing == 'if-refused' then register() end
    return verdict, time_left, text, greatest, place
  end

  if queueing == 'always' or queueing == 'stand' then register() end
  if value == nil then return refuse('busy', left(lock), other) end
  if value and value ~= owner and not is_earlier_attempt_of_ours() then
    local verdict, time_left, text = refuse('busy', left(lock), value)
    if queueing ~= 'ignore' then tell_holder() end
    return verdict, time_left, text, greatest, place
  end
  if value ~= owner and is_before_us(first) then
    local before, rest = first, nil
    first, rest = call(queue, wait, me, lock, first)
    if first ~= before then greatest = greatest_other(queue, me, first) end
    -- Those that heard nothing are gone by that (rule E8.6).
    if place > 1 then place = redis.call('ZRANK', queue, me) + 1 end
    if is_before_us(first) then return refuse('not-turn', rest, first.instance) end
  end
  if queueing == 'stand' then return 'turn', 0, '', greatest, place end
  return nil, 0, '', greatest, place
end

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
    local verdict, time_left, text
    verdict, time_left, text, greatest, place = obstacle(lock, queue, wait, at, value, other)
    if verdict then return verdict, stored or 0, time_left, text, greatest, place end
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

-- Stands after queue.lua in front of the scripts that take locks: what is in the way of one.
-- KEYS: sentinel; of each lock: lock, fence, queue, wait. ARGV: settings, fence_life in ms; in us
-- retry_interval, max_interval, first_poll; hears ('1': this daemon hears the node's hints, or '0'); of
-- each lock: owner, ttl in ms, proposal, block, queueing, stamp, grace and most_life in us.
local refusal = check(KEYS[1])
if refusal then return refusal end
local fence_life = ARGV[5]
local interval, max_interval, first_poll = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local hears = ARGV[9]
local KEYS_EACH, FIRST_ARG = 4, 10

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
-- nothing does. Then, in any case, the greatest stamp of the others; this daemon's place in the queue, 0
-- if it has none; and what is to be done where the lock is not taken, which returns the place that it has
-- by then. `shares`: the lock is wanted to share it; then `value` is the owner if that shares it already, what
-- is kept of it if that was broken, and false if only others share the lock.
local function obstacle(lock, queue, wait, at, value, other, shares)
  local owner, queueing, stamp, grace, most_life =
    ARGV[at], ARGV[at + 4], tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6]), tonumber(ARGV[at + 7])
  local me = instance_of(owner)
  local first, place = first_other(queue, wait, me), 0
  local greatest = greatest_other(queue, me, first)

  -- Rules E8.2, G4: the stamp of this want takes the place of one that is there. The node computes the life
  -- of the entry, by the place that it has now. Where the queue cannot be written, this daemon has no place
  -- in it, and that is all.
  local function register()
    local added = redis.pcall('ZADD', queue, int(stamp), me)
    if type(added) == 'table' then return end
    local rank = redis.call('ZRANK', queue, me)
    local look = interval_of(rank + 1)
    local fresh_for = math.min(6 * look, most_life)
    -- One that hears no calls comes by itself: it is not passed over before (rule E8.2).
    local comes_in = hears == '1' and interval or math.min(look, first_poll)
    local entry =
      string.format('%.0f %.0f %.0f %s%s', now + fresh_for, now + comes_in + grace, grace, hears,
                    shares and ' s' or '')
    if type(redis.pcall('HSET', wait, me, entry)) == 'table' then
      if added == 1 then redis.call('ZREM', queue, me) end  -- it would stay, without time to live
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

  -- Rules E6.2, G4: what counts is the stamp of this want, whatever an entry of this daemon says. Rule F6: those
  -- who share are in nobody's way who does.
  local function who_is_before_us()
    local other = first
    if shares and first then other = readers_in(queue, wait, me).first_in_conflict() end
    if not other or queueing == 'ignore' then return nil end
    if queueing == 'none' then return other end
    local is_before_us = other.stamp < stamp or (other.stamp == stamp and other.instance < me)
    return is_before_us and other or nil
  end

  -- Rule E8.11: once for each new first one, not counting the holder's own daemon.
  local function tell_holder()
    if value == SHARED and (place <= 1 or queueing == 'none') then
      -- Rule F7: of those who share it, the ones whose time ends last.
      for _, member in ipairs(redis.pcall('ZRANGE', sharers_of(lock).key, '-16', '-1')) do
        local instance = string.match(member, '^([^:]+):%d+:')
        if instance and instance ~= me then hint(instance, 'wanted', lock) end
      end
    end
    local instance = string.match(value, '^([^:]+):%d+:')
    if not instance or instance == me then return end
    local is_first = place <= 1 or (place == 2 and first and first.instance == instance)
    if is_first or queueing == 'none' then hint(instance, 'wanted', lock) end
  end

  local verdict, time_left, text = nil, 0, ''
  local function not_taken()
    if queueing == 'if-refused' then register() end
    if verdict == 'busy' and value and queueing ~= 'ignore' then tell_holder() end
    return place
  end

  if queueing == 'always' or queueing == 'stand' then register() end
  if value == nil then
    verdict, time_left, text = 'busy', left(lock), other
  elseif value and value ~= owner and not is_earlier_attempt_of_ours() then
    verdict, time_left, text = 'busy', left(lock), value
  elseif value ~= owner and who_is_before_us() then
    local before, rest = first, nil
    first, rest = call(queue, wait, me, lock, first, shares and read(lock) == SHARED)
    if first ~= before then greatest = greatest_other(queue, me, first) end
    -- Those that heard nothing are gone by that (rule E8.6).
    if place > 1 then place = redis.call('ZRANK', queue, me) + 1 end
    local before_us = who_is_before_us()
    if before_us then verdict, time_left, text = 'not-turn', rest, before_us.instance end
  end
  if not verdict and queueing == 'stand' then verdict = 'turn' end
  return verdict, time_left, text, greatest, place, not_taken
end

-- Rules A2, E6.2, C16: takes each lock that is free, if nobody is before this daemon in its queue, or
-- that is this owner's already, and gives it a block of fences.
-- KEYS: sentinel; of each lock: lock, fence, want. ARGV: settings, fence_life in ms; of each lock:
-- owner, ttl in ms, proposal, block, queueing, stamp, want_life in ms.
-- One lock has a reply as any script's. Several have {'ok', TIME}, and then for each of them verdict,
-- fence, left, text, greatest, where an error is the verdict of its lock alone.
local refusal = check(KEYS[1])
if refusal then return refusal end
local fence_life = ARGV[5]
local several = #KEYS > 4

local function none_of(...)
  return redis.call('EXISTS', ...) == 0
end

-- Mostly the locks are free, nobody else wants them, and often nobody has had them lately: that is
-- known of all of them at once; else whether they are free at least.
local all_new, all_free = none_of(unpack(KEYS, 2)), true
if not all_new then
  local asked = {}
  for key = 2, #KEYS, 3 do
    asked[#asked + 1], asked[#asked + 2] = KEYS[key], KEYS[key + 2]
  end
  all_free = none_of(unpack(asked))
end

-- What stands in the way of a lock that is not free, or wanted: its verdict, time left and text; nil if
-- nothing does. Then, in any case, the greatest stamp of the others.
local function obstacle(lock, want, at, value, other)
  local owner, queueing, stamp, want_life =
    ARGV[at], ARGV[at + 4], tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
  local own, greatest, head, first = read_queue(want, owner)

  -- The queue lives as long as the last entry in it. Where it cannot be written, this daemon has no
  -- turn in it, and that is all.
  local function register()
    own = math.max(own or 0, stamp)
    local entry = string.format('%.0f %.0f', own, now + want_life * 1000)
    if type(redis.pcall('HSET', want, instance_of(owner), entry)) == 'table' then return end
    if redis.call('PTTL', want) < want_life then redis.call('PEXPIRE', want, int(want_life)) end
  end

  -- Rule C8: what an earlier attempt of the same daemon left behind is no obstacle.
  local function is_earlier_attempt_of_ours()
    local instance, attempt = string.match(owner, '^([^:]+):(%d+):')
    local its_instance, its_attempt = string.match(value, '^([^:]+):(%d+):')
    return instance ~= nil and its_instance == instance and
           tonumber(its_attempt) < tonumber(attempt)
  end

  local function head_is_before_us()
    local mine = math.max(own or 0, stamp)
    return first < mine or (first == mine and head < instance_of(owner))
  end

  local function tell_holder()
    local instance = string.match(value, '^([^:]+):%d+:')
    if instance and instance ~= instance_of(owner) then tell(instance, 'wanted', lock) end
  end

  local function refuse(verdict, time_left, text)
    if queueing == 'if-refused' then register() end
    return verdict, time_left, text, greatest
  end

  if queueing == 'always' then register() end
  if value == nil then return refuse('busy', left(lock), other) end
  if value and value ~= owner and not is_earlier_attempt_of_ours() then
    if queueing ~= 'ignore' then tell_holder() end
    return refuse('busy', left(lock), value)
  end
  if value ~= owner and head and queueing ~= 'ignore' then
    if queueing == 'none' or head_is_before_us() then return refuse('not-turn', 0, head) end
  end
  return nil, 0, '', greatest
end

-- Returns verdict, fence, left, text, greatest.
local met = {}
local function acquire(key, at)
  local lock, fence_key, want = KEYS[key], KEYS[key + 1], KEYS[key + 2]
  local owner, ttl, proposal = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local value, other, stored, greatest = false, nil, nil, 0
  local again = met[lock]  -- what was known of it before is over
  met[lock] = true
  local free = not again and (all_free or (several and none_of(lock, want)))
  if not free then value, other = read(lock) end
  if again or not all_new then stored = stored_fence(fence_key) end
  if not free or ARGV[at + 4] == 'always' then
    local verdict, time_left, text
    verdict, time_left, text, greatest = obstacle(lock, want, at, value, other)
    if verdict then return verdict, stored or 0, time_left, text, greatest end
  end

  -- Rule A6: a fence that is not there any more was at most TIME + fence_window when it was stored.
  local fence = (stored or now - ARGV[4]) + 1
  if proposal > fence then fence = proposal end
  local last = fence + ARGV[at + 3] - 1
  if last > latest_fence(stored) then return 'skew', stored or 0, 0, '', greatest end

  -- A lease's deadline never moves back (rule C5), though it be asked for again with a shorter ttl.
  if value == owner then ttl = int(math.max(tonumber(ttl), redis.call('PTTL', lock))) end
  store_fence(fence_key, last, fence_life)
  redis.call('SET', lock, owner, 'PX', ttl)
  return 'ok', fence, 0, '', greatest
end

if not several then return reply(acquire(2, 6)) end

local said = {'ok', now}
for key = 2, #KEYS, 3 do
  local at, i = (key - 2) / 3 * 7 + 6, #said
  local fine, verdict, fence, time_left, text, greatest = pcall(acquire, key, at)
  if not fine then
    local why = type(verdict) == 'table' and verdict.err or verdict
    verdict, fence, time_left, text, greatest = 'error', 0, 0, why, 0
  end
  said[i + 1], said[i + 2], said[i + 3], said[i + 4], said[i + 5] =
    verdict, fence, time_left, text, greatest
end
return said

-- Rules A2, E6.2: takes the lock if it is free and nobody is before this daemon in the queue, or if it
-- is this owner's already, and gives it a block of fences.
-- KEYS: lock, fence, want, sentinel. ARGV: settings, owner, ttl in ms, proposal, block, fence_life in
-- ms, queueing, stamp, want_life in ms.
local owner, ttl, proposal, queueing = ARGV[5], ARGV[6], tonumber(ARGV[7]), ARGV[10]
local refusal = check(KEYS[4])
if refusal then return refusal end

local own, greatest, head, first = read_queue(KEYS[3], owner)
local value, other = read(KEYS[1])
local stored = stored_fence(KEYS[2])

-- A free lock that nobody else wants needs nothing of this.
if value ~= false or head or queueing == 'always' then
  local stamp, want_life = tonumber(ARGV[11]), tonumber(ARGV[12])

  -- The queue lives as long as the last entry in it. Where it cannot be written, this daemon has no
  -- turn in it, and that is all.
  local function register()
    own = math.max(own or 0, stamp)
    local entry = string.format('%.0f %.0f', own, now + want_life * 1000)
    if type(redis.pcall('HSET', KEYS[3], instance_of(owner), entry)) == 'table' then return end
    if redis.call('PTTL', KEYS[3]) < want_life then
      redis.call('PEXPIRE', KEYS[3], int(want_life))
    end
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
    if instance and instance ~= instance_of(owner) then tell(instance, 'wanted', KEYS[1]) end
  end

  local function refuse(verdict, time_left, text)
    if queueing == 'if-refused' then register() end
    return reply(verdict, stored, time_left, text, greatest)
  end

  if queueing == 'always' then register() end
  if value == nil then return refuse('busy', left(KEYS[1]), other) end
  if value and value ~= owner and not is_earlier_attempt_of_ours() then
    if queueing ~= 'ignore' then tell_holder() end
    return refuse('busy', left(KEYS[1]), value)
  end
  if value ~= owner and head and queueing ~= 'ignore' then
    if queueing == 'none' or head_is_before_us() then return refuse('not-turn', 0, head) end
  end
end

-- Rule A6: a fence that is not there any more was at most TIME + fence_window when it was stored.
local fence = (stored or now - ARGV[4]) + 1
if proposal > fence then fence = proposal end
local last = fence + ARGV[8] - 1
if last > latest_fence(stored) then return reply('skew', stored, 0, '', greatest) end

-- A lease's deadline never moves back (rule C5), though it be asked for again with a shorter ttl.
if value == owner then ttl = int(math.max(tonumber(ttl), redis.call('PTTL', KEYS[1]))) end
store_fence(KEYS[2], last, ARGV[9])
redis.call('SET', KEYS[1], owner, 'PX', ttl)
return reply('ok', fence, 0, '', greatest)

-- Rule A2: takes the lock if it is free, or is this owner's already, and gives it a fence.
-- KEYS: lock, fence, sentinel. ARGV: settings, owner, ttl in ms, proposal, fence_life in ms.
local owner, ttl, proposal, fence_life = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local daemon = settings()
local refusal = check(KEYS[3], daemon)
if refusal then return refusal end

local value, other = holder(KEYS[1])
local stored = stored_fence(KEYS[2])

-- Rule C8: what an earlier attempt of the same daemon left behind is no obstacle.
local function is_earlier_attempt_of_ours()
  local instance, attempt = string.match(owner, '^([^:]+):(%d+):')
  local its_instance, its_attempt = string.match(value, '^([^:]+):(%d+):')
  return instance ~= nil and its_instance == instance and tonumber(its_attempt) < tonumber(attempt)
end

if value == nil or (value and value ~= owner and not is_earlier_attempt_of_ours()) then
  return reply('busy', stored, left(KEYS[1]), other or string.sub(value, 1, 256))
end

-- Rule A6: a fence that is not there any more was at most TIME + fence_window when it was stored.
local fence_window = tonumber(daemon.fence_window)
local fence = math.max((stored or now - fence_window) + 1, proposal)
if fence > now + fence_window then return reply('skew', stored) end

-- A lease's deadline never moves back (rule C5), though it be asked for again with a shorter ttl.
if value == owner then ttl = math.max(ttl, redis.call('PTTL', KEYS[1])) end
store_fence(KEYS[2], fence, fence_life)
redis.call('SET', KEYS[1], owner, 'PX', int(ttl))
return reply('ok', fence)

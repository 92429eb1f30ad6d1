-- Needs queue.lua.
-- Rule F8: raises the stored fence to that of one who shares the lock, where it is less: so who has the lock
-- alone after that gets a greater one. Of a fence that is missing it is not known how great it was.
-- KEYS: lock, fence, sentinel. ARGV: settings, owner, the fence, fence_life in ms.
local lock, fence_key, owner, fence = KEYS[1], KEYS[2], ARGV[5], tonumber(ARGV[6])
local refusal = check(KEYS[3])
if refusal then return refusal end

if read(lock) ~= SHARED or not sharers_of(lock).till(owner) then return reply('not-owner') end
local stored = stored_fence(fence_key)
if not stored then return reply('passed') end
if fence > latest_fence(stored) then return reply('skew', stored) end
store_fence(fence_key, math.max(stored, fence), ARGV[7])
return reply('ok', fence)

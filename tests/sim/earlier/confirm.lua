-- Rules A4, A6: raises the stored fence of a lock that is the owner's to the last of the block that
-- begins with T; acks only if all four conditions of rule A6 hold. To take a missing fence for 0 would
-- give the same fence twice.
-- KEYS: lock, fence, sentinel. ARGV: settings, owner, T, block, fence_life in ms.
local owner, fence, block, fence_life = ARGV[5], tonumber(ARGV[6]), ARGV[7], ARGV[8]
local refusal = check(KEYS[3])
if refusal then return refusal end

if read(KEYS[1]) ~= owner then return reply('not-owner') end
local stored = stored_fence(KEYS[2])
local last = fence + block - 1
if not stored or stored > last then return reply('passed', stored) end
if last > latest_fence(stored) then return reply('skew', stored) end
store_fence(KEYS[2], last, fence_life)
return reply('ok', fence)

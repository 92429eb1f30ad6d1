-- Rules A4, A6: raises the stored fence of a lock that is the owner's to T; acks only if all four
-- conditions of rule A6 hold. To take a missing fence for 0 would give the same fence twice.
-- KEYS: lock, fence, sentinel. ARGV: settings, owner, T, fence_life in ms.
local owner, fence, fence_life = ARGV[5], tonumber(ARGV[6]), ARGV[7]
local daemon = settings()
local refusal = check(KEYS[3], daemon)
if refusal then return refusal end

if holder(KEYS[1]) ~= owner then return reply('not-owner') end
local stored = stored_fence(KEYS[2])
if not stored or stored > fence then return reply('passed', stored) end
if fence > now + tonumber(daemon.fence_window) then return reply('skew', stored) end
store_fence(KEYS[2], fence, fence_life)
return reply('ok', fence)

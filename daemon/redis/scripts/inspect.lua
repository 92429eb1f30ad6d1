-- Who has the lock, for how long, and its stored fence. Reads only.
-- KEYS: lock, fence.
local value, other = read(KEYS[1])
local stored = stored_fence(KEYS[2])
if value == false then return reply('ok', stored) end
if value == '' then other = '(an empty string)' end  -- no text says that it is free
return reply('ok', stored, left(KEYS[1]), other or value)

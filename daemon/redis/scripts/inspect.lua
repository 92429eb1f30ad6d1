-- Who has the lock, for how long, and its stored fence. Changes nothing. Where another daemon has it, that
-- one is asked who holds it (rule E11); the fifth of the reply is by how many connections it was heard.
-- KEYS: lock, fence. ARGV: the asker's instance, inquiry.
local lock, asker, inquiry = KEYS[1], ARGV[1], ARGV[2]
local value, other = read(lock)
local stored = stored_fence(KEYS[2])
if value == false then return reply('ok', stored) end
if value == '' then other = '(an empty string)' end  -- no text says that it is free

local heard = 0
local instance, attempt = string.match(value or '', '^([^:]+):(%d+):')
if instance and instance ~= asker then
  heard = publish(instance, 'who ' .. inquiry .. ' ' .. attempt .. ' ' .. asker .. ' ' .. lock)
end
return reply('ok', stored, left(lock), other or value, tonumber(heard))

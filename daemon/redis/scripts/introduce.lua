-- Rules D1, D8: what the sentinel says to this daemon, with the node's id and the set's fingerprint;
-- both are written where there are none. Its reply is two longer: id, set.
-- KEYS: sentinel. ARGV: settings, id, set (may be empty).
local id, set = ARGV[5], ARGV[6]
local answer = check(KEYS[1]) or reply('ok')
if id ~= '' then redis.call('HSETNX', KEYS[1], 'id', id) end
if set ~= '' then redis.call('HSETNX', KEYS[1], 'set', set) end
local known = redis.call('HMGET', KEYS[1], 'id', 'set')
table.insert(answer, known[1] or '')
table.insert(answer, known[2] or '')
return answer

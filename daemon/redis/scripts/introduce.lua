-- Rules D1, D8: what the sentinel says to this daemon, with the node's id and the set's fingerprint;
-- both are written where there are none. Its reply is two longer: id, set.
-- KEYS: sentinel. ARGV: settings, id, set (may be empty).
local id, set = ARGV[5], ARGV[6]
local answer = check(KEYS[1]) or reply('ok')
if id ~= '' then redis.call('HSETNX', KEYS[1], 'id', id) end
if set ~= '' then redis.call('HSETNX', KEYS[1], 'set', set) end
-- By the command that reads the queues, too: a user that may not use it is told so here, before a lock
-- is asked for.
local known, sentinel = {}, redis.call('HGETALL', KEYS[1])
for i = 1, #sentinel, 2 do known[sentinel[i]] = sentinel[i + 1] end
table.insert(answer, known.id or '')
table.insert(answer, known.set or '')
return answer

-- Rule C4: compare and delete. Runs whatever the sentinel says.
-- KEYS: lock. ARGV: owner.
if holder(KEYS[1]) ~= ARGV[1] then return reply('not-owner') end
redis.call('DEL', KEYS[1])
return reply('ok')

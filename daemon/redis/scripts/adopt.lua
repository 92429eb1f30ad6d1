-- Rule D3: this daemon's settings and set from now on, after its own quarantine, or a longer one where
-- votes were given under other settings.
-- KEYS: sentinel. ARGV: settings, set (empty: not known yet, the next introduction writes it), key_prefix.
local set = ARGV[5]
local daemon, node = settings(), read_sentinel(KEYS[1])
local bound = 0
if node then
  bound = rest_of_bound(node)
  if node.voted or node.was then bound = math.max(bound, node.quarantine) end
end
write_settings(KEYS[1], daemon)
redis.call('HSET', KEYS[1], 'key_prefix', ARGV[6])
redis.call('HDEL', KEYS[1], 'voted')
if set == '' then
  redis.call('HDEL', KEYS[1], 'set')
else
  redis.call('HSET', KEYS[1], 'set', set)
end
return reply('ok', 0, begin_quarantine(KEYS[1], daemon.run, tonumber(daemon.quarantine), bound))

-- Rule D3: this daemon's settings and set from now on, after the greater quarantine.
-- KEYS: sentinel. ARGV: settings, set (empty: not known yet, the next introduction writes it).
local set = ARGV[5]
local daemon = settings()
local term = begin_quarantine(KEYS[1], daemon, read_sentinel(KEYS[1]))
write_settings(KEYS[1], daemon)
if set == '' then
  redis.call('HDEL', KEYS[1], 'set')
else
  redis.call('HSET', KEYS[1], 'set', set)
end
return reply('ok', 0, term)

-- Rules D5, D6: the node may have lost something: quarantine, from now.
-- KEYS: sentinel. ARGV: settings.
local daemon = settings()
local node = read_sentinel(KEYS[1])
if not node then write_settings(KEYS[1], daemon) end
return reply('ok', 0, begin_quarantine(KEYS[1], daemon, node))

-- Passes a hint of one daemon on to another. It may be lost, so it does not matter if the node refuses it.
-- KEYS: none. ARGV: the channel, the text.
redis.pcall('PUBLISH', ARGV[1], ARGV[2])
return reply('ok')

-- Rules D1, D3, D8, D10: what the sentinel says to this daemon, and to it what the daemon knows. Its
-- reply is seven longer: id, set, why the node refuses to store anything (empty: it does not), what it
-- refuses that one can live without, how often daemons have introduced themselves, what the node
-- remembers ('none': it has no sentinel; 'new': it never voted; 'used'), and of which other nodes another
-- daemon reaches another server: 'id=run=when ' each.
-- KEYS: sentinel, a key of the daemons' own that never exists, a lock's key. The lock's key is not
-- read: a user that may not touch it may not call this script. ARGV: settings, may_write ('1': the settings
-- are written where there are none), id, set, the run that this daemon counted the node as ('': none),
-- instance, key_prefix; of each other node: id, run, and how many microseconds ago it was heard ('':
-- only asks).
local key, try, instance, prefix = KEYS[1], KEYS[2], ARGV[9], ARGV[10]

-- All that the scripts use is tried here, so that a missing right is named before a lock is asked for,
-- not when its lease ends. None of these writes: SET is for a key that exists, and HSET lacks a value,
-- which the command says only to a user who may use it.
local missing, because, refuses = {}, nil, ''
-- Without the place in this script, which Redis 6 puts in front of an error.
local function refusal_of(...)
  local got = redis.pcall(...)
  local why = type(got) == 'table' and got.err
  return why and string.gsub(string.gsub(why, '^@user_script: %d+: %-?', ''), '%s+$', '') or nil
end
local function says(why, words)
  for _, word in ipairs(words) do
    if why and string.find(why, word, 1, true) then return true end
  end
  return false
end
for _, command in ipairs({
  {'EXISTS', try}, {'TYPE', try}, {'PTTL', try}, {'GETRANGE', try, '0', '0'},
  {'SET', try, '', 'XX'}, {'DEL', try}, {'PEXPIRE', try, '1'}, {'HGETALL', try}, {'HMGET', try, 'f'},
  {'HGET', try, 'f'}, {'HSET', try, 'f', 'v', 'f'}, {'HDEL', try, 'f'}, {'ZADD', try, 'XX', '1', 'm'},
  {'ZREM', try, 'm'}, {'ZRANK', try, 'm'}, {'ZSCORE', try, 'm'}, {'ZRANGE', try, '0', '0', 'WITHSCORES'},
  {'ZREVRANGEBYSCORE', try, '1', '-inf', 'WITHSCORES', 'LIMIT', '0', '2'},
}) do
  local why = refusal_of(unpack(command))
  if says(why, {'OOM', 'READONLY', 'MISCONF', 'NOREPLICAS'}) then
    refuses = why
  elseif why and not says(why, {'WRONGTYPE', 'wrong number of arguments for'}) then
    table.insert(missing, command[1])
    because = because or why
  end
end
if because then
  return {err = 'NOPERM for ' .. table.concat(missing, ', ') .. ', which redlockd needs: ' .. because}
end
local note = refusal_of('PUBLISH', 'redlockd:to:', '')

local daemon, stores = settings(), refuses == ''
local may_write = stores and ARGV[5] == '1'
local answer
if may_write and not read_sentinel(key) then
  redis.call('HDEL', key, 'voted', 'bound')
  write_settings(key, daemon)
  answer = reply('amnesia', 0, begin_quarantine(key, daemon.run, tonumber(daemon.quarantine), 0))
else
  answer = check(key) or reply('ok')
end

local known, fields = {}, redis.call('HGETALL', key)
for i = 1, #fields, 2 do known[fields[i]] = fields[i + 1] end
local function write(field, value)
  if not stores then return end
  redis.call('HSET', key, field, value)
  known[field] = value
end
local function write_missing(field, value)
  if value ~= '' and not known[field] then write(field, value) end
end
if may_write and not known.key_prefix then write('key_prefix', prefix) end
write_missing('id', ARGV[6])
write_missing('set', ARGV[7])
if not known.voted then write_missing('was', ARGV[8]) end
write('count', int((tonumber(known.count) or 0) + 1))

if known.key_prefix and known.key_prefix ~= prefix and answer[1] ~= 'settings' then
  answer = reply('settings', 0, 0, "key_prefix is '" .. string.sub(known.key_prefix, 1, 128) ..
                                   "' on the node, '" .. prefix .. "' here")
end

-- Rule D10: who has another run for the id, and has heard it within 5 s, is right until it is silent.
local others = ''
for i = 11, #ARGV, 3 do
  local id, run, age = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local other, heard, by = string.match(known['run:' .. id] or '', '^(%S+) (%d+) (%S+)$')
  if other and other ~= run and by ~= instance and now - heard <= 5000000 then
    others = others .. id .. '=' .. other .. '=' .. heard .. ' '
  elseif age then
    write('run:' .. id, run .. ' ' .. int(now - age) .. ' ' .. instance)
  end
end

local memory = 'none'
if known.run and known.max_ttl and known.ready then
  memory = (known.voted or known.was or tonumber(known.bound or 0) > 0) and 'used' or 'new'
end
for _, more in ipairs({known.id or '', known.set or '', refuses, note and 'PUBLISH: ' .. note or '',
                       tonumber(known.count) or 0, memory, others}) do
  table.insert(answer, more)
end
return answer

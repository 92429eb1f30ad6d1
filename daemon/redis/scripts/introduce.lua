-- Rules D1, D8: what the sentinel says to this daemon, with the node's id and the set's fingerprint;
-- both are written where there are none. Its reply is four longer: id, set, why the node refuses to
-- store anything (empty: it does not), and what it refuses that one can live without.
-- KEYS: sentinel, a key of the daemons' own that never exists, a lock's key. The lock's key is not
-- read: a user that may not touch it may not call this script. ARGV: settings, id, set (may be empty).
local id, set, try = ARGV[5], ARGV[6], KEYS[2]

-- All that the scripts use is tried here, so that a missing right is named before a lock is asked for,
-- not when its lease ends. None of these writes: SET is for a key that exists, and HSET lacks a value,
-- which the command says only to a user who may use it.
local missing, because, refuses = {}, nil, ''
local function refusal_of(...)
  local got = redis.pcall(...)
  return type(got) == 'table' and got.err or nil
end
local function says(why, words)
  for _, word in ipairs(words) do
    if why and string.find(why, word, 1, true) then return true end
  end
  return false
end
for _, command in ipairs({
  {'TYPE', try}, {'PTTL', try}, {'GETRANGE', try, '0', '0'}, {'SET', try, '', 'XX'}, {'DEL', try},
  {'PEXPIRE', try, '1'}, {'HLEN', try}, {'HGETALL', try}, {'HMGET', try, 'f'},
  {'HSET', try, 'f', 'v', 'f'}, {'HDEL', try, 'f'},
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

local answer = check(KEYS[1]) or reply('ok')
local known = redis.call('HMGET', KEYS[1], 'id', 'set')
local function write(i, field, value)
  if known[i] or value == '' or refuses ~= '' then return end
  redis.call('HSET', KEYS[1], field, value)
  known[i] = value
end
write(1, 'id', id)
write(2, 'set', set)
for _, more in ipairs({known[1] or '', known[2] or '', refuses, note and 'PUBLISH: ' .. note or ''}) do
  table.insert(answer, more)
end
return answer

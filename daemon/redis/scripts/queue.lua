-- Stands after the prelude in front of each script that looks at the queue of the daemons that want a
-- lock (rules E8).
--
-- It is a sorted set, instance -> stamp, and a hash, by instance '<until> <at> <grace> <mode>', times in
-- microseconds, with ' s' after them if the lock is wanted to share it. An entry is fresh until `until`; once
-- it is called, until max(now + grace, at) if that is sooner, so that one that does not come is passed over
-- and keeps its stamp. Mode 0: its daemon hears no calls from here; 1: it does; 2: it was called since it
-- registered. The hash's field 'ahead' is how many are called at a time. Nobody reads all of it: only the
-- first entry is looked at, and those that are called with it, or may come in with it. A key that is no queue
-- is another program's, and nobody is in it.

-- What the key of a lock says while it is shared (rule F1).
local SHARED = 'redlockd:shared'

-- Those who share a lock: the members of a sorted set, owner -> until when. It is there with the lock's key
-- until the last of them is over, and no longer: so nobody else has to look at it. This is made where a lock
-- is shared, and so is the set's name: those who share nothing pay nothing for it.
local function sharers_of(lock)
  local key, sharers = 'redlockd:shares:' .. lock, {}
  sharers.key = key
  -- Until when the owner shares it; nil if it does not.
  function sharers.till(owner)
    local till = tonumber(redis.pcall('ZSCORE', key, owner))
    return till and till > now and till or nil
  end
  local function last_for(ttl)
    for _, each in ipairs({lock, key}) do
      redis.call('PEXPIRE', each, int(math.max(ttl, redis.call('PTTL', each))))
    end
  end
  -- Has the owner share it for `ttl` ms from now at least, and never shortens that. Returns false if it cannot
  -- be written: others' leases may be renewed by the same call. A full node refuses a script's first write if it
  -- takes memory, and none after one that takes none: there a member goes on (rule C5), and nobody joins.
  function sharers.join(owner, ttl)
    local till, had = now + ttl * 1000, sharers.till(owner)
    if had then last_for(ttl) end
    if till > (had or 0) then
      local added = redis.pcall('ZADD', key, int(till), owner)
      if type(added) == 'table' then return false, added.err end
    end
    if not had then last_for(ttl) end
    return true
  end
  -- Has the owner share it no more. Returns whether it did, and whether the lock is free by that.
  function sharers.part(owner)
    if redis.pcall('ZREM', key, owner) ~= 1 then return false, false end
    local last = redis.call('ZRANGE', key, '-1', '-1', 'WITHSCORES')
    local ms = math.ceil(((tonumber(last[2]) or 0) - now) / 1000)
    if ms <= 0 then
      redis.call('DEL', lock, key)
      return true, true
    end
    for _, each in ipairs({lock, key}) do redis.pcall('PEXPIRE', each, int(ms)) end
    return true, false
  end
  return sharers
end

local FAR = 600000000  -- a stamp that is further ahead than this is a mistake
local MOST_AHEAD = 32
-- Where the first entries are of those who share, so many are looked at to learn who is after them, and so
-- many are called.
local MOST_BESIDE, MOST_CALLED_BESIDE = 64, 16

-- What one run of a script does at most, beside a call for each of its locks, whatever their queues are
-- like: how many entries it drops, and how many it calls ahead.
local drops_left, calls_left = 64, 64

-- What the hash says of an entry: until, at, grace, mode, and kind: '', or ' s' of one that is shared.
local function parts_of(entry)
  local till, at, grace, mode, kind = string.match(entry or '', '^(%d+) (%d+) (%d+) ([012])(.*)$')
  till, at, grace = tonumber(till), tonumber(at), tonumber(grace)
  if till and (kind == '' or kind == ' s') and math.max(till, at, grace) < 2^53 then
    return till, at, grace, mode, kind
  end
end

local function is_fresh(entry, stamp)
  local till = parts_of(entry)
  return till ~= nil and till > now and stamp >= 0 and stamp <= now + FAR
end

-- Rule E5: a hint to another daemon. It may be lost, so it does not matter if the node refuses it.
local function hint(instance, word, key)
  publish(instance, word .. ' ' .. key)
end

-- Where it cannot be written, as the node is full, leases are released and renewed all the same.
local function note(wait, field, text)
  redis.pcall('HSET', wait, field, text)
end

-- Rule E8.8: the more of those who were called are dead, the more are called at a time.
local function called_at_a_time(wait)
  return math.max(1, math.min(tonumber(redis.pcall('HGET', wait, 'ahead')) or 1, MOST_AHEAD))
end
local function note_dead(wait)
  note(wait, 'ahead', int(math.min(2 * called_at_a_time(wait), MOST_AHEAD)))
end
local function note_alive(wait)
  local ahead = called_at_a_time(wait)
  if ahead > 1 then note(wait, 'ahead', int(ahead - 1)) end
end

-- Returns whether it was in the queue. With the last entry both keys go.
local function leave(queue, wait, instance)
  if redis.pcall('ZREM', queue, instance) ~= 1 then return false end
  local is_hash = type(redis.pcall('HDEL', wait, instance)) ~= 'table'
  if is_hash and redis.call('EXISTS', queue) == 0 then redis.call('DEL', wait) end
  return true
end

-- Its entry is of no use any more. That is noted first: a field that is written into an empty hash would
-- have no time to live.
local function drop(queue, wait, instance, was_called)
  drops_left = drops_left - 1
  if was_called then note_dead(wait) end
  leave(queue, wait, instance)
end

-- The first other that is fresh: its instance and stamp, and what the hash says of it (entry); nil if there
-- is none. `rows`: the first three entries of the queue, or all, with their stamps. Drops those before it.
local function first_other(queue, wait, me)
  while true do
    local rows = redis.pcall('ZRANGE', queue, '0', '2', 'WITHSCORES')
    local i = rows[1] == me and 3 or 1
    local instance, stamp = rows[i], tonumber(rows[i + 1])
    local entry = instance and redis.pcall('HGET', wait, instance)
    if not instance or type(entry) == 'table' then return nil end
    if is_fresh(entry, stamp) or drops_left == 0 then
      return {instance = instance, stamp = stamp, entry = entry, rows = rows}
    end
    local _, _, _, mode = parts_of(entry)
    drop(queue, wait, instance, mode == '2')
  end
end

-- Rule E6.1: the greatest stamp of the others, 0 if there is none; `first` is the first of them.
local function greatest_other(queue, me, first)
  local rows = first and first.rows or {}
  if #rows == 6 then
    rows = redis.call('ZREVRANGEBYSCORE', queue, int(now + FAR), '-inf', 'WITHSCORES', 'LIMIT', '0', '2')
    return math.max(0, tonumber(rows[rows[1] == me and 4 or 2]) or 0)
  end
  for i = #rows - 1, 1, -2 do
    local stamp = tonumber(rows[i + 1])
    if rows[i] ~= me and stamp <= now + FAR then return math.max(0, stamp) end
  end
  return 0
end

-- Calls the one who has this entry, and has not been called. Returns until when it is fresh; nil if it
-- does not hear it (rule E8.6), or has none.
local function call_one(wait, key, instance, entry)
  local till, at, grace, mode, kind = parts_of(entry)
  if not till then return nil end
  if publish(instance, 'free ' .. key) == 0 and mode == '1' then return nil end
  till = math.min(till, math.max(now + grace, at))
  note(wait, instance, string.format('%.0f %.0f %.0f 2%s', till, at, grace, kind))
  return till
end

-- Calls the first other, or the first after it that may hear it, and drops those that do not. While the lock is
-- shared (is_shared), it calls none that wants it alone. Returns it, or nil; until when it is fresh, nil if it was
-- not called; whether it is called only now; and its kind.
local function call_first(queue, wait, me, key, other, is_shared)
  while other do
    local till, _, _, mode, kind = parts_of(other.entry)
    if is_shared and kind == '' then return other, nil, false end
    if mode == '2' then return other, till, false, kind end
    if drops_left == 0 then return other, nil, false end
    till = call_one(wait, key, other.instance, other.entry)
    if till then return other, till, true, kind end
    drop(queue, wait, other.instance, true)
    other = first_other(queue, wait, me)
  end
end

-- Rule E8.8: calls `more` of the others after the first, where they did not come of late. The first that
-- is not called hears when the first one's time is over (rule E8.7).
local function call_ahead(queue, wait, me, key, more, rest, next_knows)
  local is_after_first = false
  for _, instance in ipairs(redis.call('ZRANGE', queue, '0', int(2 * more + 3))) do
    if instance ~= me and is_after_first then
      local entry = redis.call('HGET', wait, instance)
      local _, at, grace, mode = parts_of(entry)
      local is_waiting = mode and mode ~= '2'
      if is_waiting and more > 0 and now >= at - grace then
        if calls_left == 0 or drops_left == 0 then return end
        calls_left = calls_left - 1
        if not call_one(wait, key, instance, entry) then
          drop(queue, wait, instance, true)
          more = more + 1
        end
      elseif is_waiting and not next_knows then
        next_knows = true
        hint(instance, 'next ' .. int(rest), key)
      end
      more = more - 1
      if more < 0 and next_knows then return end
    elseif instance ~= me then
      is_after_first = true
    end
  end
end

-- The others at the head of a queue, of whom some want to share the lock; made where there is one who does.
local function readers_in(queue, wait, me)
  local rows, others, instances = redis.call('ZRANGE', queue, '0', int(MOST_BESIDE), 'WITHSCORES'), {}, {}
  for i = 1, #rows, 2 do
    if rows[i] ~= me and #others < MOST_BESIDE then
      instances[#instances + 1] = rows[i]
      others[#others + 1] = {instance = rows[i], stamp = tonumber(rows[i + 1])}
    end
  end
  local entries = #instances > 0 and redis.call('HMGET', wait, unpack(instances)) or {}
  for i, other in ipairs(others) do other.entry = entries[i] end
  local readers = {}
  -- The first that does not share; nil if none is seen.
  function readers.first_alone()
    for _, other in ipairs(others) do
      if is_fresh(other.entry, other.stamp) and select(5, parts_of(other.entry)) == '' then return other end
    end
  end
  -- Rule F6: the first in the way of one who shares; nil if there is none. Where all that are looked at share, the
  -- last of them stands for those after it.
  function readers.first_in_conflict()
    return readers.first_alone() or others[MOST_BESIDE]
  end
  -- Rule F7: those who stand after the first one, before one who does not share, may come in with it. The rest
  -- of them are called when these leave the queue.
  function readers.call_after(first, key)
    local is_after_first, calls = false, MOST_CALLED_BESIDE - 1
    for _, other in ipairs(others) do
      if other.instance == first.instance then
        is_after_first = true
      elseif is_after_first and is_fresh(other.entry, other.stamp) then
        local _, _, _, mode, kind = parts_of(other.entry)
        if kind == '' or calls == 0 or calls_left == 0 or drops_left == 0 then return end
        if mode ~= '2' then
          calls, calls_left = calls - 1, calls_left - 1
          if not call_one(wait, key, other.instance, other.entry) then drop(queue, wait, other.instance, true) end
        end
      end
    end
  end
  return readers
end

-- Rule E8.4: calls `other`, the first one, and those that are called with it. Returns who is the first
-- other now, or nil; and how long that one may take to come, 0 if it was not called. Rule F7: while the lock is
-- shared, only those who share may come in.
local function call(queue, wait, me, key, other, is_shared)
  local till, is_new, kind
  other, till, is_new, kind = call_first(queue, wait, me, key, other, is_shared)
  if not till then return other, 0 end
  if kind == ' s' then readers_in(queue, wait, me).call_after(other, key) end
  local rest = math.max(till - now, 0)
  if is_shared then return other, rest end
  local more = called_at_a_time(wait) - 1
  if is_new or more > 0 then call_ahead(queue, wait, me, key, more, rest, not is_new) end
  return other, rest
end


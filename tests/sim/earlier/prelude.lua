-- Stands in front of every script: what a reply is, what the node's time is, the check of rule D, and
-- the queue of rule E. Whatever is made here costs every call of every script a little.
--
-- Every reply is {verdict, TIME, fence, left, text, greatest}. All times and durations are integers in
-- microseconds, here and in what is stored, but for what Redis itself counts in milliseconds. They are
-- exact below 2^53; made into text they need '%.0f' (rule A7).
--
-- The sentinel, a hash (rule D1): run, max_ttl, fence_window, quarantine (of those settings), key_prefix,
-- ready (when the node may vote again), term (how long the quarantine that ends at `ready` was), bound
-- (how much of that is for votes under other settings), voted (it gave a vote under these settings), was
-- (the run that a daemon counted it as before it forgot), id, set, count, witness, and by the id of each
-- other node run:ID, '<run> <when it was heard> <instance>' (rule D10).
--
-- The queue of the daemons that want a lock, a hash (rules E6.1, E6.2): by instance, '<stamp>
-- <fresh_until>'.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function int(number)
  return string.format('%.0f', number)
end

local function reply(verdict, fence, left, text, greatest)
  return {verdict, now, fence or 0, left or 0, text or '', greatest or 0}
end

-- The daemon's word on the node: ARGV[1..4] of every script that takes a sentinel.
local function settings()
  return {
    run = ARGV[1], quarantine = ARGV[2], max_ttl = ARGV[3], fence_window = ARGV[4],
  }
end

-- nil if it is missing or not whole.
local function read_sentinel(key)
  local got = redis.call('HMGET', key, 'run', 'max_ttl', 'fence_window', 'quarantine', 'ready', 'term',
                         'bound', 'voted', 'was')
  local node = {
    run = got[1], max_ttl = got[2], fence_window = got[3],
    quarantine = tonumber(got[4]), ready = tonumber(got[5]), term = tonumber(got[6]),
    bound = tonumber(got[7] or 0) or 0, voted = got[8], was = got[9],
  }
  if node.run and node.max_ttl and node.fence_window and node.quarantine and node.ready and node.term then
    return node
  end
end

local function write_settings(key, daemon)
  redis.call('HSET', key, 'max_ttl', daemon.max_ttl, 'fence_window', daemon.fence_window,
             'quarantine', daemon.quarantine)
end

-- What votes under earlier settings still ask for.
local function rest_of_bound(node)
  return now < node.ready and node.bound or 0
end

local function begin_quarantine(key, run, quarantine, bound)
  local term = math.max(quarantine, bound)
  redis.call('HSET', key, 'run', run, 'ready', int(now + term), 'term', int(term), 'bound', int(bound))
  return term
end

-- By the settings of the node, which votes were given under, and not by those of any daemon that comes
-- by (rule D3).
local function quarantine_again(key, run, node)
  return begin_quarantine(key, run, node.quarantine, rest_of_bound(node))
end

-- The reply that says why the node does not vote for this daemon; nil if it does. A sentinel of another
-- run begins its quarantine anew (rule D1); where there is none, introduce writes one.
local function no_vote(key)
  local daemon, node = settings(), read_sentinel(key)
  if not node then return reply('amnesia', 0, tonumber(daemon.quarantine)) end
  if node.run ~= daemon.run then
    return reply('amnesia', 0, quarantine_again(key, daemon.run, node))
  end
  local differs = {}
  for _, setting in ipairs({'max_ttl', 'fence_window'}) do
    if node[setting] ~= daemon[setting] then  -- rule D3
      table.insert(differs, string.format('%s is %.0fms on the node, %.0fms here', setting,
                                          node[setting] / 1000, daemon[setting] / 1000))
    end
  end
  if #differs > 0 then return reply('settings', 0, 0, table.concat(differs, '; ')) end
  if now >= node.ready then
    redis.pcall('HSET', key, 'voted', '1')  -- a node that stores nothing gives no vote either
    return nil
  end
  -- Rule D6: further away than it ever was: the node's clock went back.
  local term = math.max(node.term, tonumber(daemon.quarantine))
  if node.ready > now + term then
    node.ready = now + term
    redis.call('HSET', key, 'ready', int(node.ready), 'term', int(term))
  end
  return reply('quarantine', 0, node.ready - now)
end

-- Rule D1: nil if the node votes for this daemon, else the reply that says why not. Mostly it does:
-- no more is read at first than it takes to know.
local function check(key)
  local got = redis.call('HMGET', key, 'run', 'max_ttl', 'fence_window', 'ready', 'voted')
  local ready = tonumber(got[4])
  if got[1] == ARGV[1] and got[2] == ARGV[3] and got[3] == ARGV[4] and ready and now >= ready and got[5] then
    return nil
  end
  return no_vote(key)
end

-- Of a value that may be anybody's, no more than this is read: it may be of any size. An owner value
-- is shorter, so one that is not is another's.
local MOST = 256

-- The beginning of a string, false if there is none, nil and '(a TYPE)' if it is something else.
local function read(key)
  local value = redis.pcall('GETRANGE', key, 0, MOST - 1)
  if type(value) == 'table' then return nil, '(a ' .. redis.call('TYPE', key).ok .. ')' end
  if value == '' and redis.call('PTTL', key) == -2 then return false end
  return value
end

-- The last fence that was given out on this node, nil if none is stored.
local function stored_fence(key)
  local value = read(key)
  if value == false then return nil end
  return tonumber(value) or error('the fence key holds no number')
end

-- Rule A6: no fence goes beyond this. Normally none is stored beyond now + window: where one is, the
-- clock went back, and the fences go on from there until the clock has caught up. What lies beyond 2^53
-- is no fence.
local function latest_fence(stored)
  local window = tonumber(ARGV[4])
  if stored and stored > now + window and stored + 2 * window < 2^53 then return stored + window end
  return now + window
end

-- It lives until the clock has passed it by two windows at least, or it would be forgotten before the
-- floor lies above it.
local function store_fence(key, fence, life)
  local least = math.ceil((fence - now + 2 * ARGV[4]) / 1000)
  redis.call('SET', key, int(fence), 'PX', int(math.max(life, least)))
end

-- Microseconds until the key goes; -1: never.
local function left(key)
  local ms = redis.call('PTTL', key)
  return ms < 0 and ms or ms * 1000
end

-- The daemon that made an owner value (rule A1).
local function instance_of(owner)
  return string.match(owner, '^[^:]*')
end

-- Four things of the queue: the stamp of the owner's daemon (nil: it has no entry); of the others the
-- greatest stamp (0: nobody else is there), and the instance and the stamp of the first. Drops what is
-- not fresh any more, and stamps from too far ahead. A key that is no queue, or that has more entries
-- than there are daemons, is another program's: nobody is in it.
local function read_queue(key, owner)
  local own, greatest, head, first = nil, 0, nil, nil
  local size = redis.pcall('HLEN', key)
  if type(size) == 'table' or size == 0 or size > MOST then return own, greatest end
  local entries = redis.call('HGETALL', key)
  for i = 1, #entries, 2 do
    local instance = entries[i]
    local stamp, fresh_until = string.match(entries[i + 1], '^(%d+) (%d+)$')
    stamp, fresh_until = tonumber(stamp), tonumber(fresh_until)
    if not stamp or fresh_until <= now or stamp > now + 600000000 then
      redis.call('HDEL', key, instance)
    elseif instance == instance_of(owner) then
      own = stamp
    else
      greatest = math.max(greatest, stamp)
      if not head or stamp < first or (stamp == first and instance < head) then
        head, first = instance, stamp
      end
    end
  end
  return own, greatest, head, first
end

-- Rule E5: a hint to another daemon. It may be lost, so it does not matter if the node refuses it.
local function tell(instance, word, key)
  redis.pcall('PUBLISH', 'redlockd:to:' .. instance, word .. ' ' .. key)
end


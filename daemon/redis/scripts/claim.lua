-- Needs queue.lua and want.lua.
-- Rules G1, G4: takes all of the locks, or none of them. Each is judged, as acquire judges it, before one
-- is taken. Of a claim that is refused nothing stays but its entries in the queues.
-- KEYS, ARGV: as in want.lua, no lock twice, and one queueing for all, which is no stand.
-- Replies {'ok', TIME}, and then for each lock verdict, fence, left, text, greatest, place, as acquire does.
-- All of them are 'ok', or none is: then 'turn' is a lock that might have been had.
local ARGS_EACH = 8
local queueing = ARGV[FIRST_ARG + 4]
local looks = not all_free or queueing == 'always'

-- As in acquire, which has a text of its own for it: a call of one more function is more than that can do
-- without.
local function next_fences(stored, proposal, block)
  local fence = math.max((stored or now - ARGV[4]) + 1, proposal)
  local last = fence + block - 1
  if last <= latest_fence(stored) then return fence, last end
end

local function judge(name)
  local at, other = name.at, nil
  if not all_free then name.value, other = read(name.lock) end
  if not all_new then name.stored = stored_fence(name.fence_key) end
  if looks then
    name.verdict, name.left, name.text, name.greatest, name.place, name.not_taken =
      obstacle(name.lock, name.queue, name.wait, at, name.value, other)
    if name.verdict then return end
  end
  name.fence, name.last = next_fences(name.stored, tonumber(ARGV[at + 2]), ARGV[at + 3])
  if not name.fence then name.verdict = 'skew' end
end

-- Of a lock whose fence key holds no fence, say, nothing counts but that.
local names, may_be_had, is_refused = {}, true, false
for key = 2, #KEYS, KEYS_EACH do
  local at = (key - 2) / KEYS_EACH * ARGS_EACH + FIRST_ARG
  local name = {
    lock = KEYS[key], fence_key = KEYS[key + 1], queue = KEYS[key + 2], wait = KEYS[key + 3], at = at,
    value = false, left = 0, text = '', greatest = 0, place = 0,
  }
  local fine, why = pcall(judge, name)
  if not fine then
    if type(why) == 'table' then why = why.err end
    name = {at = at, verdict = 'error', left = 0, text = why, greatest = 0, place = 0}
  end
  if name.verdict then may_be_had = false end
  if name.verdict == 'busy' or name.verdict == 'not-turn' then is_refused = true end
  names[#names + 1] = name
end

local said = {'ok', now}
for _, name in ipairs(names) do
  local owner, ttl, i = ARGV[name.at], ARGV[name.at + 1], #said
  if may_be_had then
    if name.value == owner then ttl = int(math.max(tonumber(ttl), redis.call('PTTL', name.lock))) end
    store_fence(name.fence_key, name.last, fence_life)
    redis.call('SET', name.lock, owner, 'PX', ttl)
    if not all_free and name.value ~= owner and queueing ~= 'ignore' then note_alive(name.wait) end
    name.verdict = 'ok'
  elseif is_refused and name.not_taken then
    name.place = name.not_taken()
  end
  said[i + 1], said[i + 2], said[i + 3], said[i + 4], said[i + 5], said[i + 6] =
    name.verdict or 'turn', may_be_had and name.fence or name.stored or 0, name.left, name.text,
    name.greatest, name.place
end
return said

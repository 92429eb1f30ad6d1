-- Needs queue.lua.
-- Rules C4, E6.3, E8.4, F1, F7: compare and delete, or share no more; `leave`: the owner's daemon also
-- leaves the queue. Who is next is called when the lock is free by it, or may be shared by it. Runs whatever
-- the sentinel says. The reply's text has a letter for each lock: o released, n not this owner's; a capital:
-- another daemon wants it (rule E2). Its `greatest` is that of all of them.
-- KEYS: of each lock: lock, queue, wait. ARGV: of each lock: owner, leave ('1' or '0').
local said, most = '', 0
for i = 1, #KEYS, 3 do
  local lock, queue, wait = KEYS[i], KEYS[i + 1], KEYS[i + 2]
  local at = (i - 1) / 3 * 2 + 1
  local owner, leaves = ARGV[at], ARGV[at + 1] == '1'
  local me = instance_of(owner)
  local value = read(lock)
  local shared, is_last = false, false
  if value == SHARED then shared, is_last = sharers_of(lock).part(owner) end
  if value == owner then redis.call('DEL', lock) end

  local letter = (value == owner or shared) and 'o' or 'n'
  local has_left = leaves and leave(queue, wait, me)
  local first = first_other(queue, wait, me)
  if first then
    letter, most = string.upper(letter), math.max(most, greatest_other(queue, me, first))
    local is_free = value == owner or is_last or (has_left and value == false)
    local is_shared = value == SHARED and not is_last
    local is_ours = not leaves and redis.call('ZRANK', queue, me) == 0 and
                    is_fresh(redis.call('HGET', wait, me), 0)
    if (is_free or (is_shared and has_left)) and not is_ours then call(queue, wait, me, lock, first, is_shared) end
  end
  said = said .. letter
end
return reply('ok', 0, 0, said, most)

-- Rules C4, E6.3: compare and delete; `leave`: the owner's daemon also leaves the queue. Whoever is
-- next is told when the lock is free by it. Runs whatever the sentinel says.
-- KEYS: lock, want. ARGV: owner, leave ('1' or '0').
local owner = ARGV[1]
local value = holder(KEYS[1])
if value == owner then redis.call('DEL', KEYS[1]) end

local own, greatest, head, first = read_queue(KEYS[2], owner)
local leaves = own and ARGV[2] == '1'
if leaves then redis.call('HDEL', KEYS[2], instance_of(owner)) end

if head and (value == owner or (leaves and value == false)) then
  local own_is_before = own and not leaves and
                        (own < first or (own == first and instance_of(owner) < head))
  if not own_is_before then tell(head, 'free', KEYS[1]) end
end
return reply(value == owner and 'ok' or 'not-owner', 0, 0, '', greatest)

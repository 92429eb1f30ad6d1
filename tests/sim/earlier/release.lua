-- Rules C4, E6.3: compares and deletes; with `leave` the owner's daemon also leaves the queue. If the lock
-- is free by that, the daemon that is next gets a hint. The script runs whatever the sentinel says. The
-- reply's text has a letter for each lock: o if it was released, n if it is not this owner's; a capital
-- means that another daemon wants it (rule E2). `greatest` is the greatest of all of them.
-- KEYS: of each lock: lock, want. ARGV: of each lock: owner, leave ('1' or '0').
local said, most = '', 0
for i = 1, #KEYS, 2 do
  local owner = ARGV[i]
  local value = read(KEYS[i])
  if value == owner then redis.call('DEL', KEYS[i]) end

  local own, greatest, head, first = read_queue(KEYS[i + 1], owner)
  local leaves = own and ARGV[i + 1] == '1'
  if leaves then redis.call('HDEL', KEYS[i + 1], instance_of(owner)) end

  if head and (value == owner or (leaves and value == false)) then
    local own_is_before = own and not leaves and
                          (own < first or (own == first and instance_of(owner) < head))
    if not own_is_before then tell(head, 'free', KEYS[i]) end
  end

  local letter = value == owner and 'o' or 'n'
  if greatest > 0 then
    letter, most = string.upper(letter), math.max(most, greatest)
  end
  said = said .. letter
end
return reply('ok', 0, 0, said, most)

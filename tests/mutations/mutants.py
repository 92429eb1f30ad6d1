"""Wrong variants of the lock rules, each a small edit of the sources.

What each would do to a user is said beside it; most were first found as a trace of a model checker. The
tests of `catch` (a GoogleTest filter of `program`) must fail with it, and one of the simulator's first
`worlds` worlds; 0 where its harm is none that a world can see. `find` must occur exactly once.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    rule: str
    name: str
    harm: str
    file: str
    find: str
    replace: str
    catch: str
    worlds: int

    @property
    def is_script(self):
        return self.file.endswith('.lua')

    @property
    def program(self):
        return 'unit_redis_scripts' if self.is_script else 'unit_engine'


def engine(file, rule, name, harm, find, replace, catch='*', worlds=0):
    return Mutant(rule, name, harm, f'daemon/engine/{file}.cc', find, replace, catch, worlds)


def script(file, rule, name, harm, find, replace, catch='*', worlds=0):
    return Mutant(rule, name, harm, f'daemon/redis/scripts/{file}.lua', find, replace, catch, worlds)


# Of a variant whose harm a world can show: most are caught in one of the first few.
WORLDS = 5000


MUTANTS = [
    # --- A: fences
    engine('lock_acquire', 'A3', 'vote-of-an-earlier-round',
           'a node that stored the fence of one round is counted for that of another',
           'lease.phase != Lease::Phase::kFirstRound || answer.ticket.round != lease.round',
           'lease.phase != Lease::Phase::kFirstRound', 'Acquire.*'),
    engine('lock_acquire', 'A4', 'greatest-vote-without-confirm',
           'A has node 1 only; B has 1 and 3, granted 2; C has 2 and 3, granted 2 as well',
           'return ConfirmRound(now);', 'return Grant(now, lease.ballot->ToConfirm());', 'Acquire.*', worlds=WORLDS),
    engine('ballot', 'A4', 'confirm-the-greatest-of-all',
           'one node that runs ahead drags the lock\'s fence along, round after round',
           'fences.begin() + static_cast<std::ptrdiff_t>(m - 1)',
           'fences.begin() + static_cast<std::ptrdiff_t>(fences.size() - 1)', 'Ballot.*'),
    engine('lock_acquire', 'A4', 'first-rounds-without-end',
           'an attempt that never can be confirmed keeps its keys from everybody',
           'lease.first_rounds < kMaxFirstRounds', 'true', 'Acquire.GivesUp*'),
    engine('lock_acquire', 'A5', 'learn-any-stored-fence',
           'one wrong node pushes the proposal over the window: SKEW on all nodes for ever',
           'if (!clock || stored > *clock + half) return;', 'if (!clock) return;', 'Acquire.*'),
    engine('node_table', 'A6', 'skewed-node-votes',
           'fences of a clock that is off lie beyond every other node\'s window',
           'if (Skewed(index)) return', 'if (false) return', 'NodesOf.AClockOff*'),
    engine('lock_acquire', 'A6', 'vote-of-a-node-that-has-none',
           'a promise of a skewed, evicting or doubled node makes up a majority',
           'if (ok && votes) Promised(now, answer);', 'if (ok) Promised(now, answer);', 'Acquire.*'),
    script('acquire', 'A2', 'counter-without-proposal',
           'each node counts for itself: no two agree, and the greatest is given twice',
           'math.max((stored or now - fence_window) + 1, proposal)', '(stored or 0) + 1', worlds=WORLDS),
    script('acquire', 'A6', 'no-floor',
           'a forgotten fence starts from the proposal of a slow clock: it goes back',
           '(stored or now - fence_window)', '(stored or 0)', worlds=WORLDS),
    script('acquire', 'A6', 'no-upper-bound',
           'a fence far ahead is forgotten, and the next one is below it',
           "if fence > now + fence_window then return reply('skew', stored) end", '', worlds=WORLDS),
    script('confirm', 'A6', 'confirm-without-owner-test',
           'B confirms on a node that A has taken since: both store the same fence',
           "if holder(KEYS[1]) ~= owner then return reply('not-owner') end", ''),
    script('confirm', 'A6', 'confirm-takes-missing-for-0',
           'the greater fence was forgotten while the key lived on: one fence twice, 17 steps',
           'if not stored or stored > fence then', 'if stored and stored > fence then'),
    script('confirm', 'A6', 'confirm-below-stored',
           'a fence that was passed is acked: given twice after a key vanished, 19 steps',
           'if not stored or stored > fence then', 'if not stored then'),
    script('confirm', 'A4', 'confirm-stores-nothing',
           'the next one meets the old fence on the nodes, and is given the confirmed one again, 14 steps',
           'store_fence(KEYS[2], fence, fence_life)', '', worlds=WORLDS),
    script('prelude', 'A6', 'fence-forgotten-within-the-window',
           'the floor lies below a fence that is not there any more: it goes back',
           "redis.call('SET', key, int(fence), 'PX', life)",
           "redis.call('SET', key, int(fence), 'PX', int(tonumber(life) / 8))", worlds=WORLDS),
    script('confirm', 'A6', 'confirm-without-upper-bound',
           'a fence ahead of the window is stored by the confirm, forgotten, and passed below',
           "if fence > now + tonumber(daemon.fence_window) then return reply('skew', stored) end", ''),
    script('prelude', 'A7', 'numbers-made-text-by-tostring',
           'tostring(1763931234567890) is 1.7639312345679e+15',
           "return string.format('%.0f', number)", 'return tostring(number)', worlds=WORLDS),
    # --- C: leases
    engine('lock_acquire', 'C1', 'one-owner-value',
           'a late release of one attempt deletes the next one\'s key: two holders, 9 steps',
           'std::to_string(lease_->attempt)', 'std::to_string(1)', 'Acquire.EachAttempt*', worlds=WORLDS),
    engine('lock_hold', 'C2', 'validity-from-the-reply',
           'the key ends a message\'s flight before its holder thinks: two holders, 13 steps',
           'answer.ticket.asked, lease.ttl', 'now, lease.ttl', 'Acquire.*:Holding.ARenewalCounts*', worlds=WORLDS),
    engine('validity', 'C2', 'drift-ignored',
           'a node\'s clock runs faster than the holder\'s: two holders, 9 steps',
           'asked + ttl - drift_allowance', 'asked + ttl', 'Validity.*:Acquire.AsksAll*', worlds=WORLDS),
    engine('validity', 'C2', 'deadline-is-the-greatest-promise',
           'one node\'s ack counts for all of them: two holders, 11 steps',
           'promises.begin() + static_cast<std::ptrdiff_t>(m - 1)', 'promises.begin()',
           'Validity.*:Holding.AMinority*', worlds=WORLDS),
    engine('lock_hold', 'C5', 'minority-renewal-believed',
           'one of three renews, the two others let another in: two holders, 11 steps',
           'if (ok) Promised(now, answer);',
           '''for (NodeAnswer a = answer; ok && (a.node = a.node + 1) < shared_.nodes.size() + 3;) {
                NodeAnswer b = a; b.node %= shared_.nodes.size(); Promised(now, b); }''',
           'Holding.AMinority*', worlds=WORLDS),
    engine('lock_acquire', 'C3', 'grant-whatever-is-left',
           'a grant arrives when its deadline is past',
           '*deadline - now < Timing::UsefulRest(lease.ttl)', '*deadline <= now',
           'Acquire.WithLess*'),
    engine('lock_acquire', 'C4', 'release-where-it-answered',
           'a silent node that took the key keeps it for a ttl',
           'lease->owner, lease->may_have,',
           '''lease->owner, [&] { NodeSet s; for (NodeIndex i = 0; i < shared_.nodes.size(); ++i)
                s.set(i, lease->validity.Promised(i)); return s; }(),''', 'Letting.*'),
    engine('release_table', 'C4', 'unacked-release-forgotten',
           'a node that was away keeps the key for a ttl after it is back',
           'if (pending.unacked.test(node) && !pending.in_flight.test(node))', 'if (false)',
           'Letting.*'),
    engine('lock_hold', 'C5', 'lost-only-on-a-reply',
           'all nodes fall silent and the holder is never told',
           'lease.end_alarm.Set(now + left - Timing::ToldAhead(left));', '', 'Holding.Silence*', worlds=WORLDS),
    engine('lock_hold', 'C5', 'renewals-in-heaps',
           'a node that hangs runs a heap of old renewals when it wakes',
           'shared_.nodes.Linked() & ~lease.in_flight', 'shared_.nodes.Linked()',
           'Holding.ANodeIsAsked*'),
    script('renew', 'C5', 'renewal-sets-a-free-key',
           'the key changes owner without raising the fence: the proof of uniqueness is gone',
           "if holder(KEYS[1]) ~= owner then return reply('not-owner') end",
           '''local value = holder(KEYS[1])
           if value and value ~= owner then return reply('not-owner') end
           if not value then redis.call('SET', KEYS[1], owner, 'PX', int(ttl)) end'''),
    script('renew', 'C5', 'renewal-shortens',
           'acquired for 4, renewed for 2: a promise already counted is broken, 10 steps',
           "if redis.call('PTTL', KEYS[1]) < ttl then redis.call('PEXPIRE', KEYS[1], int(ttl)) end",
           "redis.call('PEXPIRE', KEYS[1], int(ttl))"),
    engine('lock_hold', 'C6', 'heal-after-letting-go',
           'a lease that is over is set anew on a node',
           '  if (lease.phase != Lease::Phase::kHeld) return;\n  if (answer.verdict == Verdict::kNotOwner',
           '  if (answer.verdict == Verdict::kNotOwner', 'Letting.ARenewalInFlight*'),
    engine('lock_hold', 'C5', 'renewal-after-the-hold',
           'a hold that was thrown out lives on beyond its deadline',
           'lease_->renew_alarm.Clear();', '', 'Letting.ADropped*', worlds=WORLDS),
    script('release', 'C4', 'release-without-compare',
           'a late release deletes another\'s key',
           "if holder(KEYS[1]) ~= ARGV[1] then return reply('not-owner') end", '', worlds=WORLDS),
    script('acquire', 'C8', 'take-over-across-instances',
           'any daemon with a greater attempt number takes a lock away',
           'its_instance == instance and', '', worlds=WORLDS),
    script('acquire', 'C8', 'take-over-a-later-attempt',
           'an acquire that comes late takes the key of its own daemon\'s lease',
           'tonumber(its_attempt) < tonumber(attempt)', 'its_attempt ~= attempt'),
    engine('lock_hold', 'C9', 'keys-released-when-thrown-out',
           'another holds the lock while the client still trusts its deadline',
           'lease_->end_alarm.Set(lease_->announced);', 'lease_->end_alarm.Set(Time{});',
           'Letting.ADropped*:Letting.WhatIsHeld*', worlds=WORLDS),
    engine('lock_hold', 'C9', 'max-hold-not-kept',
           'a deadline beyond what was asked for is announced',
           'hold_->ends_at ? std::min(lease_end, *hold_->ends_at) : lease_end', 'lease_end',
           'Holding.*MaxHold*', worlds=WORLDS),
    engine('lock_acquire', 'C11', 'poll-without-looking',
           'a lock that ends in a moment is looked at a tenth of a second later',
           'std::min(poll, ballot->ShortestLeft().value_or(poll) + kAfterExpiry)', 'poll',
           'Backoff.*'),
    engine('lock_acquire', 'C12', 'any-number-at-a-time',
           '3000 locks asked for at once: 37,000 attempts for 1000 grants, every holder in jeopardy',
           'if (!is_next) return', 'if (false) return', 'Gate.*'),
    engine('lock_acquire', 'C12', 'a-try-waits-for-its-turn-for-ever',
           'whoever does not want to wait hears nothing as long as nodes are slow',
           'if (first.is_try) first.wait_alarm.Set(', 'if (false) first.wait_alarm.Set(',
           'Gate.*'),
    engine('lock_acquire', 'C12', 'ahead-of-the-line',
           'whoever comes just as there is room goes before those who wait for it',
           'if (!is_next) return', 'if (!is_next && !shared_.gate.Next()) return', 'NarrowGate.*'),
    engine('lock_acquire', 'C12', 'out-as-soon-as-given-up',
           'what was given up piles up at nodes that are slow',
           'waiter, std::move(lease->pass));', 'waiter, nullptr);', 'Gate.*'),
    # --- D: nodes that forget
    script('acquire', 'D4', 'set-but-not-counted-in-quarantine',
           'the key is set, its later renewal counts: two holders, 9 steps',
           'if refusal then return refusal end',
           "if refusal then redis.call('SET', KEYS[1], owner, 'PX', int(ttl)) return refusal end"),
    script('renew', 'D1', 'renewal-in-quarantine',
           'a key that came back from an old dump is renewed: two holders, 15 steps',
           'if refusal then return refusal end',
           "if refusal and refusal[1] ~= 'quarantine' then return refusal end"),
    script('prelude', 'D1', 'no-quarantine',
           'a node that forgot a lease votes for another at once: two holders, 7 steps',
           'if now >= node.ready then return nil end', 'do return nil end', worlds=WORLDS),
    script('prelude', 'D1', 'sentinel-without-run',
           'a restart from an old dump brings a trusted sentinel: two holders, 7 steps',
           'if not node or node.run ~= daemon.run then', 'if not node then', worlds=WORLDS),
    engine('timing', 'D2', 'quarantine-below-max-ttl',
           'a node votes anew while a lease that it forgot still holds: two holders, 10 steps',
           'std::max(max_ttl + DriftAllowance(max_ttl), 2 * fence_window) + seconds(1)',
           'std::max(max_ttl - seconds(2), 2 * fence_window) + seconds(1)', 'Timing.*'),
    engine('timing', 'D2', 'quarantine-of-half-a-lease',
           'a node votes anew while a lease that it forgot still holds, whatever the settings',
           'std::max(max_ttl + DriftAllowance(max_ttl), 2 * fence_window) + seconds(1)',
           'max_ttl / 2', 'Timing.*', worlds=WORLDS),
    engine('timing', 'D2', 'quarantine-below-two-windows',
           'a forgotten fence may lie above the floor: it goes back, 12 steps',
           '2 * fence_window) + seconds(1)', 'fence_window) + seconds(1)', 'Timing.*'),
    script('prelude', 'D3', 'settings-not-compared',
           'another daemon\'s longer lease outlives this one\'s quarantine',
           'if node[setting] ~= daemon[setting] then', 'if false then'),
    engine('node_table', 'D5', 'evictions-ignored',
           'a node that dropped a key votes again for another',
           'facts.evicted_keys > old.evicted_keys ||', '', 'NodesOf.GrowingEvictions*'),
    engine('lock_hold', 'D6', 'clock-step-keeps-promises',
           'the keys ended early, their holder counts on them',
           'lease_->validity.Forget(node);', '', 'Holding.AForwardStep*'),
    engine('clock_offset', 'D6', 'clock-step-not-seen',
           'the keys ended early, and the node votes on',
           'return Step::kForward;', 'return Step::kNone;', 'ClockOffset.*:NodesOf.AForward*'),
    engine('lock_hold', 'D6', 'keys-released-before-the-announced-deadline',
           'the client was told a deadline and has not heard of the step: two holders',
           'if (now < lease_->announced) return Keep();', '', 'Holding.AForwardStepThatTakes*'),
    engine('query', 'D7', 'trust-whatever-is-there',
           'a node that restarted under a live lease is trusted: two holders',
           'return Refuse(query, Failure::kRefused, word.node, " is neither");', '',
           'Query.TrustEmpty*'),
    engine('node_table', 'D8', 'same-server-votes-twice',
           'one server makes up a majority of three',
           'if (const auto first = SameServer(index))',
           'if (const std::optional<NodeIndex> first; first)', 'NodesOf.AServer*'),
    engine('lock_hold', 'D8', 'same-server-renews-twice',
           'one server renews for two entries, the others let another in',
           'answer.verdict == Verdict::kOk && shared_.nodes.Votes(answer.node)',
           'answer.verdict == Verdict::kOk', 'Holding.TheRenewalOfANode*'),
    engine('membership', 'D8', 'any-set-is-ours',
           'two sets of nodes share some: each has its own majority',
           'if (!own.empty()) return set != own;', 'return false;', 'Membership.*'),
    engine('release_table', 'C4', 'sync-unlock-forgotten-with-its-keys',
           'a daemon that slept longer than the ttl never answers the unlock, nor what came behind it',
           'pending.unacked.reset();\n  AnswerWaiter(pending);', '', 'Letting.*'),
    engine('node_table', 'D8', 'nameless-nodes-not-read-again',
           'of two daemons that meet new nodes at a time, one has no quorum until the next probe',
           '    ReadNamelessAgain(now);', '', 'NodesOf.*', worlds=WORLDS),
    # --- the line
    engine('lock', 'C4', 'nobody-is-next-after-unlock',
           'a lock is let go and those who wait for it are not told',
           'LetGo(now);\n  }\n  Proceed(now);', 'LetGo(now);\n  }', worlds=WORLDS),
    engine('lock', 'C4', 'nobody-is-next-after-a-death',
           'a holder dies and those who wait for its lock are not told',
           'waiters_.erase(FindWaiter(session));\n  }\n  Proceed(now);',
           'waiters_.erase(FindWaiter(session));\n  }', worlds=WORLDS),
    # --- E
    engine('lock_acquire', 'E7', 'back-off-does-not-double',
           'many daemons split the votes for ever',
           '<< splits_++', '<< (splits_++, 0)', 'Backoff.Doubles*'),
]

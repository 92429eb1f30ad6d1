// The script of the status page, with a document that has just what it uses: what it shows of which answer.
// tests/integration/status_page_test.cc has the page in a browser.
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import vm from 'node:vm';

const script = readFileSync(process.env.STATUS_JS, 'utf8');

class Element {
  constructor(tag) {
    Object.assign(this, {tag, children: [], dataset: {}, attributes: {}, own: '', classes: [], hidden: false});
    this.classList = {add: (...names) => this.classes.push(...names)};
  }
  set textContent(text) {
    this.children = [];
    this.own = text;
  }
  get textContent() {
    return this.own + this.children.map((child) => child.textContent).join(' ');
  }
  set className(names) {
    this.classes = names.split(' ');
  }
  append(...children) {
    this.children.push(...children);
  }
  replaceChildren(...children) {
    this.own = '';
    this.children = children;
  }
  setAttribute(name, value) {
    this.attributes[name] = value;
  }
  all(tag) {
    return this.children.flatMap((child) => [...(child.tag === tag ? [child] : []), ...child.all(tag)]);
  }
}

// A page that has looked once for each of `answers`; one that is an Error is no answer.
async function look(...answers) {
  const ids = new Map();
  const delays = [];
  let next;
  const document = {
    title: '',
    getElementById: (id) => ids.get(id) ?? ids.set(id, new Element('div')).get(id),
    createElement: (tag) => new Element(tag),
    createElementNS: (_, tag) => new Element(tag),
  };
  const wait = (answered) => new Promise((resolve) => setImmediate(() => resolve(answered)));
  const context = vm.createContext({
    document,
    AbortSignal,
    fetch: async (path, options) => {
      assert.equal(path, 'status.json');
      assert.equal(options.cache, 'no-store');
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return {ok: !answer.status, status: answer.status ?? 200, json: async () => answer};
    },
    setTimeout: (then, delay) => {
      delays.push(delay);
      next = then;
    },
  });
  const count = answers.length;
  vm.runInContext(script, context);
  for (let i = 1; i <= count; ++i) {
    while (delays.length < i) await wait();
    if (i < count) next();
  }
  return {document, delays, id: (id) => document.getElementById(id)};
}

const client = {uid: 1000, pid: 42, command: 'job'};
const status = (changes = {}) => ({
  version: '1.2.3',
  host: 'hosta',
  at: '2026-11-29T07:00:00Z',
  started: '2026-11-29T06:00:00Z',
  draining: false,
  nodes_up: 2,
  nodes_needed: 2,
  nodes: [
    {node: 1, address: 'a:1', state: 'up', why: '', round_trip_seconds: 0.00025, clock_offset_seconds: -2},
    {node: 2, address: 'b:1', state: 'up', why: ''},
    {node: 3, address: 'c:1', state: 'quarantine', why: 'restarted', quarantine_seconds: 61},
  ],
  sessions: 3,
  sessions_limit: 8192,
  holds: 1234567,
  waits: 1,
  kept: 0,
  grants: 9,
  lost: 1,
  quotas: [],
  locks: {age_seconds: 0, hot: [], waits: [], hidden: 0},
  losses: [],
  hidden_losses: 0,
  timeline: {
    step_seconds: 5, steps: 120, grants: [10, null, 0], refusals: [0, null, 0], lost: [0, null, 2],
    holds: [1, null, 1], waits: [0, null, 0], sessions: [1, null, 1], nodes_up: [3, null, 2],
  },
  ...changes,
});

test('the daemon, its nodes and its figures', async () => {
  const page = await look(status());
  assert.equal(page.document.title, 'redlockd hosta');
  assert.equal(page.id('quorum').textContent, 'a majority votes: 2 of 3');
  assert.deepEqual(page.id('quorum').classes, ['badge', 'warn']);
  assert.match(page.id('figures').textContent, /Locks held 1,234,567 .*Running for 60 min/);
  const [, first, second, third] = page.id('nodes').all('tr').map((row) => row.textContent);
  assert.equal(first, '1 a:1 up 250 µs −2.0 s ');
  assert.equal(second, '2 b:1 up   ');
  assert.equal(third, '3 c:1 quarantine   restarted (61 s left)');
  assert.equal(page.id('about').textContent, 'redlockd 1.2.3, as of 2026-11-29T07:00:00Z');
  assert.equal(page.id('notice').hidden, true);
});

test('what the quorum is', async () => {
  for (const [up, draining, words, kind] of [
    [3, false, 'all nodes vote: 3 of 3', 'good'],
    [1, false, 'no quorum: 1 of 3', 'bad'],
    [3, true, 'all nodes vote: 3 of 3, stopping', 'good'],
  ]) {
    const page = await look(status({nodes_up: up, draining}));
    assert.equal(page.id('quorum').textContent, words);
    assert.deepEqual(page.id('quorum').classes, ['badge', kind]);
  }
});

test('locks, waits and losses', async () => {
  const page = await look(status({
    locks: {
      hot: [
        {lock: 'x', waiting: 2, longest_wait_seconds: 1.5, held_here: true, held_seconds: 7300, holder: client},
        {lock: 'y', waiting: 1, longest_wait_seconds: 0.02, held_here: false},
        {lock: 'z', waiting: 1, longest_wait_seconds: 0, held_here: true, held_seconds: 1, holder: null},
      ],
      waits: [{lock: 'x', waited_seconds: 200, place: 1, client: {...client, command: ''}}],
      hidden: 3,
    },
    losses: [{at: '2026-11-29T06:59:00Z', lock: 'w', fence: '9007199254740993', reason: 'expired', client}],
    hidden_losses: 1,
  }));
  const rows = (id) => page.id(id).all('tr').map((row) => row.textContent).slice(1);
  assert.deepEqual(rows('hot'), [
    'x 2 1.5 s 2 h uid 1000, pid 42 (job)', 'y 1 20 ms  nobody on this host', 'z 1 0 µs 1.0 s gone',
  ]);
  assert.deepEqual(rows('waits'), ['x 3 min 1 uid 1000, pid 42']);
  assert.match(rows('losses')[0], / w expired uid 1000, pid 42 \(job\) 9007199254740993$/);
  assert.match(page.id('hidden').textContent, /^3 more /);
  assert.match(page.id('hidden-losses').textContent, /^1 more /);
});

test('quotas, where there are any', async () => {
  const page = await look(status({
    quotas: [
      {rule: 'batch/', quota: 'locks', limit: 1000, refused: 3, used: 1000},
      {rule: 'batch/', quota: 'new_names', limit: 5, refused: 0},
    ],
  }));
  assert.equal(page.id('quotas-section').hidden, false);
  const [, locks, names] = page.id('quotas').all('tr');
  assert.equal(locks.textContent, 'batch/ locks 1,000 1,000 3');
  assert.ok(locks.children[2].classes.includes('bad'));
  assert.equal(names.textContent, 'batch/ new_names  5 /s 0');
  assert.ok(!names.children[2].classes.includes('bad'));
  assert.equal((await look(status())).id('quotas-section').hidden, true);
});

test('nothing yet, and nothing at all', async () => {
  const counting = await look(status({locks: null}));
  assert.equal(counting.id('hot').textContent, 'The locks are being counted.');
  assert.equal(counting.id('hidden').textContent, '');
  const idle = await look(status());
  assert.equal(idle.id('waits').textContent, 'Nobody waits.');
  assert.equal(idle.id('losses').textContent, 'There are none.');
});

test('a bar for each step, the newest at the right, and a gap where nothing is known', async () => {
  const page = await look(status());
  const [grants, , losses] = page.id('charts').children;
  assert.equal(grants.textContent.trim(), 'Grants at most 2 /s');
  const bars = grants.all('rect');
  assert.deepEqual(bars.map((bar) => Math.floor(bar.attributes.x)), [117, 118]);
  assert.deepEqual(bars.map((bar) => bar.classes), [[], ['gap']]);
  assert.deepEqual(losses.all('svg')[0].classes, ['is-bad']);
  assert.equal(losses.all('rect')[1].attributes.height, 100);
});

test('a daemon that does not answer is told of, until it does', async () => {
  const away = await look(status(), new Error('refused'));
  assert.equal(away.id('notice').hidden, false);
  assert.equal(away.id('notice').textContent,
    'The daemon does not answer (refused). What is shown may be old.');
  assert.equal(away.id('host').textContent, 'hosta');
  assert.deepEqual(away.delays, [2000, 2000]);
  const off = await look({status: 404});
  assert.match(off.id('notice').textContent, /it answers 404/);
  const back = await look(new Error('refused'), status());
  assert.equal(back.id('notice').hidden, true);
});

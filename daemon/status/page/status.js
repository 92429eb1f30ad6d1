// Reads status.json every two seconds and shows it. Whatever a name says, it becomes text: nothing here
// makes HTML of it.
'use strict';

const kInterval = 2000;  // ms
const kPatience = 10000;  // ms for one answer

const byId = (id) => document.getElementById(id);

function element(tag, text, ...classes) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (classes.length > 0) made.classList.add(...classes);
  return made;
}

// --- numbers, for people --------------------------------------------------------------------------

const numbers = new Intl.NumberFormat('en');

function span(seconds) {
  if (seconds < 1e-3) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${Math.round(seconds * 1e3)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

function offset(seconds) {
  return (seconds < 0 ? '−' : '+') + span(Math.abs(seconds));
}

function clientText(client) {
  if (!client) return 'gone';
  const command = client.command === '' ? '' : ` (${client.command})`;
  return `uid ${client.uid}, pid ${client.pid}${command}`;
}

// --- tables ---------------------------------------------------------------------------------------

// A column: its heading, the text of a row in it, and a class for both (or a function that gives the
// row's own).
function fill(id, columns, rows, whenEmpty) {
  const table = byId(id);
  if (rows.length === 0) {
    const line = document.createElement('tr');
    line.append(element('td', whenEmpty, 'empty'));
    table.replaceChildren(line);
    return;
  }
  const head = document.createElement('tr');
  for (const column of columns) {
    const heading = element('th', column.heading, ...(column.classes ?? []));
    heading.scope = 'col';
    head.append(heading);
  }
  const lines = rows.map((row) => {
    const line = document.createElement('tr');
    for (const column of columns) {
      const own = column.colour ? [column.colour(row)] : [];
      const cell = element('td', column.text(row), ...(column.classes ?? []), ...own);
      cell.dataset.heading = column.heading;  // which a narrow page shows beside it
      line.append(cell);
    }
    return line;
  });
  table.replaceChildren(head, ...lines);
}

const lockColumn = {heading: 'Lock', text: (row) => row.lock, classes: ['name']};

const nodeColumns = [
  {heading: 'Node', text: (node) => String(node.node)},
  {heading: 'Address', text: (node) => node.address, classes: ['name']},
  {
    heading: 'State',
    text: (node) => node.state,
    classes: ['short'],
    colour: (node) => (node.state === 'up' ? 'good' : node.state === 'quarantine' ? 'warn' : 'bad'),
  },
  {
    heading: 'Round trip',
    text: (node) => ('round_trip_seconds' in node ? span(node.round_trip_seconds) : ''),
    classes: ['number'],
  },
  {
    heading: 'Clock',
    text: (node) => ('clock_offset_seconds' in node ? offset(node.clock_offset_seconds) : ''),
    classes: ['number'],
  },
  {
    heading: 'Why',
    text: (node) =>
      node.why + ('quarantine_seconds' in node ? ` (${span(node.quarantine_seconds)} left)` : ''),
  },
];

const hotColumns = [
  lockColumn,
  {heading: 'In line', text: (lock) => numbers.format(lock.waiting), classes: ['number']},
  {heading: 'Longest wait', text: (lock) => span(lock.longest_wait_seconds), classes: ['number']},
  {heading: 'Held for', text: (lock) => (lock.held_here ? span(lock.held_seconds) : ''), classes: ['number']},
  {heading: 'Holder', text: (lock) => (lock.held_here ? clientText(lock.holder) : 'nobody on this host')},
];

const waitColumns = [
  lockColumn,
  {heading: 'Waits for', text: (wait) => span(wait.waited_seconds), classes: ['number']},
  {heading: 'Place', text: (wait) => numbers.format(wait.place), classes: ['number']},
  {heading: 'Client', text: (wait) => clientText(wait.client)},
];

const quotaColumns = [
  {heading: 'Rule', text: (quota) => quota.rule, classes: ['name']},
  {heading: 'Quota', text: (quota) => quota.quota, classes: ['short']},
  {
    heading: 'Used',
    text: (quota) => ('used' in quota ? numbers.format(quota.used) : ''),
    classes: ['number'],
    colour: (quota) => (quota.used >= quota.limit ? 'bad' : 'plain'),
  },
  {
    heading: 'Limit',
    text: (quota) => numbers.format(quota.limit) + (quota.quota === 'new_names' ? ' /s' : ''),
    classes: ['number'],
  },
  {heading: 'Refused', text: (quota) => numbers.format(quota.refused), classes: ['number']},
];

const lossColumns = [
  {heading: 'When', text: (loss) => new Date(loss.at).toLocaleTimeString(), classes: ['short']},
  lockColumn,
  {heading: 'Reason', text: (loss) => loss.reason, classes: ['short']},
  {heading: 'Client', text: (loss) => clientText(loss.client)},
  {heading: 'Fence', text: (loss) => loss.fence, classes: ['number']},
];

// --- charts ---------------------------------------------------------------------------------------

const kSvg = 'http://www.w3.org/2000/svg';

// A bar for each step, the newest at the right; a step without a value is a thin line.
function chart(caption, values, steps, unit, isBad) {
  const greatest = Math.max(0, ...values.filter((value) => value !== null));
  const svg = document.createElementNS(kSvg, 'svg');
  svg.setAttribute('viewBox', `0 0 ${steps} 100`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  if (isBad) svg.classList.add('is-bad');
  values.forEach((value, i) => {
    if (value === 0) return;
    const height = value === null ? 100 : Math.max(3, (100 * value) / greatest);
    const bar = document.createElementNS(kSvg, 'rect');
    bar.setAttribute('x', steps - values.length + i + 0.1);
    bar.setAttribute('y', 100 - height);
    bar.setAttribute('width', 0.8);
    bar.setAttribute('height', height);
    if (value === null) bar.classList.add('gap');
    svg.append(bar);
  });
  const most = `at most ${numbers.format(Math.round(greatest * 10) / 10)}${unit}`;
  svg.setAttribute('aria-label', `${caption}: ${most}`);
  const figure = document.createElement('figure');
  const text = document.createElement('figcaption');
  text.append(element('span', caption), element('span', most));
  figure.append(text, svg);
  return figure;
}

function showTimeline(timeline) {
  const rate = (values) =>
    values.map((value) => (value === null ? null : value / timeline.step_seconds));
  byId('charts').replaceChildren(
    chart('Grants', rate(timeline.grants), timeline.steps, ' /s', false),
    chart('Refusals', rate(timeline.refusals), timeline.steps, ' /s', true),
    chart('Losses', timeline.lost, timeline.steps, '', true),
    chart('Locks held', timeline.holds, timeline.steps, '', false),
    chart('Requests in line', timeline.waits, timeline.steps, '', false),
    chart('Nodes that vote', timeline.nodes_up, timeline.steps, '', false),
  );
}

// --- the page -------------------------------------------------------------------------------------

function showQuorum(status) {
  const has = status.nodes_up >= status.nodes_needed;
  const badge = byId('quorum');
  const all = status.nodes_up === status.nodes.length;
  const words = has ? (all ? 'all nodes vote' : 'a majority votes') : 'no quorum';
  badge.textContent = `${words}: ${status.nodes_up} of ${status.nodes.length}` +
    (status.draining ? ', stopping' : '');
  badge.className = `badge ${has ? (all ? 'good' : 'warn') : 'bad'}`;
}

function showFigures(status) {
  const figures = [
    ['Locks held', numbers.format(status.holds)],
    ['Requests in line', numbers.format(status.waits)],
    ['Kept after their hold', numbers.format(status.kept)],
    ['Clients', `${numbers.format(status.sessions)} of ${numbers.format(status.sessions_limit)}`],
    ['Grants', numbers.format(status.grants)],
    ['Losses', numbers.format(status.lost)],
    ['Running for', span((Date.parse(status.at) - Date.parse(status.started)) / 1000)],
  ];
  byId('figures').replaceChildren(
    ...figures.map(([name, value]) => {
      const pair = document.createElement('div');
      pair.append(element('dt', name), element('dd', value));
      return pair;
    }),
  );
}

function showLocks(locks) {
  const whenEmpty = locks ? 'Nobody waits.' : 'The locks are being counted.';
  fill('hot', hotColumns, locks?.hot ?? [], whenEmpty);
  fill('waits', waitColumns, locks?.waits ?? [], whenEmpty);
  const hidden = locks?.hidden ?? 0;
  byId('hidden').textContent = hidden === 0 ? '' :
    `${numbers.format(hidden)} more holds and waits are not shown: rules keep them from some users.`;
}

function show(status) {
  document.title = `redlockd ${status.host}`;
  byId('host').textContent = status.host;
  showQuorum(status);
  showFigures(status);
  showTimeline(status.timeline);
  fill('nodes', nodeColumns, status.nodes, 'There are no nodes.');
  showLocks(status.locks);
  byId('quotas-section').hidden = status.quotas.length === 0;
  fill('quotas', quotaColumns, status.quotas, '');
  fill('losses', lossColumns, status.losses, 'There are none.');
  byId('hidden-losses').textContent = status.hidden_losses === 0 ? '' :
    `${numbers.format(status.hidden_losses)} more are not shown: rules keep them from some users.`;
  byId('about').textContent = `redlockd ${status.version}, as of ${status.at}`;
}

async function look() {
  const notice = byId('notice');
  try {
    const answer = await fetch('status.json', {cache: 'no-store', signal: AbortSignal.timeout(kPatience)});
    if (!answer.ok) throw new Error(`it answers ${answer.status}`);
    show(await answer.json());
    notice.hidden = true;
  } catch (error) {
    notice.textContent = `The daemon does not answer (${error.message}). What is shown may be old.`;
    notice.hidden = false;
  }
  setTimeout(look, kInterval);
}

look();

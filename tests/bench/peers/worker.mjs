// worker.mjs JSON: some workers of one peer in one process, and how often each got its lock.
// The JSON: {peer, ports, workers, seconds, name, options}. With a name all workers want that lock,
// else each takes a new one for each cycle. `options` are the peer's settings; none: its defaults.
// Says "ready", reads from standard input when to start (seconds of CLOCK_MONOTONIC), and at the
// end prints {"grants": [[nanoseconds, worker], ...], "cycles": how many were done,
// "errors": {text: count}}.
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const work = JSON.parse(process.argv[2]);
const now = () => Number(process.hrtime.bigint());

const { default: connect } = await import(`./${work.peer}.mjs`);
const locks = await connect(work.ports, work.options ?? {});
process.stdout.write('ready\n');
const input = readline.createInterface({ input: process.stdin });
const start = Number((await input[Symbol.asyncIterator]().next()).value) * 1e9;
const end = start + work.seconds * 1e9;
const grants = [];
const errors = {};
let cycles = 0;

function note(error) {
  const text = String(error?.message ?? error).slice(0, 120);
  errors[text] = (errors[text] ?? 0) + 1;
}

async function loop(worker) {
  for (let i = 0; now() < end; i += 1) {
    const name = work.name ?? `peer-${process.pid}-${worker}-${i}`;
    try {
      const held = await locks.take(name);
      grants.push([now(), worker]);
      await locks.letGo(held);
      if (now() < end) cycles += 1;
    } catch (error) {
      note(error); // gave up: asks again, as its caller would
      await sleep(0);
    }
  }
}

await sleep(Math.max(0, (start - now()) / 1e6));
const all = Promise.all(Array.from({ length: work.workers }, (_, worker) => loop(worker)));
// A worker that waits for its lock may not come back by the end.
await Promise.race([all, sleep(work.seconds * 1000 + 200)]);
const counted = grants.filter(([time]) => time < end);
const result = JSON.stringify({ grants: counted, cycles, errors });
process.stdout.write(`${result}\n`, () => process.exit(0));

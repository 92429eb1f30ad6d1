// The Node.js client under protocol/conformance: does what standard input says, and reports what happens.
//
//     REDLOCKD_NODE_CLIENT=PACKAGE node adapter.mjs

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const load = createRequire(`${process.env.REDLOCKD_NODE_CLIENT}/package.json`);
const { Session, RedlockError } = load("./lib/index.js");
const { releaseAll } = load("./lib/hold.js");
const { Request } = load("./lib/request.js");
const { checked, encode } = load("./lib/wire.js");

const session = new Session({ onEvent: reportEvent });
const waits = new Map(); // by id: what cancels it
const holds = new Map(); // by name

function report(...words) {
  console.log(words.join(" "));
}

function reportEvent(event) {
  const lock = event.lock === undefined ? [] : [`lock=${encode(Buffer.from(event.lock))}`, `fence=${event.fence}`];
  const reason = event.fields.reason === undefined ? [] : [`reason=${event.fields.reason}`];
  report("event", event.kind, ...lock, ...reason);
}

function bytesOf(word) {
  const letters = word.replace(/%(..)/g, (_, digits) => String.fromCharCode(parseInt(digits, 16)));
  return Buffer.from(letters, "latin1");
}

/** What the client knows of the options of a lock: it asks for renewals by itself. */
function optionsOf(id, { events, wait, ...others }) {
  const giveUp = new AbortController();
  waits.set(id, giveUp);
  const known = wait === undefined ? others : { ...others, wait: wait === "0" ? 0 : wait };
  return { ...known, signal: giveUp.signal };
}

/** The last argument of each is its options. */
const commands = {
  async connect() {
    await session.connect();
    report("connect OK");
  },

  async lock(id, name, options) {
    const hold = await session.acquire(bytesOf(name), optionsOf(id, options));
    holds.set(name, hold);
    report(id, "OK", `fence=${hold.fence}`);
  },

  async "lock-all"(id, ...names) {
    const options = optionsOf(id, names.pop());
    const taken = await session.acquireAll(names.map(bytesOf), options);
    for (const name of names) holds.set(name, taken.find((hold) => hold.name === String(bytesOf(name))));
    report(id, "OK", `fences=${names.map((name) => holds.get(name).fence)}`);
  },

  async "unlock-all"(id, ...names) {
    names.pop();
    const loss = await releaseAll(names.map((name) => holds.get(name)));
    if (loss !== undefined) throw loss;
    report(id, "OK");
  },

  async try(id, name, options) {
    await commands.lock(id, name, options);
  },

  async cancel(id) {
    waits.get(id).abort();
  },

  async unlock(id, name) {
    if (holds.has(name)) await holds.get(name).release();
    else await unlockOfNothing(name);
    report(id, "OK");
  },

  async check(id, name) {
    await holds.get(name).check();
    report(id, "OK", `fence=${holds.get(name).fence}`);
  },

  async valid(...names) {
    names.pop();
    report("valid", ...names, names.every((name) => holds.get(name)?.valid) ? "yes" : "no");
  },

  async close() {
    session.close();
    report("closed");
  },
};

/** Of what the session does not hold, which its callers cannot ask. */
async function unlockOfNothing(name) {
  const request = new Request(`unlock ${encode(checked(bytesOf(name), "name"))}`);
  await session.call(request);
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...words] = line.split(" ");
  const options = Object.fromEntries(words.filter((word) => word.includes("=")).map((word) => word.split("=", 2)));
  const args = words.filter((word) => !word.includes("="));
  if (commands[command] === undefined) {
    report("unsupported");
    continue;
  }
  commands[command](...args, options).catch((error) => {
    if (!(error instanceof RedlockError)) throw error;
    report(args[0] ?? command, "ERR", error.code);
  });
}
session.close();

// Locks on a real daemon that is well.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { getEventListeners } from "node:events";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { Daemon, client, eventually, patience, redlockd } from "./support.mjs";

const execFileAsync = promisify(execFile);
// What another process does: it takes the lock, prints the fence, and lets it go.
const taker = `require(process.argv[1]).using("line", (_, [hold]) => console.log(String(hold.fence)))`;

const { BadRequest, ConnectionLost, Deadlock, Denied, Hold, LockBusy, LockCancelled, LockLost, LockTimeout, NotHeld,
        connect } = redlockd;
const names = Array.from({ length: 1000 }, (_, at) => `name-${at}`);

let daemon, session, other;

before(async () => {
  daemon = new Daemon();
  await daemon.start();
  process.env.REDLOCK_SOCKET = daemon.socket;
});
after(() => daemon.close());
beforeEach(() => [session, other] = [connect(), connect()]);
afterEach(() => {
  session.close();
  other.close();
});

/** Whether the daemon has nothing and nobody waits. */
const nothingIsHeld = async () => {
  const { fields } = await other.request("list");
  return fields.holds === "0" && fields.waits === "0";
};
const untilItWaits = (number = 1) =>
  eventually(async () => (await other.request("list")).fields.waits === String(number), `${number} waiters`);

test("a lock is held until it is released", async () => {
  const hold = await session.acquire("held", { ttl: "8s", note: "a note" });
  assert.ok(hold instanceof Hold && hold.name === "held" && typeof hold.fence === "bigint" && hold.fence > 0n);
  assert.ok(hold.valid && !hold.lost && !hold.jeopardy && hold.reason === undefined && !hold.signal.aborted);
  assert.ok(hold.left() > 4000 && hold.left() <= 8000, `${hold.left()} ms`);
  assert.ok(await hold.check() <= 8000);
  assert.match(String(hold), /^Hold "held" fence=\d+ valid$/);
  await assert.rejects(other.acquire("held", { wait: 0 }), LockBusy);
  await assert.rejects(other.acquire("held", { wait: 30 }), LockTimeout);
  await hold.release();
  assert.ok(!hold.valid && !hold.lost && !hold.jeopardy);
  await assert.rejects(hold.release(), NotHeld);
  await assert.rejects(hold.check(), NotHeld);
  const next = await other.acquire("held", { wait: patience });
  assert.ok(next.fence > hold.fence);
  await next.release({ sync: true });
  assert.equal((await session.request("show", "held")).fields.state, "free");
});

test("the deadline is that of the daemon, and moves on", async () => {
  const hold = await session.acquire("renewed", { ttl: "3s" });
  const first = hold.deadline;
  const { fields } = await session.request("ping");
  const left = Number(first - BigInt(fields.now)) / 1e6;
  assert.ok(hold.left() <= left + 1 || hold.deadline > first, "it is never believed to be later");
  await eventually(() => hold.deadline > first, "a renewal");
  assert.ok(hold.valid);
});

test("names are text or bytes", async () => {
  const strange = Buffer.from("a b=c%#\xff", "latin1");
  const hold = await session.acquire(strange);
  await assert.rejects(session.acquire(new Uint8Array(strange), { wait: 0 }), LockBusy);
  assert.equal(hold.name, "a b=c%#\ufffd");
  assert.equal((await session.acquire("süß \u{1f512}")).name, "süß \u{1f512}");
  await assert.rejects(session.acquire(""), RangeError);
  await assert.rejects(session.acquire("redlockd:x"), (error) =>
    error instanceof BadRequest && error.code === "bad-name" && error.lock === "redlockd:x");
  await assert.rejects(session.acquire("a", { timeout: 1 }), TypeError);
});

test("those of a process and of another stand in one line", async () => {
  const fenceOf = async () => {
    const hold = await session.acquire("line", { wait: patience });
    await hold.release();
    return hold.fence;
  };
  const blocker = await session.acquire("line");
  const first = fenceOf();
  await untilItWaits();
  const another = execFileAsync(process.execPath, ["-e", taker, client]);
  await untilItWaits(2);
  const last = fenceOf();
  await untilItWaits(3);
  await assert.rejects(session.acquire("line", { wait: 20 }), LockTimeout);
  await blocker.release();
  const fences = [blocker.fence, await first, BigInt((await another).stdout), await last];
  assert.ok(fences.every((fence, at) => at === 0 || fence > fences[at - 1]), fences.join());
});

test("tasks that wait for each other are told, by one session or two", async () => {
  for (const theirs of [session, other]) {
    const takeBoth = async () => {
      const right = await theirs.acquire("right", { task: 2 });
      const left = await theirs.acquire("left", { task: 2 });
      await Promise.all([left.release(), right.release()]);
    };
    const left = await session.acquire("left", { task: 1 });
    const both = takeBoth();
    await eventually(async () => {
      const states = (await other.list()).filter(({ lock }) => lock === "left" || lock === "right");
      return states.map(({ state }) => state).sort().join() === "held,held,waiting";
    }, "who has the right one waits for the left one");
    await assert.rejects(session.acquire("right", { task: 1 }), (error) =>
      error instanceof Deadlock && error.lock === "right" &&
      error.text.endsWith(" holds it, and waits for 'left', which this task holds"));
    const later = session.acquire("right");
    await untilItWaits(2);
    await left.release();
    await both;
    await (await later).release();
  }
});

test("a thousand waits for one name are served in their order", async () => {
  const served = [];
  await Promise.all(names.map(async (_, number) => {
    const hold = await session.acquire("thousand");
    served.push(number);
    await hold.release();
  }));
  assert.deepEqual(served, [...names.keys()]);
  assert.ok(session.core.isIdle);
});

test("a loss reaches the right one of two holds of a name", async () => {
  const lost = [];
  const watched = connect({ onEvent: ({ kind, fence }) => kind === "LOST" && lost.push(fence) });
  const first = await watched.acquire("successive", { maxHold: 200 });
  const second = await watched.acquire("successive", { wait: patience }); // when the first is lost
  await eventually(() => first.lost);
  assert.ok(second.valid && await second.check() > 0);
  await assert.rejects(first.release(), LockLost);
  assert.ok(await second.check() > 0 && !lost.includes(second.fence));
  watched.close();
});

test("a thousand names on one connection", async () => {
  const holds = await Promise.all(names.map((name) => session.acquire(name, { wait: patience })));
  assert.deepEqual(holds.map((hold) => hold.name), names);
  assert.ok(holds.every((hold) => hold.valid));
  assert.equal((await other.request("list")).fields.holds, String(names.length));
  await Promise.all(holds.map((hold) => hold.release()));
  assert.ok(session.core.isIdle);
  assert.ok(session.core.timers.size < names.length, `${session.core.timers.size} timers are left`);
});

test("a signal gives up a wait", async () => {
  const hold = await other.acquire("wanted");
  const giveUp = new AbortController();
  const waiter = session.acquire("wanted", { signal: giveUp.signal });
  await untilItWaits();
  giveUp.abort("enough");
  await assert.rejects(waiter, (error) => error instanceof LockCancelled && error.cause === "enough");
  await assert.rejects(session.acquire("wanted", { signal: AbortSignal.abort() }), LockCancelled);
  await hold.release();
  assert.ok((await session.acquire("wanted", { wait: patience })).valid, "the name is free in this process");
});

test("a signal that crosses the grant leaves nothing behind", async () => {
  let granted = 0;
  for (let round = 0; round < 200; round++) {
    const hold = await other.acquire("crossed", { wait: patience });
    const giveUp = new AbortController();
    const waiter = session.acquire("crossed", { signal: giveUp.signal }).then((late) => late, (error) => error);
    await session.request("ping"); // the daemon has read the request
    const release = hold.release();
    for (let turn = round % 4; turn > 0; turn--) await sleep(0);
    giveUp.abort();
    await release;
    const late = await waiter;
    if (late instanceof Hold) {
      granted++;
      assert.ok(late.valid);
      await late.release();
    } else {
      assert.ok(late instanceof LockCancelled, String(late));
    }
  }
  await eventually(nothingIsHeld, "that nothing is held");
  assert.ok(session.core.isIdle, `${granted} were granted`);
});

test("a signal that is aborted after the grant changes nothing", async () => {
  const giveUp = new AbortController();
  const hold = await session.acquire("kept", { signal: giveUp.signal });
  await assert.rejects(other.acquire("kept", { signal: giveUp.signal, wait: 0 }), LockBusy);
  assert.equal(getEventListeners(giveUp.signal, "abort").length, 0);
  giveUp.abort();
  assert.ok(await hold.check() > 0);
});

test("an answer that has come in time counts, though the process was busy", async () => {
  await session.connect();
  const waiter = session.acquire("busy", { wait: 100 });
  await Promise.resolve(); // the request is sent in this turn of the loop, at its end
  await Promise.resolve();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
  const hold = await waiter;
  assert.ok(hold.valid);
});

test("using holds the lock while its body runs", async () => {
  const result = await session.using("body", { wait: patience }, async (signal, [hold]) => {
    assert.ok(hold.valid && !signal.aborted);
    await assert.rejects(other.acquire("body", { wait: 0 }), LockBusy);
    return hold;
  });
  assert.ok(!result.valid && !result.lost);
  await other.using("body", () => undefined);
  await assert.rejects(session.using("body"), /^TypeError: body: expected a function/);
});

test("using takes several locks, sorted, each once", async () => {
  await session.using(["b", "a", "b"], async (_, holds) => {
    assert.deepEqual(holds.map((hold) => hold.name), ["a", "b"]);
    for (const name of ["a", "b"]) await assert.rejects(other.acquire(name, { wait: 0 }), LockBusy);
  });
  const hold = await other.acquire("b", { wait: patience });
  for (const [wait, kind] of [[0, LockBusy], [30, LockTimeout]]) {
    await assert.rejects(session.using(["a", "b"], { wait }, assert.fail), (error) =>
      error instanceof kind && error.lock === "b");
    assert.ok((await other.acquire("a", { wait: 0 }).then((free) => free.release().then(() => true))));
  }
  await hold.release();
});

test("several locks are held together or not at all", async () => {
  const blocker = await other.acquire("s-b");
  const several = session.acquireAll(["s-b", "s-a"]);
  await untilItWaits();
  await (await other.acquire("s-a", { wait: 0 })).release(); // it is not held while the other is waited for
  await blocker.release();
  const holds = await several;
  assert.deepEqual(holds.map(({ name, valid }) => [name, valid]), [["s-a", true], ["s-b", true]]);
  await holds[0].release();
  assert.ok(await holds[1].check() > 0, "each is a hold by itself");
});

test("a signal gives up a wait for several locks", async () => {
  const hold = await other.acquire("given-b");
  const giveUp = new AbortController();
  const several = session.acquireAll(["given-a", "given-b"], { signal: giveUp.signal });
  await untilItWaits();
  giveUp.abort("enough");
  await assert.rejects(several, (error) => error instanceof LockCancelled && error.cause === "enough");
  await hold.release();
  await eventually(nothingIsHeld);
});

test("a loss of one of several stops the body, and all are released", async () => {
  await assert.rejects(session.using(["l-a", "l-b"], async (signal, [first, second]) => {
    await other.request("break", "l-b", { fence: second.fence });
    await eventually(() => signal.aborted);
    assert.deepEqual([signal.reason.lock, signal.reason.reason, second.lost], ["l-b", "broken", true]);
    assert.ok(await first.check() > 0, "the body may still work under the other");
  }), (error) => error instanceof LockLost && error.lock === "l-b");
  await eventually(nothingIsHeld);
});

test("an error of the body is not replaced", async () => {
  const mine = new Error("mine");
  await assert.rejects(session.using("failing", () => { throw mine; }), (error) => error === mine);
  await assert.rejects(session.using("failing", { maxHold: 50 }, async (_, [hold]) => {
    await eventually(() => hold.lost);
    throw mine;
  }), (error) => error === mine);
  await eventually(nothingIsHeld);
});

test("the body's signal is aborted before the deadline", async () => {
  const left = await session.using("jeopardy", { maxHold: "4s", margin: "10s" }, async (signal, [hold]) => {
    await eventually(() => signal.aborted);
    const { reason } = signal;
    assert.ok(reason instanceof LockLost && reason.reason === "jeopardy" && reason.code === "jeopardy" && hold.jeopardy);
    assert.equal(reason.message, 'lock "jeopardy": jeopardy: the lock is lost at its deadline, unless it is renewed or ' +
                                 "released before (jeopardy: renewal fails, or less than the margin is left)");
    return hold.left();
  });
  assert.ok(left > 0, "it was stopped in time, so nothing was lost");
});

test("the body's signal is aborted when the lock is lost", async () => {
  let reason;
  await assert.rejects(session.using(["x", "lost"], { maxHold: 100, abortOn: "lost" }, async (signal, holds) => {
    await eventually(() => signal.aborted);
    assert.ok(holds.some((hold) => hold.lost && !hold.valid && hold.jeopardy));
    reason = signal.reason.reason;
  }), LockLost);
  assert.ok(["max-hold", "expired"].includes(reason), reason);
});

test("a hold that was lost says so at its release", async () => {
  const hold = await session.acquire("expired", { maxHold: 50 });
  assert.throws(() => {
    while (true) hold.throwIfLost(); // without a turn of the loop
  }, LockLost);
  // The clock here is coarse: the daemon might see the release just before the end.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  await assert.rejects(hold.release(), (error) =>
    error.lock === "expired" && ["max-hold", "expired"].includes(error.reason));
  await assert.rejects(hold.check(), LockLost);
  assert.ok((await session.acquire("expired", { wait: patience })).fence > hold.fence);
});

test("a release reaches the daemon, also where its renewal was not read yet", async () => {
  const hold = await session.acquire("meanwhile", { ttl: "500ms" });
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 800); // busy beyond the deadline that it knows
  await hold.release().catch((error) => assert.ok(error instanceof LockLost, error));
  await (await other.acquire("meanwhile", { wait: patience })).release();
});

test("await using: a hold disposes of itself", async () => {
  const hold = await session.acquire("disposed");
  await hold[Symbol.asyncDispose]();
  await hold[Symbol.asyncDispose]();
  assert.ok(!hold.valid && !hold.lost);
  const lost = await session.acquire("disposed", { maxHold: 30 });
  await (await other.acquire("disposed", { wait: patience })).release(); // so the daemon says that it is over, too
  await assert.rejects(lost[Symbol.asyncDispose](), LockLost);
});

test("min-hold keeps the others out", async () => {
  await session.using("once", { wait: 0, minHold: "1m" }, () => undefined);
  await assert.rejects(other.acquire("once", { wait: 0 }), LockBusy);
});

test("what the daemon knows", async () => {
  await session.acquire("shown", { note: "nightly" });
  const row = (await session.list()).find((each) => each.lock === "shown");
  assert.ok(row.note === "nightly" && row.state === "held" && row.pid === String(process.pid));
  assert.deepEqual((await session.show("shown")).map((each) => each.place), ["here", "node"]);
  assert.deepEqual((await session.nodes()).map((each) => each.state), ["up"]);
  assert.ok((await session.stats()).some((each) => each.name === "holds" && each.value >= "1"));
  const help = await session.request("help");
  assert.ok(help.rows.some((each) => each.fields.verb === "lock" && each.text !== ""));
  await assert.rejects(session.request("no-such-verb"), (error) => error.code === "unknown-verb");
  await assert.rejects(session.request("show", "a", { mood: "good" }), (error) => error.code === "unknown-option");
  await assert.rejects(session.request("lock", "a"), RangeError);
});

test("events are passed on", async () => {
  const events = [];
  const watcher = connect({ onEvent: (event) => events.push(event) });
  await watcher.request("watch", "watched");
  const hold = await other.acquire("watched");
  await hold.release();
  await eventually(() => events.some((event) => event.fields.what === "ended"));
  assert.deepEqual([events[0].kind, events[0].lock, events[0].fence, events[0].fields.what],
                   ["WATCH", "watched", hold.fence, "granted"]);
  watcher.close();
});

test("an administrator breaks a hold", async () => {
  const hold = await session.acquire("broken");
  try {
    await other.request("break", "broken", { fence: hold.fence });
  } catch (error) {
    assert.ok(error instanceof Denied && process.getuid() !== 0, String(error));
    return;
  }
  await eventually(() => hold.lost);
  assert.equal(hold.reason, "broken");
  await eventually(() => hold.signal.aborted);
  assert.equal(hold.signal.reason.reason, "broken");
});

test("a session that is closed releases all, for good", async () => {
  const hold = await session.acquire("closed");
  const waiter = session.acquire("closed");
  session.close();
  assert.ok(session.closed && hold.lost && hold.reason === "closed");
  await assert.rejects(waiter, ConnectionLost);
  await assert.rejects(session.acquire("closed"), ConnectionLost);
  assert.ok((await other.acquire("closed", { wait: patience })).valid);
});

test("the functions of the module share a session", async () => {
  const hold = await redlockd.acquire("common");
  await assert.rejects(redlockd.using("common", { wait: 0 }, assert.fail), LockBusy);
  assert.ok((await redlockd.list()).some((row) => row.lock === "common"));
  assert.equal((await redlockd.show("common"))[0].place, "here");
  assert.equal((await redlockd.nodes()).length, 1);
  assert.ok((await redlockd.stats()).length > 10);
  await hold.release();
  assert.equal((await redlockd.acquireAll(["c", "d"])).length, 2);
  redlockd.defaultSession().close();
  assert.equal(await redlockd.using("common", () => 7), 7, "after its end there is a new one");
  redlockd.defaultSession().close();
});

// A daemon that hangs, is killed, is started again, drains, or is not there.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";

import { Daemon, directory, eventually, load, patience, redlockd } from "./support.mjs";

const { ConnectFailed, ConnectionLost, Draining, LockLost, NoAnswer, ProtocolError, connect } = redlockd;
const { checkOptions } = load("./lib/options.js");
const grace = 500; // ms after the caller's time
const slack = 3000; // ms for a machine that is busy

/** A session that is closed after the test. */
function sessionOf(t, path, onEvent) {
  const session = connect({ path, onEvent });
  t.after(() => session.close());
  return session;
}

async function inTime(promise, ms) {
  const begin = performance.now();
  try {
    return await promise;
  } finally {
    const took = performance.now() - begin;
    assert.ok(took < ms + grace + slack, `it took ${took} ms`);
  }
}

test("a daemon that hangs keeps nobody waiting", async (t) => {
  const daemon = await Daemon.of(t);
  const session = sessionOf(t, daemon.socket);
  const hold = await session.acquire("held", { ttl: "1s" });
  daemon.pause();
  for (const ask of [() => session.acquire("other", { wait: 100 }), () => session.acquire("other", { wait: 0 }),
                     () => sessionOf(t, daemon.socket).acquire("other", { wait: 100 })]) {
    await assert.rejects(inTime(ask(), 100), NoAnswer);
  }
  await inTime(eventually(() => hold.signal.aborted && hold.jeopardy), 1000);
  await inTime(eventually(() => hold.lost), 1000);
  assert.deepEqual([hold.reason, hold.left()], ["expired", 0]);
  await assert.rejects(inTime(hold.release(), 0), LockLost);
  const waiter = session.acquire("held", { wait: patience });
  daemon.resume();
  const again = await waiter;
  assert.ok(again.fence > hold.fence && await again.check() > 0);
  await eventually(async () => {
    const { holds, waits } = (await session.request("list")).fields;
    return holds === "1" && waits === "0";
  }, "that what was given up while the daemon hung is nobody's");
});

test("a daemon that hangs for long is left, and asked again", async (t) => {
  const daemon = await Daemon.of(t);
  const events = [];
  const session = sessionOf(t, daemon.socket, (event) => events.push(event.kind));
  await session.connect();
  daemon.pause();
  const waiter = session.acquire("left", { wait: "2m" });
  await eventually(() => events.includes("CLOSED"), "that the session gives up the connection");
  daemon.resume();
  assert.ok((await waiter).valid);
});

test("a release in a daemon that hangs is no error", async (t) => {
  const daemon = await Daemon.of(t);
  const hold = await sessionOf(t, daemon.socket).acquire("released");
  daemon.pause();
  await inTime(hold.release(), 2500);
  assert.ok(!hold.lost && !hold.valid);
});

test("a daemon that is killed and started again", async (t) => {
  const daemon = await Daemon.of(t);
  const events = [];
  const session = sessionOf(t, daemon.socket, (event) => events.push(event.kind));
  const hold = await session.acquire("killed");
  const waiter = session.acquire("killed", { wait: patience });
  await daemon.kill();
  await eventually(() => hold.lost);
  assert.equal(hold.reason, "closed");
  assert.ok(hold.left() > 0, "nobody else has it before");
  await eventually(() => hold.signal.aborted);
  await assert.rejects(session.acquire("other", { wait: 0 }), (error) =>
    error instanceof ConnectFailed && error.message.includes(daemon.socket));
  await daemon.start();
  assert.ok((await waiter).fence > hold.fence);
  assert.deepEqual(events, ["CLOSED"]);
});

test("a body is stopped when the daemon dies", async (t) => {
  const daemon = await Daemon.of(t);
  const session = sessionOf(t, daemon.socket);
  await assert.rejects(session.using("body", async (signal) => {
    await daemon.kill();
    await eventually(() => signal.aborted);
    assert.equal(signal.reason.reason, "closed");
  }), (error) => error instanceof LockLost && error.reason === "closed");
});

test("a daemon that drains", async (t) => {
  const daemon = await Daemon.of(t);
  const events = [];
  const session = sessionOf(t, daemon.socket, (event) => events.push(event.kind));
  const hold = await session.acquire("drained");
  daemon.drain();
  await eventually(() => events.includes("DRAINING"));
  assert.ok(hold.valid);
  await assert.rejects(session.acquire("other", { wait: 0 }), Draining);
  const waiter = session.acquire("other", { wait: patience });
  await hold.release();
  await daemon.wait();
  await daemon.start();
  assert.ok((await waiter).valid);
});

test("there is no daemon", async (t) => {
  const place = directory(t);
  const session = sessionOf(t, join(place, "socket"));
  for (const ask of [() => session.connect(), () => session.list(), () => session.acquire("a", { wait: 0 }),
                     () => session.acquire("a", { wait: 100 })]) {
    await assert.rejects(inTime(ask(), 100), (error) => error instanceof ConnectFailed && error.cause.code === "ENOENT");
  }
  writeFileSync(join(place, "file"), "");
  await assert.rejects(sessionOf(t, join(place, "file")).connect(), ConnectFailed);
  await assert.rejects(sessionOf(t, `/tmp/${"x".repeat(200)}`).connect(), ConnectFailed);
  assert.throws(() => connect({ path: "" }), /^TypeError: path: expected the path of a socket/);
  assert.throws(() => connect({ onEvent: 7 }), /^TypeError: onEvent: expected a function/);
});

test("a wait without end is not for a daemon that is not there", async (t) => {
  const place = directory(t);
  const server = createServer(() => undefined); // it does not greet
  await new Promise((resolve) => server.listen(join(place, "silent"), resolve));
  t.after(() => server.close());
  for (const [name, kind, why] of [["none", ConnectFailed, "connect ENOENT"],
                                   ["silent", NoAnswer, "the daemon does not greet"]]) {
    const path = join(place, name);
    const waiter = sessionOf(t, path).acquire("a", { connectTimeout: 200 });
    await assert.rejects(inTime(waiter, 200), (error) => error instanceof kind && error.lock === "a" &&
      error.text.startsWith(`${path}: ${why}`) && error.text.endsWith(" (tried for 200ms, the connectTimeout)"));
  }
  await assert.rejects(inTime(sessionOf(t, join(place, "none")).acquire("a", { connectTimeout: 0 }), 0), (error) =>
    error instanceof ConnectFailed && error.text.startsWith(`${place}/none: connect ENOENT`), "by its one attempt");
  assert.throws(() => checkOptions({ connectTimeout: "5" }), /^RangeError: connectTimeout: expected milliseconds/);
});

test("a wait that the daemon has goes on", async (t) => {
  const daemon = await Daemon.of(t);
  const session = sessionOf(t, daemon.socket);
  const hold = await session.acquire("taken");
  const waiter = session.acquire("taken", { connectTimeout: 0 });
  await eventually(async () => (await session.request("list")).fields.waits === "1");
  await hold.release();
  assert.ok((await waiter).valid);
});

test("a wait begins before the daemon does", async (t) => {
  const daemon = new Daemon();
  t.after(() => daemon.close());
  const waiter = sessionOf(t, daemon.socket).acquire("early", { wait: patience });
  const endless = sessionOf(t, daemon.socket).acquire("endless", { connectTimeout: "forever" });
  await daemon.start();
  assert.ok((await waiter).valid && (await endless).valid);
});

test("another server is not waited for", async (t) => {
  const path = join(directory(t), "socket");
  const server = createServer((socket) => socket.end("220 mail.example ESMTP\r\n"));
  await new Promise((resolve) => server.listen(path, resolve));
  t.after(() => server.close());
  await assert.rejects(inTime(sessionOf(t, path).acquire("a"), 0), ProtocolError);
});

test("a connection that ends at once is tried again, in time", async (t) => {
  const path = join(directory(t), "socket");
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise((resolve) => server.listen(path, resolve));
  t.after(() => server.close());
  const session = sessionOf(t, path);
  await assert.rejects(inTime(session.acquire("a", { wait: 2000 }), 2000), (error) =>
    error instanceof ConnectionLost || error instanceof ConnectFailed);
  assert.ok(connections > 1 && connections < 20, `${connections} connections`);
});

// Connections without I/O: the greeting, a daemon that hangs, clocks, and pauses.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Stage } from "./stage.mjs";
import { load } from "./support.mjs";

const { silence } = load("./lib/connection.js");
const { grace } = load("./lib/core.js");
const { Request } = load("./lib/request.js");
const errors = load("./lib/errors.js");

test("a silent daemon is asked, and left when nothing is held", () => {
  const stage = new Stage();
  const waiting = stage.lock();
  stage.open();
  stage.sent();
  stage.pass(silence);
  assert.deepEqual(stage.sent(), ["#2 ping"]);
  stage.pass(silence);
  assert.ok(stage.connection.wantsClose && !waiting.done);
});

test("a silent daemon is not left while something is held", () => {
  const stage = new Stage();
  const held = stage.lock();
  stage.open();
  stage.grant(1, 7, 60_000);
  for (let count = 0; count < 5; count++) stage.pass(silence);
  assert.ok(!stage.connection.wantsClose);
  assert.equal(held.hold.ended, undefined);
  stage.pass(60_000);
  assert.equal(held.hold.ended, "expired");
  stage.pass(silence);
  assert.ok(stage.connection.wantsClose, "nothing is held any more");
});

test("a wait without end ends though a hold keeps the daemon that hangs", () => {
  const stage = new Stage();
  stage.lock();
  stage.open();
  stage.grant(1, 7, 60_000);
  const [waits, patient] = [stage.patientLock(silence, "b"), stage.lock(Infinity, "c")];
  const bounded = stage.lock(60_000, "d");
  stage.core.cancel(stage.patientLock(silence, "e"));
  for (let count = 0; count < 3; count++) {
    assert.ok(!waits.done, `after ${count} times ${silence} ms`);
    stage.pass(silence);
  }
  assert.ok(waits.error instanceof errors.NoAnswer);
  assert.equal(waits.error.message, 'lock "b": no-answer: the daemon does not answer');
  const cancels = stage.sent().filter((line) => line.includes(" cancel "));
  assert.deepEqual(cancels.map((line) => line.replace(/^#\d+ /, "")), ["cancel 5", "cancel 2"]);
  assert.ok(!stage.connection.wantsClose && !patient.done && !bounded.done);
});

test("a daemon that goes on is waited for", () => {
  const stage = new Stage();
  stage.lock();
  stage.open();
  stage.grant(1, 7, 60_000);
  const waits = stage.patientLock(silence, "b");
  for (let count = 0; count < 5; count++) {
    stage.pass(silence);
    stage.pass(silence);
    const [ping] = stage.sent().filter((line) => line.endsWith(" ping")).slice(-1);
    stage.receive(`${ping.split(" ")[0]} OK now=${stage.nanoseconds(stage.now)}`);
    assert.ok(!waits.done);
  }
  assert.ok(!stage.connection.wantsClose);
});

test("a connectTimeout of 0 is one attempt", () => {
  const stage = new Stage();
  stage.lock();
  stage.failToConnect(8);
  const refused = stage.patientLock(0);
  assert.ok(stage.connection.wantsConnect && !refused.done, "it does not wait for the end of the pause");
  stage.failToConnect();
  assert.ok(refused.error instanceof errors.ConnectFailed && refused.error.text === "no such file");
  const hangs = stage.patientLock(0);
  stage.connection.wantsConnect = false;
  stage.core.connected();
  stage.pass(grace - 1);
  assert.ok(!hangs.done);
  stage.pass(1);
  assert.ok(hangs.error instanceof errors.NoAnswer && hangs.error.text === "the daemon does not greet");
  const waits = stage.patientLock(0);
  stage.receive(`* HELLO redlockd 1 caps=exclusive,owners line=4096 boot=b now=${stage.nanoseconds(stage.now)}`);
  stage.pass(1000);
  assert.equal(waits.phase, "sent", "there is a daemon, and so it waits");
  stage.connection.ended("the daemon has gone", stage.now);
  assert.ok(waits.error instanceof errors.ConnectionLost);
});

test("a daemon that does not greet is left", () => {
  const stage = new Stage();
  const request = stage.lock(60_000);
  stage.connection.wantsConnect = false;
  stage.pass(silence);
  assert.ok(stage.connection.wantsClose && !request.done);
  const asked = stage.start(new Request(""));
  stage.pass(20); // the pause
  stage.pass(silence);
  assert.equal(request.lastError.code, "no-answer");
  assert.ok(asked.error instanceof errors.NoAnswer);
});

test("a deadline is on our clock, and the newest ping counts", () => {
  const stage = new Stage();
  const request = stage.lock();
  stage.open();
  stage.grant(1, 7, 60_000);
  const until = request.hold.until;
  assert.equal(until, stage.now + 60_000);
  stage.pass(silence);
  const asked = stage.now;
  stage.pass(300);
  stage.receive(`#2 OK now=${stage.nanoseconds(asked + 20_000)}`); // ours has stood still for 20 s
  assert.equal(request.hold.until, until - 20_000);
  stage.pass(until - 20_000 - stage.now);
  assert.equal(request.hold.ended, "expired");
});

test("a greeting that takes long is followed by a ping", () => {
  const stage = new Stage();
  const request = stage.lock();
  stage.connection.wantsConnect = false;
  const before = stage.now;
  stage.pass(2000);
  stage.receive(`* HELLO redlockd 1 caps=exclusive,owners now=${stage.nanoseconds(stage.now)}`);
  assert.deepEqual(stage.sent().map((line) => line.replace(/#\d+ /, "")).sort(), [`lock a as=${request.tag}`, "ping"]);
  const tag = request.tag;
  stage.grant(tag, 7);
  assert.equal(request.hold.until, before + 10_000, "on the safe side");
  stage.receive(`#${3 - tag} OK now=${stage.nanoseconds(stage.now)}`);
  assert.equal(request.hold.until, stage.now + 10_000);
});

test("another protocol is not tried again, and a full daemon is", () => {
  for (const [greeting, code] of [["* HELLO redlockd 2 caps=owners now=1", "protocol"], ["HTTP/1.1 400 Bad Request", "protocol"],
                                  ["ERR denied :not you", "denied"]]) {
    const stage = new Stage();
    const request = stage.lock(1000);
    stage.connection.wantsConnect = false;
    stage.receive(greeting);
    assert.equal(request.error?.code, code);
    assert.ok(stage.core.isIdle);
  }
  const stage = new Stage();
  const request = stage.lock(1000);
  stage.connection.wantsConnect = false;
  stage.receive("ERR limit :8192 sessions");
  assert.ok(!request.done);
  stage.pass(1000);
  assert.ok(request.error instanceof errors.LimitReached);
});

test("a daemon that does not know owners is refused", () => {
  const stage = new Stage();
  const request = stage.lock();
  stage.open("exclusive,renew");
  assert.ok(request.error instanceof errors.ProtocolError);
  assert.equal(request.error.text, "expected a redlockd that knows owners within a session, found a greeting without " +
                                   "the word 'owners' in caps=exclusive,renew");
  assert.ok(stage.connection.wantsClose);
});

test("a grant that cannot be read ends the connection, and is asked for again", () => {
  const stage = new Stage();
  const request = stage.lock();
  stage.open();
  stage.receive("#1 OK lock=a fence=x deadline=1 ttl=1s");
  assert.ok(stage.connection.wantsClose);
  assert.ok(request.error instanceof errors.ProtocolError);
});

test("pauses between attempts grow, and are bounded", () => {
  const { connection } = new Stage();
  const pauses = Array.from({ length: 20 }, () => connection.pause());
  for (const [at, pause] of pauses.entries()) {
    const shortest = Math.min(10 * 2 ** at, 1000);
    assert.ok(pause >= shortest && pause <= 1.5 * shortest, `${at}: ${pause}`);
  }
});

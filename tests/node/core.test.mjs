// The session without I/O, step by step: requests and holds.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Stage } from "./stage.mjs";
import { load } from "./support.mjs";

const { grace } = load("./lib/core.js");
const { HoldState } = load("./lib/hold_state.js");
const { LockRequest, Request } = load("./lib/request.js");
const errors = load("./lib/errors.js");

test("the wait that is sent is what is left", () => {
  const stage = new Stage();
  stage.lock(10_000);
  stage.pass(4000);
  stage.open();
  assert.deepEqual(stage.sent(), ["#1 ping", "#2 lock a as=2 wait=6s"]);
});

test("the task is sent to a daemon that knows tasks", () => {
  for (const [caps, words] of [["owners,tasks", " task=7"], ["owners", ""]]) {
    const stage = new Stage();
    stage.core.start(new LockRequest([new HoldState("a", "a")], "", Infinity, Infinity, 7), stage.now);
    stage.open(caps);
    assert.deepEqual(stage.sent(), ["#1 lock a as=1" + words]);
  }
});

test("each attempt has an owner of its own, and all are sent at once", () => {
  const stage = new Stage();
  const [first, second, third] = [stage.lock(), stage.lock(1000), stage.lock(0)];
  stage.open();
  assert.deepEqual(stage.sent(), ["#1 lock a as=1", "#2 lock a as=2 wait=1s", "#3 lock a as=3 wait=0s"]);
  stage.grant(2, 7);
  stage.release(second);
  stage.receive("#4 OK lock=a fence=7");
  stage.grant(1, 8);
  assert.deepEqual(stage.sent(), ["#4 unlock a as=2 fence=7"]);
  assert.deepEqual([first.phase, second.phase, third.phase], ["held", "ended", "sent"]);
});

test("a cancel that crosses the grant gives it back, and keeps nobody waiting", () => {
  const stage = new Stage();
  const first = stage.lock();
  stage.open();
  stage.core.cancel(first, "why");
  assert.ok(first.error instanceof errors.LockCancelled);
  assert.equal(first.error.cause, "why");
  const second = stage.lock();
  assert.deepEqual(stage.sent(), ["#1 lock a as=1", "#2 cancel 1", "#3 lock a as=3"]);
  stage.grant(1, 7);
  assert.deepEqual(stage.sent(), ["#4 unlock a as=1 fence=7"]);
  stage.receive("#2 ERR no-such-tag tag=1 :no", "#4 OK lock=a fence=7");
  assert.ok(!second.done && stage.core.holds.size === 0);
});

test("a grant that comes too late is given back", () => {
  const stage = new Stage();
  const late = stage.lock(1000);
  stage.open();
  stage.pass(1000);
  assert.ok(!late.done, "the daemon has a moment for its own answer");
  stage.pass(grace);
  assert.ok(late.error instanceof errors.NoAnswer);
  stage.grant(1, 7);
  assert.deepEqual(stage.sent(), ["#1 lock a as=1 wait=1s", "#2 cancel 1", "#3 unlock a as=1 fence=7"]);
  assert.ok(!late.hold.isValid(stage.now));
});

test("a cancel that comes after the grant changes nothing", () => {
  const stage = new Stage();
  const request = stage.lock();
  stage.open();
  stage.grant(1, 7);
  stage.core.cancel(request);
  assert.equal(request.phase, "held");
  assert.deepEqual(stage.sent(), ["#1 lock a as=1"]);
});

test("a wait that is over before it can be sent says so", () => {
  const stage = new Stage();
  const request = stage.lock(1000);
  stage.pass(1000);
  stage.open();
  assert.ok(request.error instanceof errors.LockTimeout);
  assert.equal(request.error.text, "the time was over before the daemon could be asked");
});

test("a hold that ends by our clock is given back", () => {
  const stage = new Stage();
  const first = stage.lock();
  const second = stage.lock();
  stage.open();
  stage.grant(1, 7);
  stage.sent();
  stage.now = first.hold.until;
  stage.core.run(stage.now);
  assert.ok(stage.sent().some((line) => line.endsWith(" unlock a as=1 fence=7")));
  assert.ok(!second.done);
});

test("an event reaches the hold of its owner alone", () => {
  const stage = new Stage();
  const [old, young] = [stage.lock(), stage.lock()];
  stage.open();
  stage.grant(1, 7);
  stage.release(old);
  stage.grant(2, 8);
  const { deadline } = young.hold;
  stage.receive(`* JEOPARDY lock=a as=1 fence=7 deadline=${deadline + 1n}`, "* LOST lock=a as=1 fence=7 reason=expired",
                "* LOST lock=a fence=8 reason=expired");
  assert.deepEqual([old.hold.ended, young.hold.ended], ["released", undefined]);
  assert.deepEqual([young.hold.deadline, young.hold.endangered], [deadline, false]);
  stage.receive("* LOST lock=%61 as=2 fence=8 reason=max-hold");
  assert.deepEqual([old.hold.ended, young.hold.ended], ["released", "max-hold"]);
  stage.notices();
  assert.deepEqual(stage.events, ["LOST"]);
});

test("several are asked for at once, and are a hold each", () => {
  const stage = new Stage();
  const request = stage.lockSet("a", "b");
  stage.open("owners,set");
  assert.deepEqual(stage.sent(), ["#1 lock a b as=1"]);
  stage.grantSet(1, { a: 7, b: 8 });
  const [a, b] = request.holds;
  assert.deepEqual([a, b].map((hold) => [hold.fence, hold.isValid(stage.now)]), [[7n, true], [8n, true]]);
  stage.receive("* LOST lock=b as=1 fence=8 reason=max-hold");
  assert.deepEqual([a.ended, b.ended, request.phase], [undefined, "max-hold", "held"]);
  stage.release(request);
  assert.deepEqual(stage.sent(), ["#2 unlock a as=1 fence=7"]);
  stage.receive("#2 OK lock=a fence=7");
  assert.ok(request.phase === "ended" && stage.core.isIdle);
});

test("a cancel that crosses the grant of several gives each of them back", () => {
  const stage = new Stage();
  const request = stage.lockSet("a", "b");
  stage.open("owners,set");
  const rest = `deadline=${stage.nanoseconds(stage.now + 10_000)} ttl=10s votes=1/1`;
  stage.receive(`#1 - lock=a fence=7 ${rest}`);
  stage.core.cancel(request);
  assert.ok(request.error instanceof errors.LockCancelled);
  stage.receive(`#1 - lock=b fence=8 ${rest}`, "#1 OK names=2");
  assert.deepEqual(stage.sent().slice(1), ["#2 cancel 1", "#3 unlock a as=1 fence=7", "#4 unlock b as=1 fence=8"]);
  assert.ok(request.phase === "ended" && stage.core.holds.size === 0);
});

test("rows of a connection that has ended are of no later grant", () => {
  const stage = new Stage();
  const request = stage.lockSet("a", "b");
  stage.open("owners,set");
  stage.receive(`#1 - lock=a fence=7 deadline=${stage.nanoseconds(stage.now)} ttl=10s votes=1/1`);
  stage.connection.ended("gone", stage.now);
  stage.connection.wantsClose = false;
  stage.pass(1000);
  stage.open("owners,set");
  stage.grantSet(2, { a: 17, b: 18 });
  assert.deepEqual(request.holds.map((hold) => hold.fence), [17n, 18n]);
});

test("a grant of other names, or of too few, is none", () => {
  for (const fences of [{ b: 8, a: 7 }, { a: 7 }, { a: 7, b: 8, c: 9 }]) {
    const stage = new Stage();
    const request = stage.lockSet("a", "b");
    stage.open("owners,set");
    stage.grantSet(1, fences);
    assert.ok(request.error instanceof errors.ProtocolError && stage.connection.wantsClose);
    assert.ok(!request.holds.some((hold) => hold.isValid(stage.now)) && stage.core.holds.size === 0);
  }
});

test("names that are no UTF-8 are told apart", () => {
  const stage = new Stage();
  const request = stage.lockSet("%FE", "%FF");
  stage.open("owners,set");
  stage.grantSet(1, { "%fe": 7, "%ff": 8 });
  stage.receive("* LOST lock=%ff as=1 fence=8 reason=max-hold");
  assert.deepEqual(request.holds.map((hold) => hold.ended), [undefined, "max-hold"]);
});

test("a daemon that takes one at a time is not asked for several", () => {
  const stage = new Stage();
  const request = stage.lockSet("a", "b");
  stage.open("owners");
  assert.ok(request.error instanceof errors.ProtocolError);
  assert.equal(request.error.text, "expected a redlockd that takes several names at once, found a greeting without " +
                                   "the word 'set' in caps=owners");
  assert.deepEqual(stage.sent(), []);
  assert.ok(stage.core.isIdle && !stage.connection.wantsClose);
  stage.lockSet("a");
  assert.deepEqual(stage.sent(), ["#1 lock a as=1"], "one name needs no more than any daemon has");
});

test("a loss that crosses the release is told once", () => {
  const stage = new Stage();
  const request = stage.lock();
  const heard = [];
  request.hold.onChange = () => heard.push(request.hold.ended);
  stage.open();
  stage.grant(1, 7);
  const release = stage.release(request);
  stage.receive("* LOST lock=a as=1 fence=7 reason=max-hold", "#2 ERR lost lock=a fence=7 reason=max-hold :over");
  assert.ok(release.error instanceof errors.LockLost);
  stage.notices();
  assert.deepEqual(heard, ["max-hold"]);
});

test("those that are asked for again keep their order", () => {
  const stage = new Stage();
  for (let count = 0; count < 3; count++) stage.lock();
  stage.open();
  stage.sent();
  stage.receive("#1 ERR no-quorum lock=a :0 of 1 nodes", "#2 ERR no-quorum lock=a :0 of 1 nodes");
  stage.pass(5);
  stage.receive("#3 ERR no-quorum lock=a :0 of 1 nodes");
  stage.pass(1000);
  assert.deepEqual(stage.sent(), ["#4 lock a as=4", "#5 lock a as=5", "#6 lock a as=6"]);
  stage.receive("#5 ERR draining lock=a :the daemon is stopping");
  stage.connection.ended("the daemon has gone", stage.now);
  stage.connection.wantsClose = false;
  stage.pass(1000);
  stage.open();
  assert.deepEqual(stage.sent(), ["#7 lock a as=7", "#8 lock a as=8", "#9 lock a as=9"]);
});

test("a wait that is over before the next attempt says how the last one failed", () => {
  const stage = new Stage();
  stage.lock();
  stage.failToConnect(8); // the pauses between attempts grow
  const short = stage.lock(10);
  stage.pass(10);
  assert.equal(stage.connection.wantsConnect, false);
  assert.ok(short.error instanceof errors.ConnectFailed);
  const hangs = stage.lock(10_000);
  stage.pass(9_000);
  assert.ok(stage.connection.wantsConnect);
  stage.core.connected();
  stage.pass(1_000 + grace);
  assert.ok(hangs.error instanceof errors.NoAnswer, "what listens there now does not greet");
});

test("no-quorum is asked again, and reported when the time is over", () => {
  const stage = new Stage();
  const request = stage.lock(10_000);
  stage.open();
  stage.receive("#1 ERR no-quorum lock=a :0 of 1 nodes");
  assert.ok(!request.done);
  stage.pass(1000);
  assert.deepEqual(stage.sent(), ["#1 lock a as=1 wait=10s", "#2 lock a as=2 wait=9s"]);
  stage.receive("#2 ERR no-quorum lock=a :0 of 1 nodes");
  stage.now = request.until;
  stage.core.run(stage.now);
  assert.ok(request.error instanceof errors.NoQuorum);
});

test("a try is not asked again", () => {
  const stage = new Stage();
  const request = stage.lock(0);
  stage.open();
  stage.receive("#1 ERR no-quorum lock=a :0 of 1 nodes");
  assert.ok(request.error instanceof errors.NoQuorum);
  assert.ok(stage.core.isIdle);
});

test("a draining daemon is left once nothing is held", () => {
  const stage = new Stage();
  const held = stage.lock();
  stage.open();
  stage.grant(1, 7);
  const waiting = stage.lock(Infinity, "b");
  stage.receive("#2 ERR draining lock=b :the daemon is stopping");
  assert.ok(!stage.connection.wantsClose && !waiting.done);
  stage.release(held);
  stage.receive("#3 OK lock=a fence=7");
  assert.ok(stage.connection.wantsClose && !waiting.done);
});

test("the margin comes before the deadline without a word of the daemon", () => {
  const stage = new Stage();
  const seen = [];
  const request = new LockRequest([new HoldState("a", "a", 3000)], "", Infinity);
  request.hold.onChange = () => seen.push(request.hold.lossAt(stage.now) ?? "jeopardy");
  stage.start(request);
  stage.open();
  stage.grant(1, 7);
  for (const [passed, expected] of [[6000, []], [1000, ["jeopardy"]], [3000, ["jeopardy", "expired"]]]) {
    stage.pass(passed);
    stage.notices();
    assert.deepEqual(seen, expected);
  }
});

test("the margin is bounded", () => {
  for (const [ttl, maxHold, wanted, expected] of [[9, Infinity, undefined, 3], [9, 6, undefined, 2],
                                                  [60, Infinity, undefined, 5], [60, Infinity, 20, 20],
                                                  [60, Infinity, 59, 30], [60, 8, 60, 4]]) {
    const stage = new Stage();
    const hold = new HoldState("a", "a", wanted && wanted * 1000);
    stage.start(new LockRequest([hold], "", Infinity, maxHold * 1000));
    stage.open();
    stage.grant(1, 7, ttl * 1000, ttl * 1000);
    stage.pass((ttl - expected) * 1000 - 1);
    assert.ok(!hold.endangered, `${ttl} ${maxHold} ${wanted}`);
    stage.pass(1);
    assert.ok(hold.endangered, `${ttl} ${maxHold} ${wanted}`);
  }
});

test("what is closed answers all, and keeps no timer for long", () => {
  const stage = new Stage();
  const held = stage.lock();
  stage.open();
  stage.grant(1, 7);
  const waiters = [stage.lock(), stage.lock(5000, "b"), stage.start(new Request("ping"))];
  stage.core.close(stage.now);
  stage.core.run(stage.now);
  assert.equal(held.hold.ended, "closed");
  for (const waiter of waiters) assert.ok(waiter.error instanceof errors.ConnectionLost);
  assert.ok(stage.core.isIdle);
  stage.pass(20);
  assert.equal(stage.core.timers.next(), undefined);
});

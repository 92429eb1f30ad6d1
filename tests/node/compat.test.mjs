// The locks for those who come from node-redlock.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Daemon, eventually, load, patience, redlockd } from "./support.mjs";

const { default: Redlock, ExecutionError, Lock, ResourceLockedError } = load("./lib/compat.js");

let daemon, session, other, redlock;
before(async () => {
  daemon = new Daemon();
  await daemon.start();
  [session, other] = [redlockd.connect({ path: daemon.socket }), redlockd.connect({ path: daemon.socket })];
  redlock = new Redlock([{}], { retryCount: 0 }, session);
});
after(async () => {
  session.close();
  other.close();
  await daemon.close();
});

const isFree = (name) => other.acquire(name, { wait: 0 }).then((hold) => hold.release()).then(() => true, () => false);
const isLocked = (error) => error instanceof ExecutionError && error.cause instanceof ResourceLockedError &&
                            error.attempts.length === 0;

test("acquire and release", async () => {
  const before = Date.now();
  const lock = await redlock.acquire(["a", "b"], 5000);
  assert.ok(lock instanceof Lock && lock.expiration >= before + 5000 && lock.expiration <= Date.now() + 5000);
  assert.deepEqual([lock.resources, lock.fences.length, lock.value], [["a", "b"], 2, String(lock.fence)]);
  await assert.rejects(new Redlock([], { retryCount: 0 }, other).acquire(["b"], 1000), isLocked);
  assert.deepEqual(await lock.release(), { attempts: [] });
  assert.ok(await isFree("a") && await isFree("b"));
  await assert.rejects(lock.release(), ExecutionError);
  assert.equal(lock.expiration, 0);
});

test("a lock ends after its duration", async () => {
  const lock = await redlock.acquire(["short"], 50);
  await eventually(() => isFree("short"));
  await assert.rejects(lock.extend(1000), ExecutionError);
  await assert.rejects(lock.release(), ExecutionError);
});

test("extend gives a new lock, and uses up the old one", async () => {
  const first = await redlock.acquire(["extended"], 3000);
  const second = await first.extend(60_000);
  assert.ok(second !== first && second.fence === first.fence && second.expiration > Date.now() + 50_000);
  assert.equal(first.expiration, 0);
  await assert.rejects(first.extend(1000), ExecutionError);
  assert.ok(!(await isFree("extended")));
  await second.release();
  assert.ok(await isFree("extended"));
});

test("retries are a wait", async () => {
  const lock = await redlock.acquire(["wanted"], 30_000);
  const settings = { retryCount: -1 };
  const waiter = new Redlock([], {}, other).acquire(["wanted"], 5000, settings);
  await eventually(async () => (await session.request("list")).fields.waits === "1");
  await assert.rejects(redlock.acquire(["wanted"], 5000, { retryCount: 2, retryDelay: 10, retryJitter: 0 }), isLocked);
  await lock.release();
  await (await waiter).release();
});

test("several resources are taken at once, or none of them", async () => {
  const taken = await redlock.acquire(["r-b"], 60_000);
  const waiter = new Redlock([], { retryCount: -1 }, other).acquire(["r-b", "r-a"], 5000);
  await eventually(async () => (await session.request("list")).fields.waits === "1");
  assert.ok(await isFree("r-a"));
  await taken.release();
  const lock = await waiter;
  assert.ok(lock.holds.every((hold) => hold.valid) && !(await isFree("r-a")) && !(await isFree("r-b")));
  await lock.release();
  const many = Array.from({ length: 17 }, (_, at) => `r-${at}`);
  await assert.rejects(redlock.acquire(many, 1000), /^RangeError: names: expected at most 16 different ones, found 17/);
});

test("using", async () => {
  const result = await redlock.using(["used"], 1000, async (signal) => {
    assert.ok(!signal.aborted && !(await isFree("used")));
    return 7;
  });
  assert.equal(result, 7);
  assert.ok(await isFree("used"));
  const mine = new Error("mine");
  const failing = redlock.using(["used"], 1000, { retryCount: 1 }, async () => { throw mine; });
  await assert.rejects(failing, (error) => error === mine);
  assert.ok(await isFree("used"));
});

test("using aborts its signal when the lock is lost", async () => {
  const own = new Daemon();
  await own.start();
  const dying = redlockd.connect({ path: own.socket });
  await assert.rejects(new Redlock([], {}, dying).using(["lost"], 60_000, async (signal) => {
    await own.kill();
    await eventually(() => signal.aborted);
    assert.ok(signal.error instanceof ExecutionError && signal.error.cause.reason === "closed");
  }), (error) => error instanceof ExecutionError && error.cause.code === "lost");
  dying.close();
  await own.close();
});

test("what fails is an event", async (t) => {
  const own = await Daemon.of(t);
  const [mine, theirs] = [redlockd.connect({ path: own.socket }), redlockd.connect({ path: own.socket })];
  t.after(() => [mine, theirs].forEach((each) => each.close()));
  const heard = [];
  const all = (error) => heard.push(error);
  const loud = new Redlock([], { retryCount: 0 }, mine);
  const taken = await new Redlock([], {}, theirs).acquire(["event"], 60_000);
  await assert.rejects(loud.acquire(["event"], 1000), isLocked); // nobody has to listen
  assert.equal(loud.on("error", all).once("error", all), loud);
  await assert.rejects(loud.acquire(["event"], 1000), isLocked);
  assert.deepEqual(heard.splice(0).map((error) => error.constructor.name), ["ResourceLockedError", "ResourceLockedError"]);
  await taken.release();

  const lock = await loud.acquire(["event"], 60_000);
  await own.kill();
  await eventually(() => !lock.holds[0].valid);
  await assert.rejects(lock.extend(1000), ExecutionError);
  await assert.rejects(lock.release(), ExecutionError);
  assert.deepEqual(heard.splice(0).map((error) => error.reason), ["closed", "closed"]);

  await own.start();
  await assert.rejects(loud.using(["another"], 1000, async (signal) => {
    await own.kill();
    await eventually(() => signal.aborted);
  }), ExecutionError);
  assert.deepEqual(heard.splice(0).map((error) => error.reason), ["closed"]);

  await assert.rejects(loud.acquire([], 1000), RangeError); // a mistake of the caller is none
  loud.off("error", all);
  await assert.rejects(lock.release(), ExecutionError);
  assert.deepEqual(heard, []);
  assert.throws(() => loud.on("clientError", all), /^TypeError: event: expected "error"/);
});

test("what is wrong is named", async () => {
  for (const wrong of [0, -5, 1.5, NaN, "5s"]) {
    await assert.rejects(redlock.acquire(["a"], wrong), /^RangeError: duration: expected a whole number/);
  }
  await assert.rejects(redlock.acquire([], 1000), /^RangeError: names: expected at least one/);
  await redlock.quit();
});

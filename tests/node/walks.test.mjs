// The session without I/O, against a model of the daemon, by random steps.
//
// The model refuses what PROTOCOL.md refuses, and lines cross on their way: what either side has sent waits until a
// step delivers it, in pieces of any length. After each walk everything is over, and nothing is left.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Chance, load } from "./support.mjs";

const { Core } = load("./lib/core.js");
const { HoldState } = load("./lib/hold_state.js");
const { LockRequest, ReleaseRequest, Request } = load("./lib/request.js");
const { ConnectFailed } = load("./lib/errors.js");

const walks = 300;
const second = 1000; // ms

const nanoseconds = (ms) => BigInt(Math.round(ms * 1e6));

/** One session of a daemon, with other holders that come and go. */
class Model {
  fence = 100;
  waiting = new Map(); // by owner: the names and the tag
  held = new Map(); // by owner and name: the fence
  owners = new Set(); // of all times
  out = [];

  constructor(chance, now) {
    this.chance = chance;
    this.out.push(`* HELLO redlockd 1 caps=exclusive,renew,owners,set line=4096 boot=b now=${nanoseconds(now)}`);
  }

  take(line, now) {
    const [tag, verb, ...words] = line.split(" ");
    const names = words.filter((word) => !word.includes("="));
    const [name] = names;
    const valueOf = (key) => words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1);
    const [owner, fence] = [valueOf("as"), valueOf("fence")];
    if (verb === "lock") {
      assert.ok(owner && !this.owners.has(owner), `the owner is not new: ${line}`);
      this.owners.add(owner);
      this.waiting.set(owner, [names, tag]);
    } else if (verb === "unlock") {
      const key = `${owner} ${name}`;
      const isHeld = this.held.get(key) === Number(fence);
      if (isHeld) this.held.delete(key);
      this.out.push(isHeld ? `${tag} OK lock=${name} fence=${fence}`
                           : `${tag} ERR lost lock=${name} fence=${fence} reason=expired :it ended before`);
    } else if (verb === "cancel") {
      const found = [...this.waiting].find(([, [, waiting]]) => waiting === `#${name}`);
      if (found !== undefined) {
        this.waiting.delete(found[0]);
        this.out.push(`#${name} ERR cancelled lock=${found[1][0][0]} :it was cancelled`);
      }
      this.out.push(found ? `${tag} OK tag=${name}` : `${tag} ERR no-such-tag tag=${name} :no`);
    } else {
      this.out.push(`${tag} OK now=${nanoseconds(now)}`);
    }
  }

  /** The waiters that are the first of all their names, where nobody has these. */
  get next() {
    const taken = new Set([...this.held.keys()].map((key) => key.split(" ")[1]));
    return [...this.waiting].filter(([, [names]]) => {
      const areFree = !names.some((name) => taken.has(name));
      for (const name of names) taken.add(name);
      return areFree;
    });
  }

  grant(owner, [names, tag], deadline) {
    const grants = names.map((name) => {
      this.held.set(`${owner} ${name}`, ++this.fence);
      return `lock=${name} fence=${this.fence} deadline=${deadline} left=10s ttl=10s votes=1/1`;
    });
    if (grants.length === 1) this.out.push(`${tag} OK ${grants[0]}`);
    else this.out.push(...grants.map((grant) => `${tag} - ${grant}`), `${tag} OK names=${names.length}`);
  }

  /** Something that nobody asked for. */
  act(now) {
    const deadline = nanoseconds(now + 10 * second);
    const error = this.chance.one(["", "", "", "", "timeout", "no-quorum", "limit", "draining"]);
    const { next } = this;
    if (this.waiting.size > 0 && error) {
      const [owner, [names, tag]] = this.chance.one([...this.waiting]);
      this.waiting.delete(owner);
      this.out.push(`${tag} ERR ${error} lock=${this.chance.one(names)} :why`);
    } else if (next.length > 0) {
      const [owner, asked] = this.chance.one(next);
      this.waiting.delete(owner);
      this.grant(owner, asked, deadline);
    } else if (this.held.size > 0) {
      const [key, fence] = this.chance.one([...this.held]);
      const [owner, name] = key.split(" ");
      const what = this.chance.one(["RENEWED", "JEOPARDY", "SAFE", "LOST"]);
      if (what === "LOST") this.held.delete(key);
      this.out.push(`* ${what} lock=${name} as=${owner} fence=${fence} deadline=${deadline} left=10s reason=expired`);
    }
  }
}

class Walk {
  now = 1000 * second;
  core = new Core();
  model = undefined;
  locks = [];
  plain = [];

  constructor(seed) {
    this.chance = new Chance(seed);
  }

  /** As the driver does after each step. */
  settle() {
    const { core } = this;
    const { connection } = core;
    core.run(this.now);
    while (connection.wantsClose || connection.wantsConnect) {
      if (connection.wantsClose) {
        connection.wantsClose = false;
        this.model = undefined;
      }
      if (connection.wantsConnect) {
        connection.wantsConnect = false;
        if (this.chance.next() < 0.2) core.connectFailed(new ConnectFailed("no daemon"), true, this.now);
        else this.model = new Model(this.chance, this.now);
      }
      core.run(this.now);
    }
    for (const notice of core.notices.splice(0)) notice();
  }

  step() {
    const { chance, core } = this;
    const live = this.locks.filter((lock) => !lock.done);
    const held = this.held();
    const what = chance.below(12);
    if (what < 3) {
      const names = chance.one([["a"], ["b"], ["c"], ["a", "b"], ["c", "a", "b"]]);
      const wait = chance.one([0, second, 5 * second, Infinity]);
      const patience = chance.one([0, 5 * second, Infinity]);
      this.locks.push(new LockRequest(names.map((name) => new HoldState(name, name)), "", wait, Infinity, undefined,
                                      patience));
      core.start(this.locks.at(-1), this.now);
    } else if (what === 3 && live.length > 0) {
      core.cancel(chance.one(live));
    } else if (what === 4 && held.length > 0) {
      this.plain.push(new ReleaseRequest(chance.one(held), false));
      core.start(this.plain.at(-1), this.now);
    } else if (what === 5 && chance.next() < 0.3) {
      this.plain.push(new Request("ping"));
      core.start(this.plain.at(-1), this.now);
    } else if (what === 6) {
      this.now += chance.one([1, 100, second]);
    } else if (what === 7 && this.model && chance.next() < 0.1) {
      core.connection.ended("the daemon has gone", this.now);
    } else if (this.model && (what === 8 || what === 9)) {
      this.deliver();
    } else if (this.model) {
      this.model.act(this.now);
    }
    this.settle();
    this.look();
  }

  deliver() {
    const { connection } = this.core;
    for (const line of connection.outgoing.split("\n").slice(0, -1)) this.model.take(line, this.now);
    connection.outgoing = "";
    const data = Buffer.from(this.model.out.splice(0).map((line) => line + "\n").join(""));
    for (let at = 0; at < data.length && !connection.wantsClose;) {
      const length = 1 + this.chance.below(60);
      connection.receive(data.subarray(at, at + length), this.now);
      at += length;
    }
  }

  held() {
    return this.locks.flatMap((lock) => lock.holds.filter((hold) => this.core.holds.has(hold)));
  }

  look() {
    const held = this.held();
    assert.equal(new Set(held.map((hold) => hold.key)).size, held.length, "two hold one name");
    assert.equal(this.core.holds.size, held.length);
    assert.ok(held.every((hold) => hold.ended === undefined));
    let waiting = 0;
    for (const lock of this.locks) {
      const isHeld = lock.holds.some((hold) => held.includes(hold));
      assert.equal(lock.phase === "held", isHeld);
      if (isHeld) assert.ok(lock.done && lock.error === undefined);
      assert.ok(lock.done || lock.phase !== "ended", "over, and its caller still waits");
      if (!lock.done) waiting++;
    }
    waiting += this.plain.filter((request) => !request.done).length;
    assert.equal(this.core.isBusy, waiting > 0 || held.length > 0);
  }

  /** The callers let go, the daemon answers, and time passes. */
  end() {
    for (let round = 0; round < 200; round++) {
      for (const lock of this.locks) this.core.cancel(lock);
      for (const hold of this.held()) this.core.start(new ReleaseRequest(hold, false), this.now);
      this.settle();
      if (this.model) {
        this.deliver();
        this.settle();
      }
      this.now += second;
    }
    assert.ok(this.locks.every((lock) => lock.done && lock.phase === "ended"));
    assert.ok(this.plain.every((request) => request.done));
    assert.ok(this.core.isIdle && this.core.holds.size === 0);
    assert.equal(this.core.timers.next(), undefined, "a timer is left");
    assert.equal((this.model?.held.size ?? 0) + (this.model?.waiting.size ?? 0), 0, "the daemon has something of ours");
  }
}

test("nothing is asked twice, and nothing is left", () => {
  for (let seed = 0; seed < walks; seed++) {
    const walk = new Walk(seed);
    try {
      for (let step = 0; step < 200; step++) walk.step();
      walk.end();
    } catch (error) {
      throw new Error(`seed ${seed}: ${error.message}`, { cause: error });
    }
  }
});

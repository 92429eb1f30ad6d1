// A session without I/O, on a stage: for tests that go step by step.

import assert from "node:assert/strict";

import { load } from "./support.mjs";

const { Core } = load("./lib/core.js");
const { HoldState } = load("./lib/hold_state.js");
const { ConnectFailed } = load("./lib/errors.js");
const { LockRequest, ReleaseRequest } = load("./lib/request.js");

/** A core, its time, and a daemon that says what a test has it say. Its clock is an hour ahead. */
export class Stage {
  now = 1_000_000;
  events = [];
  core = new Core((event) => this.events.push(event.kind));

  get connection() {
    return this.core.connection;
  }

  nanoseconds(ms) {
    return BigInt(Math.round((ms + 3_600_000) * 1e6));
  }

  open(caps = "exclusive,owners") {
    this.core.run(this.now);
    assert.ok(this.connection.wantsConnect);
    this.connection.wantsConnect = false;
    this.receive(`* HELLO redlockd 1 caps=${caps} line=4096 boot=b now=${this.nanoseconds(this.now)}`);
    return this;
  }

  receive(...lines) {
    this.connection.receive(Buffer.from(lines.map((line) => line + "\n").join("")), this.now);
    this.core.run(this.now);
  }

  pass(ms) {
    this.now += ms;
    this.core.run(this.now);
  }

  sent() {
    const lines = this.connection.outgoing.split("\n").slice(0, -1);
    this.connection.outgoing = "";
    return lines;
  }

  start(request) {
    this.core.start(request, this.now);
    this.core.run(this.now);
    return request;
  }

  lock(wait = Infinity, name = "a", margin = undefined, patience = Infinity) {
    return this.start(new LockRequest([new HoldState(name, name, margin)], "", wait, Infinity, undefined, patience));
  }

  /** A wait without end that puts up with no daemon for so long. */
  patientLock(patience, name = "a") {
    return this.lock(Infinity, name, undefined, patience);
  }

  failToConnect(times = 1) {
    for (let count = 0; count < times; count++) {
      this.connection.wantsConnect = false;
      this.core.connectFailed(new ConnectFailed("no such file"), true, this.now);
    }
  }

  /** Of several names, at once. */
  lockSet(...names) {
    return this.start(new LockRequest(names.map((name) => new HoldState(name, name)), "", Infinity));
  }

  release(request) {
    return this.start(new ReleaseRequest(request.hold, false));
  }

  grant(tag, fence, left = 10_000, ttl = 10_000) {
    this.receive(`#${tag} OK lock=a fence=${fence} deadline=${this.nanoseconds(this.now + left)} ttl=${ttl}ms votes=1/1`);
  }

  /** `fences` are by name, in the order of the rows. */
  grantSet(tag, fences) {
    const deadline = this.nanoseconds(this.now + 10_000);
    const rows = Object.entries(fences).map(([name, fence]) =>
      `#${tag} - lock=${name} fence=${fence} deadline=${deadline} ttl=10s votes=1/1`);
    this.receive(...rows, `#${tag} OK names=${rows.length} deadline=${deadline}`);
  }

  notices() {
    for (const notice of this.core.notices.splice(0)) notice();
  }
}

// The session, without I/O: what to send, and what becomes of what has come.
//
// A driver (`Link`) reports what happened and when: `start`, `abandon`, `connected`, `connectFailed`, `receive`,
// `ended`. After each of them, and at `timers.next()`, it calls `run`, and then does what `wantsClose`, `wantsConnect`
// and `outgoing` ask for. Answers come through `Request.onDone`, at once; what is for the caller's own functions is
// left in `notices`, to be called when the core is not busy. Times are ms of `clock`.
//
// "Writing a client" (protocol/CLIENTS.md) has the reasons.

import { Connection } from "./connection.js";
import { ConnectionLost, Draining, LockBusy, LockCancelled, LockLost, LockTimeout, NoAnswer, NotHeld, errorOf,
         type RedlockError } from "./errors.js";
import { closed, eventOf, subjectOf, type SessionEvent } from "./event.js";
import type { HoldState } from "./hold_state.js";
import { Holds } from "./holds.js";
import { Names } from "./names.js";
import { LockRequest, ReleaseRequest, Request } from "./request.js";
import { Timers } from "./timers.js";
import type { Line } from "./wire.js";

/** ms that the daemon has for its own answer once the caller's time is over. */
export const grace = 500;

export class Core {
  readonly timers = new Timers();
  readonly notices: (() => void)[] = [];
  readonly names = new Names();
  readonly holds: Holds;
  readonly connection: Connection;
  #onEvent: ((event: SessionEvent) => void) | undefined;
  /** To be sent, in this order. */
  #unsent = new Set<Request>();
  /** Until the daemon that drains has gone. */
  #parked: LockRequest[] = [];
  #draining = false;
  /** Callers that are not answered yet. */
  #callers = new Set<Request>();

  constructor(onEvent?: (event: SessionEvent) => void) {
    this.#onEvent = onEvent;
    this.holds = new Holds({
      timers: this.timers,
      notices: this.notices,
      giveBack: (hold) => this.#giveBack(hold),
      leave: (request) => this.#leave(request),
    });
    this.connection = new Connection(this.timers, {
      isInUse: () => this.holds.size > 0 || this.connection.sent.size > 0,
      mayLeave: () => this.holds.size === 0,
      onLine: (line, now) => this.#take(line, now),
      onClock: (now) => this.holds.lookAgain(now),
      onEnd: (error, sent, wasOpen, now) => this.#ended(error, sent, wasOpen, now),
    });
  }

  // --- the caller -------------------------------------------------------------------------------------

  start(request: Request, now: number): void {
    if (request.phase === "ended") return; // it was cancelled before
    this.#callers.add(request);
    request.phase = "ready";
    request.until = now + request.wait;
    if (request instanceof ReleaseRequest) {
      this.#release(request, now);
      return;
    }
    if (request instanceof LockRequest) {
      if (request.wait === 0 && this.names.isWanted(request.hold.key)) {
        request.phase = "ended";
        this.#finish(request, new LockBusy(this.#whoIsFirst(request), { lock: request.hold.name }));
        return;
      }
      this.names.join(request);
    }
    if (request.phase === "ready") this.#unsent.add(request);
    this.#watchTime(request);
  }

  /** Answers the caller now. A request that is answered already stays as it is, and a grant is the caller's. */
  cancel(request: Request, cause?: unknown): void {
    if (request.done) return;
    const about = request instanceof LockRequest ? { lock: request.hold.name, cause } : { cause };
    this.#giveUp(request, new LockCancelled("the wait was given up", about));
  }

  /** Ends the session: all requests fail, all holds are over. */
  close(now: number): void {
    const error = new ConnectionLost("the session was closed");
    for (const waiting of [...this.names, ...this.#unsent]) {
      if (waiting.phase === "queued" || waiting.phase === "ready") this.#giveUp(waiting, error);
    }
    for (const request of this.connection.sent.values()) request.retries = false;
    this.#onEvent = undefined;
    if (this.connection.state !== "closed") this.connection.drop(error, now);
  }

  /** Whether a caller waits, or holds something. */
  get isBusy(): boolean {
    return this.#callers.size > 0 || this.holds.size > 0;
  }

  /** Whether nothing is under way, not even what no caller waits for. */
  get isIdle(): boolean {
    return this.connection.sent.size === 0 && this.names.size === 0 && this.#unsent.size === 0 && !this.isBusy;
  }

  // --- the driver -------------------------------------------------------------------------------------

  /** Does what is due. Call it after what has come was received: it may be an answer that is overdue. */
  run(now: number): void {
    this.timers.run(now);
    const connection = this.connection;
    if (this.#draining && this.holds.size === 0 && connection.sent.size === 0) {
      connection.drop(new Draining("the daemon is stopping"), now);
    }
    if (connection.state === "open") {
      for (const request of this.#unsent) {
        this.#unsent.delete(request);
        this.#send(request, now);
      }
    } else if (this.#unsent.size > 0) {
      // A try does not wait for the end of a pause: it ends with the one attempt to connect.
      connection.connect(now, [...this.#unsent].some((request) => !request.retries));
    }
    connection.keepAlive(now);
  }

  connectFailed(error: RedlockError, canChange: boolean, now: number): void {
    this.connection.failed(now);
    for (const request of [...this.#unsent]) this.#retryOrFail(request, error, canChange);
  }

  // --- requests ---------------------------------------------------------------------------------------

  #watchTime(request: Request): void {
    if (request.until === Infinity || request.done) return;
    request.timer = this.timers.at(request.until, () => {
      if (request instanceof LockRequest && request.phase === "queued" && !this.#isClearing(request)) {
        this.#giveUp(request, new LockTimeout(this.#whoIsFirst(request), { lock: request.hold.name }));
      } else if (request.phase === "ready" && request.lastError !== undefined) {
        this.#giveUp(request, request.lastError);
      } else {
        request.timer = this.timers.at(request.until + grace, () => {
          this.#giveUp(request, request.lastError ?? new NoAnswer("the daemon does not answer"));
        });
      }
    });
  }

  /** Whether nobody has the name any more, but the daemon has not answered yet that it is free of it. */
  #isClearing(request: LockRequest): boolean {
    return this.names.first(request.hold.key)!.abandoned;
  }

  #whoIsFirst(request: LockRequest): string {
    const isHeld = this.holds.has(request.hold.key);
    return isHeld ? "held in this process" : "other requests of this process are first";
  }

  #finish(request: Request, error?: RedlockError): void {
    this.timers.cancel(request.timer);
    this.#callers.delete(request);
    request.finish(error);
  }

  /** Answers the caller; what was sent is cancelled, and keeps its name until it is answered. */
  #giveUp(request: Request, error: RedlockError): void {
    if (request instanceof LockRequest && request.phase === "sent") {
      request.abandoned = true;
      this.#sendQuietly(`cancel ${request.tag}`);
    } else if (request instanceof LockRequest && request.phase !== "new") {
      this.#unsent.delete(request);
      this.#leave(request);
    } else {
      this.#unsent.delete(request);
      request.phase = "ended";
    }
    this.#finish(request, error);
  }

  /** Gives the name to the next of this process. */
  #leave(request: LockRequest): void {
    const next = this.names.leave(request);
    if (next !== undefined) this.#unsent.add(next);
  }

  #retryOrFail(request: Request, error: RedlockError, canChange: boolean): void {
    if (request.retries && canChange) request.lastError = error;
    else this.#giveUp(request, error);
  }

  #send(request: Request, now: number): void {
    let line = request.line;
    if (request instanceof LockRequest) {
      if (request.retries && request.until <= now) {
        this.#giveUp(request, request.lastError ?? new LockTimeout("the time was over before the daemon could be asked",
                                                                   { lock: request.hold.name }));
        return;
      }
      line = request.lineAt(now) + (this.connection.caps.includes("renew") ? " events=renew" : "");
    } else if (line === "") { // to be greeted was all that it asked for
      request.phase = "ended";
      this.#finish(request);
      return;
    }
    request.phase = "sent";
    request.lastError = undefined;
    this.connection.send(request, line, now);
  }

  /** A request whose answer nobody waits for. */
  #sendQuietly(line: string): void {
    const request = new Request(line);
    request.done = true;
    request.phase = "sent";
    this.connection.send(request, line, -Infinity);
  }

  #giveBack(hold: HoldState): void {
    this.#sendQuietly(`unlock ${hold.key} fence=${hold.fence}`);
  }

  #release(request: ReleaseRequest, now: number): void {
    const hold = request.hold;
    if (!this.holds.holds(hold)) {
      const reason = hold.lossAt(now);
      request.phase = "ended";
      this.#finish(request, reason === undefined ? new NotHeld("it was released before", { lock: hold.name })
                                                 : hold.lossOf(reason));
      return;
    }
    request.line += ` fence=${hold.fence}`;
    this.#send(request, now);
    this.#watchTime(request);
    this.holds.end(hold, "released");
  }

  // --- lines ------------------------------------------------------------------------------------------

  #take(line: Line, now: number): void {
    if (line.kind === "*") {
      this.#takeEvent(line, now);
      return;
    }
    const request = this.connection.sent.get(line.tag);
    if (request === undefined) return;
    if (line.kind === "-") {
      request.rows.push(line);
      return;
    }
    const error = line.kind === "ERR" ? errorOf(line.words[0] ?? "", line.fields, line.text) : undefined;
    if (request instanceof LockRequest) {
      this.#takeLockAnswer(request, error, line, now);
      return;
    }
    this.connection.answered(request, line);
    if (request instanceof ReleaseRequest && error instanceof LockLost) request.hold.ended = error.reason;
    request.phase = "ended";
    request.fields = line.fields;
    this.#finish(request, error);
  }

  #takeLockAnswer(request: LockRequest, error: RedlockError | undefined, line: Line, now: number): void {
    if (error === undefined) {
      this.#takeGrant(request, line, now);
      return;
    }
    this.connection.answered(request, line);
    if (request.abandoned) {
      this.#leave(request);
    } else if (error.code === "draining" && request.retries) {
      this.#draining = true;
      request.lastError = error;
      request.phase = "ready";
      this.#parked.push(request);
    } else if (error.code === "no-quorum" && request.retries) {
      request.lastError = error;
      request.phase = "ready";
      this.timers.at(now + this.connection.pause(), () => this.#again(request));
    } else {
      this.#leave(request);
      this.#finish(request, error);
    }
  }

  /** A grant that cannot be read stays unanswered, until the connection is dropped for it. */
  #takeGrant(request: LockRequest, line: Line, now: number): void {
    const hold = request.hold;
    const ttl = hold.takeGrant(line, this.connection.clock);
    this.connection.answered(request, line);
    if (request.abandoned) {
      hold.ended = "released";
      this.#giveBack(hold);
      this.#leave(request);
      return;
    }
    this.holds.enter(request, ttl, now);
    this.#finish(request);
  }

  #again(request: LockRequest): void {
    if (request.phase === "ready") this.#unsent.add(request);
  }

  #takeEvent(line: Line, now: number): void {
    const kind = line.words[0] ?? "";
    const isOf = subjectOf(kind);
    const held = isOf === "hold" ? this.holds.ofEvent(line) : undefined;
    if (isOf === "unknown" || (isOf === "hold" && held === undefined)) return; // or it is of a hold that is over
    this.#report(eventOf(line));
    if (held !== undefined) this.holds.take(held, kind, line, now);
  }

  #report(event: SessionEvent): void {
    const onEvent = this.#onEvent;
    if (onEvent !== undefined) this.notices.push(() => onEvent(event));
  }

  // --- the end of a connection ------------------------------------------------------------------------

  #ended(error: RedlockError, sent: Iterable<Request>, wasOpen: boolean, now: number): void {
    this.#draining = false;
    if (wasOpen) this.#report(closed(error.text));
    this.holds.loseAll("closed");
    for (const request of this.#parked.splice(0)) this.#again(request);
    for (const request of sent) {
      if (request instanceof LockRequest && request.abandoned) {
        this.#leave(request);
      } else {
        request.phase = "ready";
        this.#unsent.add(request);
      }
    }
    // What was sent first comes first again.
    this.#unsent = new Set([...this.#unsent].sort((a, b) => (a.order === b.order ? 0 : a.order - b.order)));
    this.connectFailed(error, error.code !== "protocol" && error.code !== "denied", now);
  }
}

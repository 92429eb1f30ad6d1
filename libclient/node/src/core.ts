// The session, without I/O: what to send, and what becomes of what has come.
//
// A driver (`Link`) reports what happened and when: `start`, `abandon`, `connected`, `connectFailed`, `receive`,
// `ended`. After each of them, and at `timers.next()`, it calls `run`, and then does what `wantsClose`, `wantsConnect`
// and `outgoing` ask for. Answers come through `Request.onDone`, at once; what is for the caller's own functions is
// left in `notices`, to be called when the core is not busy. Times are ms of `clock`.
//
// The daemon keeps the line of those who want a name. Each attempt to take a lock is made for an owner of its own
// within the session, and the owner is the tag of that attempt, which never comes again. So those of this process stand
// in the same line as everybody else on the host.
//
// "Writing a client" (protocol/CLIENTS.md) has the reasons.

import { Connection } from "./connection.js";
import { inWords } from "./duration.js";
import { ConnectionLost, Draining, LockCancelled, LockLost, LockTimeout, NoAnswer, NotHeld, ProtocolError,
         RedlockError, errorOf } from "./errors.js";
import { closed, eventOf, subjectOf, type SessionEvent } from "./event.js";
import type { HoldState } from "./hold_state.js";
import { Holds } from "./holds.js";
import { LockRequest, ReleaseRequest, unlockLine, type Request } from "./request.js";
import { Timers, type Timer } from "./timers.js";
import type { Line } from "./wire.js";

/** ms that the daemon has for its own answer once the caller's time is over. */
export const grace = 500;

export class Core {
  readonly timers = new Timers();
  readonly notices: (() => void)[] = [];
  readonly holds: Holds;
  readonly connection: Connection;
  #onEvent: ((event: SessionEvent) => void) | undefined;
  /** To be sent, in this order. */
  #unsent = new Set<Request>();
  /** What the daemon could not do, in the order of its answers: to be sent again later. */
  #parked = new Set<Request>();
  #unparkTimer: Timer | undefined;
  #draining = false;
  /** Why there is no connection; undefined before the first attempt. */
  #lastFailure: RedlockError | undefined;
  /** Callers that are not answered yet. */
  #callers = new Set<Request>();

  constructor(onEvent?: (event: SessionEvent) => void) {
    this.#onEvent = onEvent;
    this.holds = new Holds({
      timers: this.timers,
      notices: this.notices,
      giveBack: (hold) => this.#giveBack(hold),
    });
    this.connection = new Connection(this.timers, {
      isInUse: () => this.holds.size > 0 || this.connection.sent.size > 0,
      mayLeave: () => this.holds.size === 0,
      onLine: (line, now) => this.#take(line, now),
      onClock: (now) => this.holds.lookAgain(now),
      onHang: (isHung, now) => this.#setHung(isHung, now),
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
    this.#unsent.add(request);
    this.#watchTime(request);
    // Its time may end before the next attempt.
    if (this.connection.state === "closed" && !request.connectsOnce) request.lastError = this.#lastFailure;
    if (this.connection.state !== "open") this.#awaitDaemon(request, now);
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
    for (const waiting of [...this.#parked, ...this.#unsent]) this.#giveUp(waiting, error);
    for (const request of this.connection.sent.values()) request.connectsOnce = true;
    this.#onEvent = undefined;
    if (this.connection.state !== "closed") this.connection.drop(error, now);
  }

  /** Whether a caller waits, or holds something. */
  get isBusy(): boolean {
    return this.#callers.size > 0 || this.holds.size > 0;
  }

  /** Whether nothing is under way, not even what no caller waits for. */
  get isIdle(): boolean {
    return this.connection.sent.size === 0 && this.#unsent.size === 0 && !this.isBusy;
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
      // They do not wait for the end of a pause: they end with the one attempt to connect.
      connection.connect(now, [...this.#unsent].some((request) => request.connectsOnce));
    }
    connection.keepAlive(now);
  }

  /** What an attempt before this one failed with is no longer why they wait. */
  connected(): void {
    this.#lastFailure = undefined;
    for (const request of this.#unsent) request.lastError = undefined;
  }

  connectFailed(error: RedlockError, canChange: boolean, now: number): void {
    this.#lastFailure = error;
    this.connection.failed(now);
    for (const request of [...this.#unsent]) this.#retryOrFail(request, error, canChange, now);
  }

  // --- requests ---------------------------------------------------------------------------------------

  #watchTime(request: Request): void {
    if (request.until === Infinity) return;
    request.timer = this.timers.at(request.until, () => {
      if (request.lastError !== undefined) {
        this.#giveUp(request, request.lastError);
      } else {
        request.timer = this.timers.at(request.until + grace, () => {
          this.#giveUp(request, request.lastError ?? new NoAnswer("the daemon does not answer"));
        });
      }
    });
  }

  /** A wait without end is for another holder, and not for a daemon that is not there, or that hangs. */
  #awaitDaemon(request: Request, now: number): void {
    if (!(request instanceof LockRequest) || request.until !== Infinity || request.patience === Infinity) return;
    // Where one attempt is all, its greeting has a moment.
    request.timer ??= this.timers.at(now + (request.patience || grace), () => this.#hasNoDaemon(request));
  }

  #hasDaemon(request: Request): void {
    if (request.until !== Infinity) return;
    this.timers.cancel(request.timer); // that of `#awaitDaemon`: there is one
    request.timer = undefined;
  }

  #hasNoDaemon(request: LockRequest): void {
    const lock = request.hold.name;
    if (request.phase === "sent") {
      this.#giveUp(request, new NoAnswer("the daemon does not answer", { lock }));
      return;
    }
    const error = request.lastError ?? this.connection.noGreeting();
    const kind = error.constructor as typeof RedlockError;
    const { code, fields, cause } = error;
    const tried = request.connectsOnce ? "" : ` (tried for ${inWords(request.patience)}, the connectTimeout)`;
    this.#giveUp(request, new kind(error.text + tried, { lock, code, fields, cause }));
  }

  /** That the daemon hangs counts against the patience of the waits without end that it has. */
  #setHung(isHung: boolean, now: number): void {
    for (const request of this.connection.sent.values()) {
      if (!isHung) this.#hasDaemon(request);
      else if (!request.done) this.#awaitDaemon(request, now);
    }
  }

  #finish(request: Request, error?: RedlockError): void {
    this.timers.cancel(request.timer);
    this.#callers.delete(request);
    request.finish(error);
  }

  /** Answers the caller. A lock that was sent is cancelled, and a grant that crosses the cancel is given back. */
  #giveUp(request: Request, error: RedlockError): void {
    if (request instanceof LockRequest && request.phase === "sent") {
      this.connection.sendQuietly(`cancel ${request.tag}`);
    } else {
      this.#unsent.delete(request);
      this.#parked.delete(request);
      request.phase = "ended";
    }
    this.#finish(request, error);
  }

  #retryOrFail(request: Request, error: RedlockError, canChange: boolean, now: number): void {
    if (request.connectsOnce || !canChange) {
      this.#giveUp(request, error);
      return;
    }
    request.lastError = error;
    this.#awaitDaemon(request, now);
  }

  #send(request: Request, now: number): void {
    if (request.line === "") { // to be greeted was all that it asked for
      request.phase = "ended";
      this.#finish(request);
      return;
    }
    const problem = request instanceof LockRequest ? this.#whyNotSent(request, now) : undefined;
    if (problem !== undefined) {
      this.#giveUp(request, problem);
      return;
    }
    request.phase = "sent";
    request.rows = [];
    request.lastError = undefined;
    this.#hasDaemon(request);
    this.connection.send(request, now);
  }

  #whyNotSent(request: LockRequest, now: number): RedlockError | undefined {
    if (request.retries && request.until <= now) {
      return request.lastError ?? new LockTimeout("the time was over before the daemon could be asked",
                                                  { lock: request.hold.name });
    }
    const { caps } = this.connection;
    if (request.holds.length === 1 || caps.includes("set")) return undefined;
    return new ProtocolError("expected a redlockd that takes several names at once, found a greeting without the " +
                             `word 'set' in caps=${caps.join(",")}`);
  }

  #giveBack(hold: HoldState): void {
    this.connection.sendQuietly(unlockLine(hold));
  }

  #release(request: ReleaseRequest, now: number): void {
    const hold = request.hold;
    if (!this.holds.has(hold)) {
      const reason = hold.lossAt(now);
      request.phase = "ended";
      this.#finish(request, reason === undefined ? new NotHeld("it was released before", { lock: hold.name })
                                                 : hold.lossOf(reason));
      return;
    }
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
    if (request instanceof ReleaseRequest && error instanceof LockLost) this.holds.lostBefore(request.hold, error.reason);
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
    if (request.retries && !request.done && (error.code === "draining" || error.code === "no-quorum")) {
      this.#park(request, error, now);
    } else {
      request.phase = "ended";
      this.#finish(request, error);
    }
  }

  #park(request: LockRequest, error: RedlockError, now: number): void {
    request.lastError = error;
    request.phase = "ready";
    this.#parked.add(request);
    if (error.code === "draining") this.#draining = true;
    else this.#unparkTimer ??= this.timers.at(now + this.connection.pause(), () => this.#unpark());
  }

  /** All at once, so that they are asked for again in their order. */
  #unpark(): void {
    this.timers.cancel(this.#unparkTimer);
    this.#unparkTimer = undefined;
    for (const request of this.#parked) this.#unsent.add(request);
    this.#parked.clear();
  }

  /** A grant that cannot be read stays unanswered, until the connection is dropped for it. */
  #takeGrant(request: LockRequest, line: Line, now: number): void {
    const { holds } = request;
    // Of several a row for each, in their order; of one the answer itself.
    const lines = holds.length === 1 ? [line] : request.rows;
    if (lines.length !== holds.length) {
      throw new ProtocolError(`expected a grant of ${holds.length} locks, found one of ${lines.length}`);
    }
    const ttls = holds.map((hold, at) => hold.takeGrant(lines[at]!, this.connection.clock));
    this.connection.answered(request, line);
    for (const hold of holds) hold.owner = request.tag;
    if (request.done) { // the caller has gone
      request.phase = "ended";
      for (const hold of holds) {
        hold.ended = "released";
        this.#giveBack(hold);
      }
      return;
    }
    this.holds.enter(request, ttls, now);
    this.#finish(request);
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
    this.#unpark();
    for (const request of sent) {
      request.phase = request.done ? "ended" : "ready";
      if (!request.done) this.#unsent.add(request);
    }
    // What was sent first comes first again.
    this.#unsent = new Set([...this.#unsent].sort((a, b) => (a.order === b.order ? 0 : a.order - b.order)));
    this.connectFailed(error, error.code !== "protocol" && error.code !== "denied", now);
  }
}

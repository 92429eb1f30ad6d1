// One connection after the other, without I/O: the greeting, the tags, the heartbeat and the pauses between attempts.

import { DaemonClock } from "./clock.js";
import { ConnectionLost, NoAnswer, ProtocolError, errorOf, type RedlockError } from "./errors.js";
import { LockRequest, Request } from "./request.js";
import type { Timer, Timers } from "./timers.js";
import { Parser, type Line } from "./wire.js";

/** ms from one ping to the next, and from there without a line until the daemon counts as hung. */
export const silence = 5000;
const shortestPause = 10; // ms between attempts to connect
const longestPause = 1000;
const longGreeting = 10; // ms; after it the clock is compared once more

/** What the core does with it. */
export interface User {
  /** Whether something is held, or asked for. */
  isInUse(): boolean;
  /** Not while something is held: a daemon that goes on would free the locks of a closed session. */
  mayLeave(): boolean;
  onLine(line: Line, now: number): void;
  onClock(now: number): void;
  /** It does not answer, and we may not leave it; or it does again. */
  onHang(isHung: boolean, now: number): void;
  /** It has ended, with these requests not answered. `wasOpen`: after the greeting. */
  onEnd(error: RedlockError, sent: Iterable<Request>, wasOpen: boolean, now: number): void;
}

export class Connection {
  /** For the driver: what to write, and whether to connect, and to close. */
  outgoing = "";
  wantsConnect = false;
  wantsClose = false;
  /** By the driver: the path of the socket, for errors from before the greeting: it may be a wrong one. */
  path = "";

  state: "closed" | "connecting" | "open" = "closed";
  /** By their tags. */
  sent = new Map<string, Request>();
  caps: readonly string[] = [];
  clock = new DaemonClock();
  readonly #timers: Timers;
  readonly #user: User;
  #parser = new Parser();
  #tags = 0;
  #connectedAt = 0;
  #greetingTimer: Timer | undefined;
  #nextAttempt = -Infinity;
  #failures = 0;
  #lastRead = 0;
  #isHung = false;
  #ping: Request | undefined;
  #heartbeat: Timer | undefined;

  constructor(timers: Timers, user: User) {
    this.#timers = timers;
    this.#user = user;
  }

  // --- the core ---------------------------------------------------------------------------------------

  /** Unless it is connecting already; or has to pause, if it is not `urgent`. */
  connect(now: number, urgent = false): void {
    if (this.state !== "closed" || (!urgent && now < this.#nextAttempt)) return;
    this.state = "connecting";
    this.wantsConnect = true;
    this.#connectedAt = now;
    this.#greetingTimer = this.#timers.at(now + silence, (then) => {
      this.drop(this.noGreeting(), then);
    });
  }

  send(request: Request, now: number): void {
    request.order = ++this.#tags;
    request.tag = String(request.order);
    request.sentAt = now;
    this.sent.set(request.tag, request);
    const line = request instanceof LockRequest ? request.lineAt(now, this.caps) : request.line;
    this.outgoing += `#${request.tag} ${line}\n`;
  }

  /** A request whose answer says nothing that matters: with a tag that is nobody's it is ignored. */
  sendQuietly(line: string): void {
    this.outgoing += `#${++this.#tags} ${line}\n`;
  }

  answered(request: Request, line: Line): void {
    this.sent.delete(line.tag);
    this.#failures = 0;
    if (request === this.#ping) this.#ping = undefined;
  }

  keepAlive(now: number): void {
    if (this.#heartbeat === undefined && this.state === "open" && this.#user.isInUse()) {
      this.#heartbeat = this.#timers.at(now + silence, (then) => this.#beat(then));
    }
  }

  /** No connection was made, or it has ended. */
  failed(now: number): void {
    this.state = "closed";
    this.wantsConnect = false;
    this.#timers.cancel(this.#greetingTimer);
    this.#nextAttempt = now + this.pause();
    this.#timers.at(this.#nextAttempt, () => undefined);
  }

  /** ms until the next attempt: longer after each failure, and not the same for all. */
  pause(): number {
    const pause = Math.min(shortestPause * 2 ** Math.min(this.#failures, 10), longestPause);
    this.#failures++;
    return pause * (1 + Math.random() / 2);
  }

  /** The connection has ended, or must end. */
  drop(error: RedlockError, now: number): void {
    const wasOpen = this.state === "open";
    const sent = this.sent;
    this.state = "closed";
    this.wantsClose = true;
    this.wantsConnect = false;
    this.outgoing = "";
    this.sent = new Map();
    this.clock = new DaemonClock();
    this.#parser = new Parser();
    this.#ping = undefined;
    this.#isHung = false;
    this.#timers.cancel(this.#greetingTimer);
    this.#timers.cancel(this.#heartbeat);
    this.#heartbeat = undefined;
    this.#user.onEnd(error, sent.values(), wasOpen, now);
  }

  // --- the driver -------------------------------------------------------------------------------------

  receive(data: Uint8Array, now: number): void {
    this.#lastRead = now;
    if (this.#isHung) this.#setHung(false, now);
    try {
      for (const line of this.#parser.feed(data)) {
        if (this.state === "connecting") this.#takeGreeting(line, now);
        else this.#takeLine(line, now);
        if (this.state === "closed") return;
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.drop(new ProtocolError(this.#fromWhere(error.text), { fields: error.fields }), now);
    }
  }

  ended(why: string, now: number): void {
    if (this.state !== "closed") this.drop(new ConnectionLost(this.#fromWhere(why)), now);
  }

  noGreeting(): NoAnswer {
    return new NoAnswer(this.#fromWhere("the daemon does not greet"));
  }

  #fromWhere(why: string): string {
    return this.state === "open" || this.path === "" ? why : `${this.path}: ${why}`;
  }

  // --- lines ------------------------------------------------------------------------------------------

  #takeGreeting(line: Line, now: number): void {
    if (line.kind === "ERR") {
      this.drop(errorOf(line.words[0] ?? "", line.fields, line.text), now);
      return;
    }
    const daemonNow = line.fields["now"] ?? "";
    if (line.kind !== "*" || line.words.slice(0, 3).join(" ") !== "HELLO redlockd 1" || !/^\d+$/.test(daemonNow)) {
      const found = JSON.stringify(line.words.join(" "));
      throw new ProtocolError(`expected the greeting of redlockd, version 1, found ${found}`);
    }
    this.caps = (line.fields["caps"] ?? "").split(",");
    if (!this.caps.includes("owners")) {
      throw new ProtocolError("expected a redlockd that knows owners within a session, found a greeting without the " +
                              `word 'owners' in caps=${this.caps.join(",")}`);
    }
    this.#timers.cancel(this.#greetingTimer);
    this.state = "open";
    this.clock.set(BigInt(daemonNow), this.#connectedAt);
    if (now - this.#connectedAt > longGreeting) this.#sendPing(now);
  }

  #takeLine(line: Line, now: number): void {
    const ping = this.#ping;
    if (ping !== undefined && line.tag === ping.tag && line.kind === "OK" && /^\d+$/.test(line.fields["now"] ?? "")) {
      this.clock.set(BigInt(line.fields["now"]!), ping.sentAt);
      this.#user.onClock(now);
    }
    this.#user.onLine(line, now);
  }

  // --- a daemon that hangs, and a clock that is not ours ----------------------------------------------

  #beat(now: number): void {
    this.#heartbeat = undefined;
    if (this.#ping === undefined) {
      if (this.#user.isInUse()) this.#sendPing(now);
    } else if (now - this.#lastRead >= silence) {
      if (this.#user.mayLeave()) this.drop(new NoAnswer("the daemon does not answer"), now);
      else this.#setHung(true, now);
    }
  }

  #setHung(isHung: boolean, now: number): void {
    this.#isHung = isHung;
    this.#user.onHang(isHung, now);
  }

  #sendPing(now: number): void {
    this.#ping = new Request("ping");
    this.#ping.done = true;
    this.#ping.phase = "sent";
    this.send(this.#ping, now);
  }
}

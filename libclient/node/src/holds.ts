// The holds of a session: their deadlines, their events and their ends.

import type { HoldState } from "./hold_state.js";
import type { LockRequest } from "./request.js";
import type { Timers } from "./timers.js";
import type { Line } from "./wire.js";

/** What the core does for it. */
export interface User {
  readonly timers: Timers;
  /** For the caller's functions, to be called when the core is not busy. */
  readonly notices: (() => void)[];
  giveBack(hold: HoldState): void;
}

/** ms; the default: nobody needs longer to stop in, however long the ttl is. */
const longestMargin = 5000;

/**
 * How long before its deadline a hold is in jeopardy. `span` is the ttl, or the max-hold if that is shorter.
 *
 * More than half of it is cut to the half. With a margin near the ttl each hold would be in jeopardy from its grant on,
 * since the daemon renews it when a third of the ttl has passed.
 */
function marginFor(wanted: number | undefined, span: number): number {
  return wanted === undefined ? Math.min(span / 3, longestMargin) : Math.min(wanted, span / 2);
}

/** By their owners within the session. */
export class Holds {
  readonly #user: User;
  readonly #held = new Map<string, LockRequest>();

  constructor(user: User) {
    this.#user = user;
  }

  get size(): number {
    return this.#held.size;
  }

  has(hold: HoldState): boolean {
    return this.#held.get(hold.owner)?.hold === hold;
  }

  /** Undefined if that hold is over. */
  ofEvent(line: Line): LockRequest | undefined {
    return this.#held.get(line.fields["as"] ?? "");
  }

  /** Of a grant, with the ttl that it came with. */
  enter(request: LockRequest, ttl: number, now: number): void {
    const hold = request.hold;
    hold.margin = marginFor(hold.margin, Math.min(ttl, request.maxHold));
    request.phase = "held";
    this.#held.set(hold.owner, request);
    this.#watch(request, now);
  }

  take(request: LockRequest, kind: string, line: Line, now: number): void {
    const hold = request.hold;
    if (kind === "LOST" || kind === "BROKEN") {
      this.#lose(request, kind === "BROKEN" ? "broken" : line.fields["reason"] ?? "expired");
      return;
    }
    const deadline = line.fields["deadline"] ?? "";
    if (/^\d+$/.test(deadline)) hold.deadline = BigInt(deadline);
    if (kind === "SAFE" || kind === "RENEWED") hold.endangered = false;
    if (kind === "JEOPARDY") this.#endanger(hold);
    this.#watch(request, now);
  }

  /** The clock of the daemon was compared with ours. */
  lookAgain(now: number): void {
    for (const request of this.#held.values()) this.#watch(request, now);
  }

  /** The hold is over: "released", or why it was lost. */
  end(hold: HoldState, how: string): void {
    const request = this.#held.get(hold.owner)!;
    hold.ended = how;
    request.phase = "ended";
    this.#user.timers.cancel(request.holdTimer);
    this.#held.delete(hold.owner);
  }

  /** What its release was answered. The event of the loss crossed the release, and is not heard any more. */
  lostBefore(hold: HoldState, reason: string): void {
    hold.ended = reason;
    this.#user.notices.push(() => hold.onChange());
  }

  loseAll(reason: string): void {
    for (const request of [...this.#held.values()]) this.#lose(request, reason);
  }

  /** Our own timer: of a daemon that hangs nothing else is heard. */
  #watch(request: LockRequest, now: number): void {
    const hold = request.hold;
    const warnAt = hold.until - (hold.margin ?? 0);
    this.#user.timers.cancel(request.holdTimer);
    if (!hold.endangered && warnAt <= now) this.#endanger(hold);
    const when = hold.endangered ? hold.until : warnAt;
    request.holdTimer = this.#user.timers.at(when, (then) => this.#isDue(request, then));
  }

  #isDue(request: LockRequest, now: number): void {
    if (now < request.hold.until) {
      this.#watch(request, now);
      return;
    }
    // If the daemon goes on, it may still count us as the holder, and nobody else would get the lock.
    this.#user.giveBack(request.hold);
    this.#lose(request, "expired");
  }

  #endanger(hold: HoldState): void {
    if (hold.endangered) return;
    hold.endangered = true;
    this.#user.notices.push(() => hold.onChange());
  }

  #lose(request: LockRequest, reason: string): void {
    this.end(request.hold, reason);
    this.#user.notices.push(() => request.hold.onChange());
  }
}

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

/** What is held, and the request that has taken it, perhaps with others. */
interface Held {
  readonly request: LockRequest;
  readonly hold: HoldState;
}

/** By their owners within the session and their names. */
export class Holds {
  readonly #user: User;
  readonly #held = new Map<string, Held>();

  constructor(user: User) {
    this.#user = user;
  }

  get size(): number {
    return this.#held.size;
  }

  has(hold: HoldState): boolean {
    return this.#held.get(keyOf(hold.owner, hold.key))?.hold === hold;
  }

  /** Undefined if that hold is over. */
  ofEvent(line: Line): HoldState | undefined {
    return this.#held.get(keyOf(line.fields["as"] ?? "", line.lock))?.hold;
  }

  /** Of a grant, with the ttls that it came with. */
  enter(request: LockRequest, ttls: readonly number[], now: number): void {
    request.phase = "held";
    for (const [at, hold] of request.holds.entries()) {
      hold.margin = marginFor(hold.margin, Math.min(ttls[at]!, request.maxHold));
      this.#held.set(keyOf(hold.owner, hold.key), { request, hold });
      this.#watch(hold, now);
    }
  }

  take(hold: HoldState, kind: string, line: Line, now: number): void {
    if (kind === "LOST" || kind === "BROKEN") {
      this.#lose(hold, kind === "BROKEN" ? "broken" : line.fields["reason"] ?? "expired");
      return;
    }
    const deadline = line.fields["deadline"] ?? "";
    if (/^\d+$/.test(deadline)) hold.deadline = BigInt(deadline);
    if (kind === "SAFE" || kind === "RENEWED") hold.endangered = false;
    if (kind === "JEOPARDY") this.#endanger(hold);
    this.#watch(hold, now);
  }

  /** The clock of the daemon was compared with ours. */
  lookAgain(now: number): void {
    for (const { hold } of this.#held.values()) this.#watch(hold, now);
  }

  /** The hold is over: "released", or why it was lost. */
  end(hold: HoldState, how: string): void {
    const key = keyOf(hold.owner, hold.key);
    const { request } = this.#held.get(key)!;
    hold.ended = how;
    this.#user.timers.cancel(hold.timer);
    this.#held.delete(key);
    if (!request.holds.some((each) => this.has(each))) request.phase = "ended";
  }

  /** What its release was answered. The event of the loss crossed the release, and is not heard any more. */
  lostBefore(hold: HoldState, reason: string): void {
    hold.ended = reason;
    this.#user.notices.push(() => hold.onChange());
  }

  loseAll(reason: string): void {
    for (const { hold } of [...this.#held.values()]) this.#lose(hold, reason);
  }

  /** Our own timer: of a daemon that hangs nothing else is heard. */
  #watch(hold: HoldState, now: number): void {
    const warnAt = hold.until - (hold.margin ?? 0);
    this.#user.timers.cancel(hold.timer);
    if (!hold.endangered && warnAt <= now) this.#endanger(hold);
    const when = hold.endangered ? hold.until : warnAt;
    hold.timer = this.#user.timers.at(when, (then) => this.#isDue(hold, then));
  }

  #isDue(hold: HoldState, now: number): void {
    if (now < hold.until) {
      this.#watch(hold, now);
      return;
    }
    // If the daemon goes on, it may still count us as the holder, and nobody else would get the lock.
    this.#user.giveBack(hold);
    this.#lose(hold, "expired");
  }

  #endanger(hold: HoldState): void {
    if (hold.endangered) return;
    hold.endangered = true;
    this.#user.notices.push(() => hold.onChange());
  }

  #lose(hold: HoldState, reason: string): void {
    this.end(hold, reason);
    this.#user.notices.push(() => hold.onChange());
  }
}

/** The name is as we encode it, so it has no space. */
function keyOf(owner: string, name: string): string {
  return `${owner} ${name}`;
}

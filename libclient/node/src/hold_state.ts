// What is known of a hold without asking the daemon.

import type { DaemonClock } from "./clock.js";
import { ofDaemon } from "./duration.js";
import { LockLost, ProtocolError, type Fields } from "./errors.js";
import type { Timer } from "./timers.js";
import type { Line } from "./wire.js";

/** Written by the core, and read by `Hold`, which is what the holder sees. Times are ms of our clock. */
export class HoldState {
  /** The name as we encode it. */
  readonly key: string;
  readonly name: string;
  /** How long before the deadline it is in jeopardy: what the caller wants until the grant, and then what it is. */
  margin: number | undefined;
  /** The owner within the session that has taken it. */
  owner = "";
  fence = 0n;
  /** As the daemon gave it. */
  deadline = 0n;
  clock: DaemonClock | undefined;
  /** Renewal is failing, or less than the margin is left. */
  endangered = false;
  /** "released", or why it was lost. */
  ended: string | undefined;
  /** Called for each jeopardy and for the loss, where the caller's functions may run. */
  onChange: () => void = () => undefined;
  /** For its deadline, and for the margin before it. */
  timer: Timer | undefined;

  constructor(key: string, name: string, margin?: number) {
    this.key = key;
    this.name = name;
    this.margin = margin;
  }

  /** Returns the ttl that the grant came with, in ms. Throws a ProtocolError. */
  takeGrant(line: Line, clock: DaemonClock): number {
    const { fence = "", deadline = "", ttl } = line.fields;
    const lease = ofDaemon(ttl);
    if (line.lock !== this.key || !/^\d+$/.test(fence) || !/^\d+$/.test(deadline) || lease === undefined) {
      throw new ProtocolError(`expected a grant of ${this.key} with a fence, a deadline and a ttl`,
                              { fields: line.fields });
    }
    this.fence = BigInt(fence);
    this.deadline = BigInt(deadline);
    this.clock = clock;
    return lease;
  }

  /** The deadline by our clock. */
  get until(): number {
    return this.clock?.ours(this.deadline) ?? 0;
  }

  isValid(now: number): boolean {
    return this.ended === undefined && now < this.until;
  }

  /** Why it was lost; undefined if it is valid or was released. */
  lossAt(now: number): string | undefined {
    return this.ended === "released" || this.isValid(now) ? undefined : this.ended ?? "expired";
  }

  lossOf(reason: string): LockLost {
    return new LockLost("the hold ended before it was released", this.#about(reason));
  }

  /** For a signal: the lock is not lost yet, and may not be lost at all. */
  jeopardy(): LockLost {
    return new LockLost("the lock is lost at its deadline, unless it is renewed or released before",
                        { ...this.#about("jeopardy"), code: "jeopardy" });
  }

  #about(reason: string): { lock: string; fields: Fields } {
    return { lock: this.name, fields: { reason, fence: String(this.fence) } };
  }
}

// The clock of deadlines. The daemon's is CLOCK_BOOTTIME, which Node.js cannot read in full.

import { uptime } from "node:os";

const slack = 50; // ms. The uptime of the system is cut to 10 ms, and the two clocks are not read at the same moment

/**
 * Milliseconds that go on while the machine sleeps, from an arbitrary start.
 *
 * `process.hrtime` stands still while the machine sleeps, and the uptime of the system does not. So what the uptime
 * is ahead of it, beyond what it was at first, is time that the machine has slept.
 */
export class Clock {
  readonly #exact: () => number;
  readonly #rough: () => number;
  readonly #ahead: number;
  #slept = 0;
  #lookedAt = -Infinity;

  constructor(exact = exactTime, rough = roughTime) {
    this.#exact = exact;
    this.#rough = rough;
    this.#ahead = rough() - exact();
  }

  /** It never goes back, and it may go a little too far ahead, never too little, when the machine has slept. */
  readonly now = (): number => {
    const exact = this.#exact();
    if (exact - this.#lookedAt < 1) return exact + this.#slept; // to read the uptime is to read a file
    this.#lookedAt = exact;
    const slept = this.#rough() - exact - this.#ahead;
    if (slept > this.#slept + slack) this.#slept = slept + slack;
    return exact + this.#slept;
  };
}

function exactTime(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** NaN where the system does not give its uptime: then no sleep is noticed. */
function roughTime(): number {
  try {
    return uptime() * 1000;
  } catch {
    return NaN;
  }
}

export const clock = new Clock();

/**
 * What the daemon's clock shows, by ours. One for each connection; the newest answer with a `now` counts.
 *
 * Ours is read before the line is sent that the answer is for, so an error is on the safe side: a deadline seems to
 * be sooner, by at most the time that the answer took.
 */
export class DaemonClock {
  #daemon = 0n; // ns
  #ours = 0; // ms

  set(daemon: bigint, ours: number): void {
    this.#daemon = daemon;
    this.#ours = ours;
  }

  /** In ms of our clock, of a time of the daemon. */
  ours(daemon: bigint): number {
    return this.#ours + Number(daemon - this.#daemon) / 1e6;
  }
}

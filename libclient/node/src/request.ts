// Requests, from the caller's wish to its answer.

import { inWords } from "./duration.js";
import type { Fields, RedlockError } from "./errors.js";
import type { HoldState } from "./hold_state.js";
import type { Timer } from "./timers.js";
import { longestRequest, type Line } from "./wire.js";

const answerTime = 5000; // ms; what is answered at once has this long
const releaseTime = 2000; // ms
const syncTime = 12000; // ms

export const mostNames = 16; // of one request
const longestWords = 128; // bytes that `lineAt` adds to a line

/** "sent": not answered yet. "held": granted, and not over. */
export type Phase = "new" | "ready" | "sent" | "held" | "ended";

/**
 * One request. `onDone` is called once, when `error`, `rows` and `fields` are set.
 *
 * `wait` is how long the caller waits, in ms, from `Core.start` on; Infinity is without end. The caller may be answered
 * (`done`) while the request still is on its way through the daemon.
 */
export class Request {
  line: string;
  readonly wait: number;
  /** Whether it is sent again while there is time. */
  retries = false;
  /** Whether one attempt to connect is all. */
  connectsOnce = true;
  onDone: () => void = () => undefined;
  done = false;
  error: RedlockError | undefined;
  rows: Line[] = [];
  fields: Fields = {};

  // The rest is the core's.
  phase: Phase = "new";
  tag = "";
  order = Infinity;
  sentAt = 0;
  until = Infinity;
  timer: Timer | undefined;
  /** That of the last attempt. */
  lastError: RedlockError | undefined;

  /** Without a line it asks for no more than a connection. */
  constructor(line: string, wait = answerTime) {
    this.line = line;
    this.wait = wait;
  }

  finish(error?: RedlockError): void {
    if (this.done) return;
    this.done = true;
    this.error = error;
    this.onDone();
  }
}

/**
 * Takes a lock, or several at once, all or none, for an owner of its own: the tag of the attempt, which is set when it
 * is sent. From the grant on, each lock is a hold by itself.
 */
export class LockRequest extends Request {
  readonly holds: readonly HoldState[];
  readonly maxHold: number;
  readonly task: number | undefined;
  /** How many ms a wait without end puts up with there being no daemon. */
  readonly patience: number;

  constructor(holds: readonly HoldState[], options: string, wait: number, maxHold = Infinity, task?: number,
              patience = Infinity) {
    super(`lock ${holds.map((hold) => hold.key).join(" ")}${options}`, wait);
    this.retries = wait !== 0;
    this.connectsOnce = wait === 0 || (wait === Infinity && patience === 0);
    this.holds = holds;
    this.maxHold = maxHold;
    this.task = task;
    this.patience = patience;
  }

  /** The first. */
  get hold(): HoldState {
    return this.holds[0]!;
  }

  /** How many bytes too long its line may become. */
  get excess(): number {
    return Math.max(0, this.line.length + longestWords - longestRequest);
  }

  /** `caps` are those of the daemon. */
  lineAt(now: number, caps: readonly string[]): string {
    const wait = this.until === Infinity ? "" : ` wait=${inWords(Math.max(0, this.until - now))}`;
    const task = this.task !== undefined && caps.includes("tasks") ? ` task=${this.task}` : "";
    const renewals = caps.includes("renew") ? " events=renew" : "";
    return `${this.line} as=${this.tag}${wait}${task}${renewals}`;
  }
}

/** Releases a hold. With `sync` it is answered when a majority of the nodes is free of it. */
export class ReleaseRequest extends Request {
  readonly hold: HoldState;

  constructor(hold: HoldState, sync: boolean) {
    super(unlockLine(hold) + (sync ? " sync" : ""), sync ? syncTime : releaseTime);
    this.hold = hold;
  }
}

export function unlockLine(hold: HoldState): string {
  return `unlock ${hold.key} as=${hold.owner} fence=${hold.fence}`;
}

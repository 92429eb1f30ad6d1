// A lock that is held, or was: what the holder sees.

import "./dispose.js";
import { clock } from "./clock.js";
import { ConnectionLost, LockLost, NoAnswer, NotHeld } from "./errors.js";
import type { HoldState } from "./hold_state.js";
import { ReleaseRequest, Request } from "./request.js";

/** Sends a request; the promise is that of its answer. */
export type Call = <R extends Request>(request: R) => Promise<R>;

/**
 * A lock that is held, or was. All properties answer at once, from what this process knows and from the clock,
 * whatever state the daemon is in.
 */
export class Hold {
  /** The lock's name. Bytes that are no UTF-8 are shown as U+FFFD. */
  readonly name: string;
  /** It is greater than the fence of each earlier holder, on all hosts. Send it with every write. */
  readonly fence: bigint;
  /** Aborted at jeopardy, or when the lock is lost (`abortOn`); the reason is a LockLost. It stays aborted. */
  readonly signal: AbortSignal;
  readonly #state: HoldState;
  readonly #call: Call;

  /** Only sessions make holds. */
  constructor(state: HoldState, call: Call, abortOn: "jeopardy" | "lost") {
    this.#state = state;
    this.#call = call;
    this.name = state.name;
    this.fence = state.fence;
    const controller = new AbortController();
    this.signal = controller.signal;
    state.onChange = () => {
      const reason = this.reason ?? (abortOn === "jeopardy" && this.jeopardy ? "jeopardy" : undefined);
      if (reason === "jeopardy") controller.abort(state.jeopardy());
      else if (reason !== undefined) controller.abort(state.lossOf(reason));
    };
  }

  /** Nobody else has the lock before it: ns of the daemon's CLOCK_BOOTTIME. It moves on with each renewal. */
  get deadline(): bigint {
    return this.#state.deadline;
  }

  /** Milliseconds until the deadline; 0 after it. It says nothing of a release or a loss. */
  left(): number {
    return Math.max(0, this.#state.until - clock.now());
  }

  /** Whether the holder may still rely on the lock: not released, not lost, and before its deadline. */
  get valid(): boolean {
    return this.#state.isValid(clock.now());
  }

  /** Whether the hold ended without being released. */
  get lost(): boolean {
    return this.reason !== undefined;
  }

  /** Whether to stop: renewal is failing, less than the margin is left, or the lock is lost. */
  get jeopardy(): boolean {
    const state = this.#state;
    if (this.lost) return true;
    return state.ended === undefined && (state.endangered || this.left() <= (state.margin ?? 0));
  }

  /** Why the lock was lost, see `LockLost`; undefined while it is not. */
  get reason(): string | undefined {
    return this.#state.lossAt(clock.now());
  }

  /** Throws LockLost if the hold ended without being released. */
  throwIfLost(): void {
    const reason = this.reason;
    if (reason !== undefined) throw this.#state.lossOf(reason);
  }

  /**
   * Releases the lock. Rejects with LockLost if the hold ended before, with NotHeld if it was released before.
   *
   * Takes a fraction of a millisecond, or 2.5 s if the daemon hangs; that is no error: the lock then ends with its
   * lease. With `sync` a majority of the nodes is free when it resolves, or it rejects; at most 12.5 s.
   */
  async release({ sync = false }: { sync?: boolean } = {}): Promise<void> {
    if (this.#state.ended !== undefined) this.throwIfLost();
    // By our clock it may be over, and yet the daemon has renewed it, and that was not read: only the daemon knows.
    const reason = this.reason;
    try {
      await this.#call(new ReleaseRequest(this.#state, sync));
    } catch (error) {
      const isUnanswered = error instanceof ConnectionLost || error instanceof NoAnswer;
      if (isUnanswered && reason !== undefined) throw this.#state.lossOf(reason);
      if (sync || !isUnanswered) throw error;
    }
  }

  /** Asks the daemon whether the lock is held; resolves to the ms left. Rejects with LockLost or NotHeld. */
  async check(): Promise<number> {
    this.throwIfLost();
    const { key, owner, fence, ended, clock: daemon, name } = this.#state;
    if (ended === "released") throw new NotHeld("it was released before", { lock: name });
    const answer = await this.#call(new Request(`check ${key} as=${owner} fence=${fence}`));
    return Math.max(0, daemon!.ours(BigInt(answer.fields["deadline"] ?? "0")) - clock.now());
  }

  /** For `await using`: releases the lock, unless that was done. Rejects with LockLost if it was lost. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state.ended !== "released") await this.release();
  }

  /** For people. */
  toString(): string {
    return `Hold ${JSON.stringify(this.name)} fence=${this.fence} ${this.valid ? "valid" : this.reason ?? "released"}`;
  }
}

/** Releases all of them, in any state; returns the first loss. Rejects with an error that is no loss. */
export async function releaseAll(holds: readonly Hold[]): Promise<LockLost | undefined> {
  const ends = await Promise.allSettled(holds.map((hold) => hold[Symbol.asyncDispose]()));
  const errors = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as unknown] : []));
  const other = errors.find((error) => !(error instanceof LockLost));
  if (other !== undefined) throw other;
  return errors[0] as LockLost | undefined;
}

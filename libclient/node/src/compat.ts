// Locks that are used like those of node-redlock 5: `new Redlock(...)`, `acquire`, `using`, `lock.release`, `extend`.
//
// What is different: the clients that are passed are not used, since the daemon has the nodes; so is `driftFactor`.
// The daemon renews the lock on the nodes, and a timer here ends it after `duration`, unless it is extended; when the
// process dies it is free at once. `retryCount` and `retryDelay` only say how long to wait: waiters stand in a queue.
// Until it is released or its time is over, a lock keeps the process alive. `attempts` are always empty; the `cause`
// of an ExecutionError says why. There are no scripts and no events. A lock also has `fence`.

import { LockBusy, LockTimeout, NoTurn, RedlockError } from "./errors.js";
import { Guard } from "./guard.js";
import { releaseAll, type Hold } from "./hold.js";
import { defaultSession } from "./index.js";
import type { Session } from "./session.js";

export interface Settings {
  readonly driftFactor: number;
  /** How many times more to try; -1 for without end. */
  readonly retryCount: number;
  /** ms between two tries, and at most how many more. */
  readonly retryDelay: number;
  readonly retryJitter: number;
  /** ms before the end of `duration` at which `using` extends the lock. */
  readonly automaticExtensionThreshold: number;
}

const defaults: Settings = {
  driftFactor: 0.01, retryCount: 10, retryDelay: 200, retryJitter: 100, automaticExtensionThreshold: 500,
};

export interface ExecutionResult {
  readonly attempts: readonly never[];
}

/** Aborted when the lock is lost or about to be; `error` says why. */
export type RedlockAbortSignal = AbortSignal & { error?: Error };

/** Another has the lock. It is the `cause` of an ExecutionError. */
export class ResourceLockedError extends Error {
  override readonly name = "ResourceLockedError";
}

/** The lock could not be taken, extended or released. */
export class ExecutionError extends Error {
  override readonly name = "ExecutionError";
  readonly attempts: readonly never[] = [];
}

function failed(what: string, why: unknown): Error {
  if (!(why instanceof RedlockError)) return why as Error;
  const isLocked = [LockBusy, LockTimeout, NoTurn].some((kind) => why instanceof kind);
  const cause = isLocked ? new ResourceLockedError(why.message, { cause: why }) : why;
  return new ExecutionError(`${what}: ${why.message}`, { cause });
}

/** The hold of one or several names, which `extend` passes on from one Lock to the next. */
export class Lock {
  /** As `Date.now()`; 0 once it is released or extended. */
  expiration: number;
  readonly attempts: readonly never[] = [];
  /** That of each resource, in the order of their names. */
  readonly fences: readonly bigint[];
  #timer: ReturnType<typeof setTimeout>;

  /** Only Redlock makes locks. */
  constructor(readonly redlock: Redlock, readonly resources: readonly string[], readonly holds: readonly Hold[],
              duration: number) {
    this.fences = holds.map((hold) => hold.fence);
    this.expiration = Date.now() + duration;
    this.#timer = setTimeout(() => {
      this.end();
      void releaseAll(holds).catch(() => undefined);
    }, duration);
  }

  /** The fence of the first resource. */
  get fence(): bigint {
    return this.fences[0]!;
  }

  /** What node-redlock has as its key's value: other for each lock. */
  get value(): string {
    return String(this.fence);
  }

  release(): Promise<ExecutionResult> {
    return this.redlock.release(this);
  }

  extend(duration: number): Promise<Lock> {
    return this.redlock.extend(this, duration);
  }

  /** For Redlock: it is used up. Returns whether its time was not over. */
  end(): boolean {
    const wasValid = this.expiration > 0 && this.holds.every((hold) => hold.valid);
    clearTimeout(this.#timer);
    this.expiration = 0;
    return wasValid;
  }
}

type Routine<T> = (signal: RedlockAbortSignal) => Promise<T>;

export class Redlock {
  readonly settings: Settings;
  readonly #session: Session | undefined;

  /** `clients` are not used. `session` is the connection; without it, the one of the process. */
  constructor(_clients: Iterable<unknown> = [], settings: Partial<Settings> = {}, session?: Session) {
    this.settings = { ...defaults, ...settings };
    this.#session = session;
  }

  async acquire(resources: string[], duration: number, settings: Partial<Settings> = {}): Promise<Lock> {
    checkDuration(duration);
    const session = this.#session ?? defaultSession();
    const { retryCount, retryDelay, retryJitter } = { ...this.settings, ...settings };
    const wait = retryCount < 0 ? Infinity : retryCount * (retryDelay + retryJitter / 2);
    try {
      return new Lock(this, resources, await session.acquireAll(resources, { wait }), duration);
    } catch (error) {
      throw failed("The lock was not acquired", error);
    }
  }

  async release(lock: Lock): Promise<ExecutionResult> {
    const wasValid = lock.end();
    const loss = await releaseAll(lock.holds);
    if (loss !== undefined) throw failed("The lock was not released", loss);
    if (!wasValid) throw new ExecutionError("The lock was not released: its time was over, or it was released before");
    return { attempts: [] };
  }

  /** The lock that is passed is used up; the result is held for `duration` from now on. */
  async extend(lock: Lock, duration: number, _settings?: Partial<Settings>): Promise<Lock> {
    checkDuration(duration);
    if (lock.end()) return new Lock(this, lock.resources, lock.holds, duration);
    const why = lock.holds.find((hold) => hold.lost)?.reason ?? "its time is over, or it was released";
    throw new ExecutionError(`Cannot extend a lock that is not held: ${why}`);
  }

  /** Holds the lock until the routine ends, however long that takes. */
  using<T>(resources: string[], duration: number, routine: Routine<T>): Promise<T>;
  using<T>(resources: string[], duration: number, settings: Partial<Settings>, routine: Routine<T>): Promise<T>;
  async using<T>(resources: string[], duration: number, settings: Partial<Settings> | Routine<T>,
                 last?: Routine<T>): Promise<T> {
    const routine = last ?? settings as Routine<T>;
    const lock = await this.acquire(resources, duration, last === undefined ? {} : settings as Partial<Settings>);
    lock.end(); // the routine's end is the lock's
    const guard = new Guard(lock.holds.map((hold) => hold.signal));
    const signal: RedlockAbortSignal = guard.signal;
    const explain = (): void => {
      signal.error = failed("The lock is lost, or about to be", signal.reason);
    };
    if (signal.aborted) explain();
    else signal.addEventListener("abort", explain);
    let result: T;
    try {
      result = await routine(signal);
    } catch (error) {
      await releaseAll(lock.holds).catch(() => undefined);
      throw error;
    } finally {
      guard.end();
    }
    const loss = await releaseAll(lock.holds);
    if (loss !== undefined) throw failed("The lock was lost", loss);
    return result;
  }

  /** Nothing to do: the session closes itself with the process. */
  async quit(): Promise<void> {}
}

export default Redlock;

function checkDuration(duration: number): void {
  if (!(Number.isInteger(duration) && duration > 0 && duration < 2 ** 31)) {
    throw new RangeError(`duration: expected a whole number of milliseconds, 1 to ${2 ** 31 - 1}, found ${duration}`);
  }
}

// Locks that are used like those of node-redlock 5: `new Redlock(...)`, `acquire`, `using`, `lock.release`, `extend`.
//
// What is different: the clients that are passed are not used, since the daemon has the nodes; so is `driftFactor`.
// The daemon renews the lock on the nodes, and a timer here ends it after `duration`, unless it is extended; when the
// process dies it is free at once. `retryCount` and `retryDelay` only say how long to wait: waiters stand in a queue.
// Until it is released or its time is over, a lock keeps the process alive. `attempts` are always empty; the `cause`
// of an ExecutionError says why. There are no scripts. "error" is the one event: see `on`. A lock also has `fence`.

import { EventEmitter } from "node:events";

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

/** Of the event "error". */
export type ErrorListener = (error: Error) => void;

export class Redlock {
  readonly settings: Settings;
  readonly #events = new EventEmitter();
  readonly #session: Session | undefined;

  /** `clients` are not used. `session` is the connection; without it, the one of the process. */
  constructor(_clients: Iterable<unknown> = [], settings: Partial<Settings> = {}, session?: Session) {
    this.settings = { ...defaults, ...settings };
    this.#session = session;
    this.#events.on("error", () => undefined); // as there: nobody has to listen
  }

  /**
   * The listener hears of each thing that fails, once, also if the caller hears of it by a rejection: a ResourceLockedError
   * for a lock that another has, and for what else goes wrong with taking or releasing a lock, or for a lock that is lost
   * or about to be inside `using`, the error of this package. node-redlock tells what each of its nodes has answered; here
   * the daemon knows the nodes, and it is one event. There are no other events.
   */
  on(event: "error", listener: ErrorListener): this {
    this.#events.on(checkEvent(event), listener);
    return this;
  }

  addListener(event: "error", listener: ErrorListener): this {
    return this.on(event, listener);
  }

  once(event: "error", listener: ErrorListener): this {
    this.#events.once(checkEvent(event), listener);
    return this;
  }

  off(event: "error", listener: ErrorListener): this {
    this.#events.off(checkEvent(event), listener);
    return this;
  }

  removeListener(event: "error", listener: ErrorListener): this {
    return this.off(event, listener);
  }

  async acquire(resources: string[], duration: number, settings: Partial<Settings> = {}): Promise<Lock> {
    checkDuration(duration);
    const session = this.#session ?? defaultSession();
    const { retryCount, retryDelay, retryJitter } = { ...this.settings, ...settings };
    const wait = retryCount < 0 ? Infinity : retryCount * (retryDelay + retryJitter / 2);
    try {
      return new Lock(this, resources, await session.acquireAll(resources, { wait }), duration);
    } catch (error) {
      throw this.#report(failed("The lock was not acquired", error));
    }
  }

  async release(lock: Lock): Promise<ExecutionResult> {
    const wasValid = lock.end();
    const loss = await releaseAll(lock.holds);
    if (loss !== undefined) throw this.#report(failed("The lock was not released", loss));
    if (!wasValid) throw new ExecutionError("The lock was not released: its time was over, or it was released before");
    return { attempts: [] };
  }

  /** The lock that is passed is used up; the result is held for `duration` from now on. */
  async extend(lock: Lock, duration: number, _settings?: Partial<Settings>): Promise<Lock> {
    checkDuration(duration);
    if (lock.end()) return new Lock(this, lock.resources, lock.holds, duration);
    try {
      for (const hold of lock.holds) hold.throwIfLost();
    } catch (error) {
      throw this.#report(failed("The lock was not extended", error));
    }
    throw new ExecutionError("Cannot extend a lock that is not held: its time is over, or it was released");
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
      signal.error = this.#report(failed("The lock is lost, or about to be", signal.reason));
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
    if (loss !== undefined) {
      const error = failed("The lock was lost", loss);
      throw signal.aborted ? error : this.#report(error); // else it was reported then
    }
    return result;
  }

  /** Nothing to do: the session closes itself with the process. */
  async quit(): Promise<void> {}

  /** Tells the listeners, unless the error is of the caller's own making. */
  #report(error: Error): Error {
    if (error instanceof ExecutionError) this.#events.emit("error", error.cause);
    return error;
  }
}

export default Redlock;

function checkEvent(event: string): string {
  if (event === "error") return event;
  throw new TypeError(`event: expected "error", the only one that there is, found ${JSON.stringify(event)}`);
}

function checkDuration(duration: number): void {
  if (!(Number.isInteger(duration) && duration > 0 && duration < 2 ** 31)) {
    throw new RangeError(`duration: expected a whole number of milliseconds, 1 to ${2 ** 31 - 1}, found ${duration}`);
  }
}

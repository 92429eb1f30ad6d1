// One connection to the daemon, for a whole process.

import type { Core } from "./core.js";
import { ConnectionLost, type Fields } from "./errors.js";
import type { SessionEvent } from "./event.js";
import { Guard } from "./guard.js";
import { Hold, releaseAll } from "./hold.js";
import { Link } from "./link.js";
import { checkOptions, lockRequest, requestLine, sortNames, type Checked, type LockOptions,
         type Value } from "./options.js";
import { Request } from "./request.js";
import { checked, type Name } from "./wire.js";

export interface SessionOptions {
  /** The daemon's socket. Default: $REDLOCK_SOCKET, or else /run/redlockd/redlockd.sock. */
  path?: string | undefined;
  /** Called with each event of the daemon about this session's holds. What it throws is an uncaught exception. */
  onEvent?: ((event: SessionEvent) => void) | undefined;
}

/** `fields` of the `OK`, and the rows before it. */
export interface Answer {
  readonly fields: Fields;
  readonly rows: readonly { readonly fields: Fields; readonly text: string }[];
}

/** A row of an answer, with the fields of the protocol; what the daemon remarks about it is its `text`. */
export type Row = Fields;

/** The body of `using`: `signal` is aborted as soon as that of one of the holds is. */
export type Body<T> = (signal: AbortSignal, holds: readonly Hold[]) => T | PromiseLike<T>;

/**
 * One connection to the daemon for any number of locks. The first request connects, and so does the next one after
 * the daemon has gone. A session that holds nothing, and is asked for nothing, does not keep the process alive.
 */
export class Session {
  readonly #link: Link;
  #closed = false;

  constructor(options: SessionOptions = {}) {
    const { path, onEvent } = options;
    if (path !== undefined && (typeof path !== "string" || path === "" || path.includes("\0"))) {
      throw new TypeError(`path: expected the path of a socket, found ${JSON.stringify(path)}`);
    }
    if (onEvent !== undefined && typeof onEvent !== "function") {
      throw new TypeError(`onEvent: expected a function, found ${typeof onEvent}`);
    }
    this.#link = new Link(path, onEvent);
  }

  /** Connects now, by one attempt, if there is no connection yet; at most 5.5 s. No other call needs it. */
  async connect(): Promise<void> {
    await this.call(new Request(""));
  }

  /**
   * Takes the lock. Rejects with LockBusy (`wait: 0`) or LockTimeout if another has it, with LockCancelled if `signal`
   * is aborted before. A wait ends at most half a second after its time, whatever state the daemon is in.
   */
  async acquire(name: Name, options: LockOptions = {}): Promise<Hold> {
    const [hold] = await this.#take([checked(name, "name of a lock")], checkOptions(options));
    return hold!;
  }

  /**
   * Takes several locks, at most 16, each once, all of them or none: none is held while another is waited for. Their
   * order does not matter; the holds are in the order of the names' bytes. Rejects as `acquire` does; `lock` of an
   * answer of the daemon is the first that could not be had. A daemon that is too old to take several is a ProtocolError.
   */
  async acquireAll(names: Name | readonly Name[], options: LockOptions = {}): Promise<Hold[]> {
    return this.#take(sortNames(names), checkOptions(options));
  }

  /**
   * Calls the body with the lock, or with several, see `acquireAll`. All are released at its end. An error of the body
   * is not replaced; if the body succeeds and a lock was lost inside, it rejects with LockLost.
   */
  using<T>(names: Name | readonly Name[], body: Body<T>): Promise<T>;
  using<T>(names: Name | readonly Name[], options: LockOptions, body: Body<T>): Promise<T>;
  async using<T>(names: Name | readonly Name[], options: LockOptions | Body<T>, last?: Body<T>): Promise<T> {
    const body = last ?? options;
    if (typeof body !== "function") throw new TypeError(`body: expected a function, found ${typeof body}`);
    const holds = await this.acquireAll(names, last === undefined ? {} : options as LockOptions);
    const guard = new Guard(holds.map((hold) => hold.signal));
    let result: T;
    try {
      result = await body(guard.signal, holds);
    } catch (error) {
      await releaseAll(holds).catch(() => undefined);
      throw error;
    } finally {
      guard.end();
    }
    const loss = await releaseAll(holds);
    if (loss !== undefined) throw loss;
    return result;
  }

  /** Asks the daemon by a line of the protocol: `request("show", "jobs")`, `request("break", "jobs", { fence: 7 })`. */
  async request(verb: string, ...args: (Value | Readonly<Record<string, Value>>)[]): Promise<Answer> {
    const last = args.at(-1);
    const hasOptions = typeof last === "object" && !(last instanceof Uint8Array);
    const options = hasOptions ? last as Readonly<Record<string, Value>> : {};
    const line = requestLine(verb, (hasOptions ? args.slice(0, -1) : args) as Value[], options);
    const { fields, rows } = await this.call(new Request(line));
    return { fields, rows: rows.map((row) => ({ fields: row.fields, text: row.text })) };
  }

  /** Who has the lock, on any host, and what each node says: a row for each `place`: "here", "other", "node". */
  show(name: Name): Promise<Row[]> {
    return this.#rows("show", name);
  }

  /** The locks that this host holds or keeps, each followed by its waiters. */
  list(): Promise<Row[]> {
    return this.#rows("list");
  }

  /** The nodes, each with its `state`, e.g. "up". */
  nodes(): Promise<Row[]> {
    return this.#rows("nodes");
  }

  /** The daemon's counters and gauges, each a `name` and a `value`. */
  stats(): Promise<Row[]> {
    return this.#rows("stats");
  }

  /** Releases all locks at once, and ends all waits with ConnectionLost. For good. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#link.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** @internal */
  get core(): Core {
    return this.#link.core;
  }

  // --- for this package -------------------------------------------------------------------------------

  async #rows(verb: string, ...args: Name[]): Promise<Row[]> {
    const { rows } = await this.request(verb, ...args);
    return rows.map((row) => (row.text === "" ? row.fields : { ...row.fields, text: row.text }));
  }

  async #take(names: readonly Buffer[], options: Checked): Promise<Hold[]> {
    const request = lockRequest(names, options);
    let holds: Hold[] = [];
    // Before the caller goes on: the loss may come with the grant.
    await this.call(request, options.signal, () => {
      holds = request.holds.map((hold) => new Hold(hold, this.call, options.abortOn));
    });
    return holds;
  }

  /** Resolves when the request is answered, which its own time sees to. Rejects with its error. @internal */
  readonly call = <R extends Request>(request: R, signal?: AbortSignal, onSuccess?: () => void): Promise<R> => {
    return new Promise<R>((resolve, reject) => {
      if (this.#closed) throw new ConnectionLost("the session was closed");
      const giveUp = (): void => {
        this.#link.core.cancel(request, signal?.reason);
        this.#link.turnSoon();
      };
      request.onDone = () => {
        signal?.removeEventListener("abort", giveUp);
        if (request.error !== undefined) {
          reject(request.error);
          return;
        }
        onSuccess?.();
        resolve(request);
      };
      if (signal?.aborted) {
        giveUp();
        return;
      }
      signal?.addEventListener("abort", giveUp);
      this.#link.start(request);
    });
  };
}

// Who of this process has a name: the daemon takes a session for one owner, so its callers queue here.

import type { LockRequest } from "./request.js";

/** The first in the queue of a name has it in the daemon, and keeps its place until its hold is over. */
export class Names {
  readonly #queues = new Map<string, LockRequest[]>();

  get size(): number {
    return this.#queues.size;
  }

  *[Symbol.iterator](): Generator<LockRequest, void, undefined> {
    for (const queue of [...this.#queues.values()]) yield* [...queue];
  }

  /** Whether a caller has the name or waits for it; those that have gone do not count. */
  isWanted(key: string): boolean {
    return this.#queues.get(key)?.some((each) => !each.abandoned) ?? false;
  }

  first(key: string): LockRequest | undefined {
    return this.#queues.get(key)?.[0];
  }

  /** Its phase is "ready" afterwards if it is the first, and "queued" if not. */
  join(request: LockRequest): void {
    const queue = this.#queues.get(request.hold.key);
    if (queue === undefined) this.#queues.set(request.hold.key, [request]);
    else queue.push(request);
    request.phase = queue === undefined ? "ready" : "queued";
  }

  /** Returns the one that is to be sent now, if the name was passed on to it. */
  leave(request: LockRequest): LockRequest | undefined {
    request.phase = "ended";
    const queue = this.#queues.get(request.hold.key)!;
    queue.splice(queue.indexOf(request), 1);
    const next = queue[0];
    if (next === undefined) this.#queues.delete(request.hold.key);
    if (next?.phase !== "queued") return undefined;
    next.phase = "ready";
    return next;
  }
}

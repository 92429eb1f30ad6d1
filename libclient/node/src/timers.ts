// Things to do at a time. No clock of its own: times are those of whatever clock the caller uses.

/** `action` is called with the time, once, unless the timer is cancelled before. */
export interface Timer {
  readonly when: number;
  action: ((now: number) => void) | undefined;
}

/** A heap: the entry at `at` is no later than those at `2 * at + 1` and `2 * at + 2`. */
export class Timers {
  #heap: Timer[] = [];
  #cancelled = 0;

  get size(): number {
    return this.#heap.length;
  }

  at(when: number, action: (now: number) => void): Timer {
    const timer = { when, action };
    this.#insert(timer);
    return timer;
  }

  /** Undefined, and a timer that has run or is cancelled already, are fine. */
  cancel(timer: Timer | undefined): void {
    if (timer?.action === undefined) return;
    timer.action = undefined;
    this.#cancelled++;
    // Most timers are cancelled long before their time, and must not pile up until then.
    if (this.#cancelled > 64 && this.#cancelled > this.#heap.length / 2) {
      const live = this.#heap.filter((each) => each.action !== undefined);
      this.#heap = [];
      this.#cancelled = 0;
      for (const each of live) this.#insert(each);
    }
  }

  /** When something is to be done next; undefined if nothing is. */
  next(): number | undefined {
    while (this.#heap[0] !== undefined && this.#heap[0].action === undefined) {
      this.#takeFirst();
      this.#cancelled--;
    }
    return this.#heap[0]?.when;
  }

  run(now: number): void {
    for (let due = this.next(); due !== undefined && due <= now; due = this.next()) {
      const timer = this.#takeFirst();
      const action = timer.action!;
      timer.action = undefined;
      action(now);
    }
  }

  #insert(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (heap[above]!.when <= timer.when) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = timer;
  }

  #takeFirst(): Timer {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below + 1 < heap.length && heap[below + 1]!.when < heap[below]!.when) below++;
      if (below >= heap.length || heap[below]!.when >= last.when) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
    return first;
  }
}

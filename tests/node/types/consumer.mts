// A program of a user, whose types are checked: as a module of `import`, and, in its other copy, of `require`.

import Redlock, { ExecutionError, type Lock, type RedlockAbortSignal } from "redlockd/compat";
import {
  acquire, acquireAll, connect, defaultSession, list, using, Hold, LockLost, RedlockError, Session,
  type Answer, type Duration, type LockOptions, type Name, type Row, type SessionEvent,
} from "redlockd";

const session: Session = connect({ path: "/tmp/socket", onEvent: (event: SessionEvent) => console.log(event.kind) });
const wait: Duration = "5s";
const name: Name = new Uint8Array([1, 2]);
const options: LockOptions = { wait, ttl: 1000, maxHold: "1h", minHold: 5, note: "why", margin: "1s", abortOn: "lost", task: 7,
                               signal: new AbortController().signal };

export async function holds(): Promise<bigint> {
  const hold: Hold = await session.acquire(name, options);
  const left: number = hold.left();
  const reason: string | undefined = hold.reason;
  const signal: AbortSignal = hold.signal;
  const flags: boolean[] = [hold.valid, hold.jeopardy, hold.lost, signal.aborted];
  await hold.release({ sync: true });
  await hold[Symbol.asyncDispose]();
  const several: readonly Hold[] = await acquireAll(["a", "b"]);
  console.log(left, reason, flags, several.length, await hold.check());
  return hold.fence + hold.deadline;
}

export async function bodies(): Promise<void> {
  const one: number = await using("a", async (signal, [hold]) => (signal.aborted ? 0 : Number(hold?.fence)));
  const two: string = await using(["a", "b"], options, (_, held) => held.map(String).join());
  const three: void = await defaultSession().using("a", { wait: "forever" }, () => undefined);
  console.log(one, two, three);
}

export async function questions(): Promise<Row[]> {
  const { fields, rows }: Answer = await session.request("break", "a", { fence: 7n });
  const left: string | undefined = fields["left"];
  console.log(left, rows[0]?.text, rows[0]?.fields["lock"]);
  return [...await list(), ...await session.show("a")];
}

export function reasonOf(error: unknown): string {
  if (error instanceof LockLost) return error.reason;
  return error instanceof RedlockError ? `${error.code} ${error.lock ?? ""} ${error.text}` : "";
}

export async function compatible(): Promise<void> {
  const redlock = new Redlock([], { retryCount: 1 }, session);
  const lock: Lock = await (await redlock.acquire(["a"], 1000)).extend(1000);
  const seven: number = await redlock.using(["a"], 1000, async (signal: RedlockAbortSignal) => (signal.error ? 0 : 7));
  console.log(lock.expiration, seven, new ExecutionError("x").attempts.length);
}

// @ts-expect-error: a mistyped option
void acquire("a", { timeout: 5 });
// @ts-expect-error: a number is no name
void acquire(5);
// @ts-expect-error: a body returns what using resolves to
export const wrong: Promise<string> = using("a", () => 7);
// @ts-expect-error: a fence is a bigint
export const fence: Promise<number> = acquire("a").then((hold) => hold.fence);
// @ts-expect-error: only one of two words
void acquire("a", { abortOn: "never" });
// @ts-expect-error: what is for the package itself is not declared
void session.core;

// What a lock, and any other request, is asked for with: checked, and as words of a line.

import { inWords, milliseconds, type Duration } from "./duration.js";
import { HoldState } from "./hold_state.js";
import { LockRequest, mostNames } from "./request.js";
import { checked, encode, longestRequest, type Name } from "./wire.js";

/** Durations are milliseconds, or strings with a unit as in the protocol: `1500`, `"1.5s"`. */
export interface LockOptions {
  /** How long to wait, whatever for: a connection, the lock, enough nodes. 0 not to wait. Default: "forever". */
  wait?: Duration | "forever" | undefined;
  /** The ttl of the lease on the nodes: how long the lock outlives this host. Default: the daemon's `lease.ttl`. */
  ttl?: Duration | undefined;
  /** The lock is lost that long after the grant. */
  maxHold?: Duration | undefined;
  /** Nobody gets the lock sooner than this after the grant, even if it is released. */
  minHold?: Duration | undefined;
  /** A text for people, see `redlock show`. */
  note?: Name | undefined;
  /**
   * How long before its deadline a hold is in jeopardy. Default: a third of the ttl (or of maxHold, if that is shorter),
   * but at most 5 s. More than half of that time is cut to the half.
   */
  margin?: Duration | undefined;
  /** What aborts `Hold.signal`. Default: "jeopardy", in time to stop before the deadline. */
  abortOn?: "jeopardy" | "lost" | undefined;
  /**
   * How long a wait without end puts up with there being no daemon that answers: 0 for one attempt to connect, or
   * "forever". It then rejects with what the last attempt failed with, such as ConnectFailed. Default: 5 s.
   */
  connectTimeout?: Duration | "forever" | undefined;
  /**
   * Which task of this process waits, and holds the lock then: a number of your choice. If tasks of this host wait for
   * each other, the youngest wait is rejected with Deadlock. Tasks without a number are not looked at.
   */
  task?: number | undefined;
  /** Gives up the wait when it is aborted. Once the lock is granted it does nothing. */
  signal?: AbortSignal | undefined;
}

/** The options, checked. */
export interface Checked {
  readonly wait: number;
  readonly maxHold: number;
  readonly margin: number | undefined;
  readonly patience: number;
  readonly abortOn: "jeopardy" | "lost";
  readonly signal: AbortSignal | undefined;
  readonly task: number | undefined;
  /** What goes into the line. */
  readonly words: string;
}

const known = ["wait", "ttl", "maxHold", "minHold", "note", "margin", "connectTimeout", "abortOn", "task", "signal"];

export function checkOptions(options: LockOptions): Checked {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`options of a lock: expected an object, found ${String(options)}`);
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) throw new TypeError(`option ${key}: expected one of ${known.join(", ")}`);
  }
  const { wait, ttl, maxHold, minHold, note, margin, connectTimeout = 5000, abortOn = "jeopardy", task, signal } = options;
  if (abortOn !== "jeopardy" && abortOn !== "lost") {
    throw new TypeError(`abortOn: expected "jeopardy" or "lost", found ${JSON.stringify(abortOn)}`);
  }
  if (signal !== undefined && typeof signal.addEventListener !== "function") {
    throw new TypeError(`signal: expected an AbortSignal, found ${typeof signal}`);
  }
  if (task !== undefined && !(Number.isSafeInteger(task) && task > 0)) {
    throw new TypeError(`task: expected a positive integer, found ${String(task)}`);
  }
  const words = time("ttl", "ttl", ttl) + time("maxHold", "max-hold", maxHold) + time("minHold", "min-hold", minHold) +
                (note === undefined ? "" : ` note=${encode(checked(note, "note"))}`);
  return {
    wait: wait === undefined ? Infinity : orForever(wait, "wait"),
    maxHold: maxHold === undefined ? Infinity : milliseconds(maxHold, "maxHold"),
    margin: margin === undefined ? undefined : milliseconds(margin, "margin"),
    patience: orForever(connectTimeout, "connectTimeout"),
    abortOn,
    signal,
    task,
    words,
  };
}

function orForever(value: Duration, option: string): number {
  return value === "forever" || value === Infinity ? Infinity : milliseconds(value, option);
}

function time(option: string, key: string, value: Duration | undefined): string {
  return value === undefined ? "" : ` ${key}=${inWords(milliseconds(value, option))}`;
}

/** Asks for these locks at once. Throws a RangeError if one request cannot be for so many names. @internal */
export function lockRequest(names: readonly Buffer[], options: Checked): LockRequest {
  if (names.length > mostNames) {
    throw new RangeError(`names: expected at most ${mostNames} different ones, found ${names.length}`);
  }
  const holds = names.map((name) => new HoldState(encode(name), name.toString("utf8"), options.margin));
  const { words, wait, maxHold, task, patience } = options;
  const request = new LockRequest(holds, words, wait, maxHold, task, patience);
  if (request.excess > 0) {
    throw new RangeError("names: expected those that one request can be for, found names that are, encoded and " +
                         `together with the note, ${request.excess} bytes too long`);
  }
  return request;
}

/** The names, each once, in the order of their bytes. @internal */
export function sortNames(names: Name | readonly Name[]): Buffer[] {
  const list = typeof names === "string" || names instanceof Uint8Array ? [names] : [...names];
  if (list.length === 0) throw new RangeError("names: expected at least one, found none");
  const sorted = list.map((name) => checked(name, "name of a lock")).sort(Buffer.compare);
  return sorted.filter((name, at) => at === 0 || !name.equals(sorted[at - 1]!));
}

export type Value = Name | number | bigint;

/** The line of a request that is not about a hold of this session. Options are in camelCase or as in the protocol. */
export function requestLine(verb: string, args: readonly Value[], options: Readonly<Record<string, Value>>): string {
  if (["lock", "trylock", "unlock", "cancel", "quit"].includes(word(verb, "verb"))) {
    throw new RangeError(`verb ${verb}: expected one that leaves the session's locks alone; use acquire and Hold`);
  }
  const words = [verb, ...args.map((each) => encode(checked(text(each), "argument")))];
  for (const [option, value] of Object.entries(options)) {
    const key = word(option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), "option");
    words.push(`${key}=${encode(checked(text(value), key))}`);
  }
  const line = words.join(" ");
  if (line.length > longestRequest) {
    throw new RangeError(`request: expected a line of at most ${longestRequest} bytes, found ${line.length}`);
  }
  return line;
}

function text(value: Value): Name {
  return typeof value === "number" || typeof value === "bigint" ? String(value) : value;
}

/** Of those that are sent as they are. */
function word(value: string, what: string): string {
  if (typeof value !== "string" || !/^[a-z][a-z-]*$/.test(value)) {
    throw new RangeError(`${what}: expected a word of lower-case letters and hyphens, found ${JSON.stringify(value)}`);
  }
  return value;
}

// Distributed locks by redlockd.

import type { Hold } from "./hold.js";
import type { LockOptions } from "./options.js";
import { Session, type Body, type Row, type SessionOptions } from "./session.js";
import type { Name } from "./wire.js";

export type { Duration } from "./duration.js";
export { BadRequest, ConnectFailed, ConnectionLost, Deadlock, Denied, Draining, LimitReached, LockBusy, LockCancelled,
         LockLost, LockTimeout, NoAnswer, NoQuorum, NoTurn, NotHeld, ProtocolError, RedlockError } from "./errors.js";
export type { Fields } from "./errors.js";
export type { SessionEvent } from "./event.js";
export { Hold } from "./hold.js";
export type { LockOptions, Value } from "./options.js";
export { Session } from "./session.js";
export type { Answer, Body, Row, SessionOptions } from "./session.js";
export type { Name } from "./wire.js";

let common: Session | undefined;

/** A session of its own. It connects when there is something to ask. */
export function connect(options: SessionOptions = {}): Session {
  return new Session(options);
}

/** The session that the functions of this module use; one for the process. */
export function defaultSession(): Session {
  if (common === undefined || common.closed) common = new Session();
  return common;
}

/** See `Session.acquire`. */
export function acquire(name: Name, options: LockOptions = {}): Promise<Hold> {
  return defaultSession().acquire(name, options);
}

/** See `Session.acquireAll`. */
export function acquireAll(names: Name | readonly Name[], options: LockOptions = {}): Promise<Hold[]> {
  return defaultSession().acquireAll(names, options);
}

/** See `Session.using`. */
export function using<T>(names: Name | readonly Name[], body: Body<T>): Promise<T>;
export function using<T>(names: Name | readonly Name[], options: LockOptions, body: Body<T>): Promise<T>;
export function using<T>(names: Name | readonly Name[], options: LockOptions | Body<T>, body?: Body<T>): Promise<T> {
  const session = defaultSession();
  if (body === undefined) return session.using(names, options as Body<T>);
  return session.using(names, options as LockOptions, body);
}

/** See `Session.show`. */
export function show(name: Name): Promise<Row[]> {
  return defaultSession().show(name);
}

/** See `Session.list`. */
export function list(): Promise<Row[]> {
  return defaultSession().list();
}

/** See `Session.nodes`. */
export function nodes(): Promise<Row[]> {
  return defaultSession().nodes();
}

/** See `Session.stats`. */
export function stats(): Promise<Row[]> {
  return defaultSession().stats();
}

// The errors of redlockd: one class for each kind of failure, and the daemon's code in each of them.

export type Fields = Readonly<Record<string, string>>;

export interface About {
  /** The lock, decoded. */
  lock?: string;
  code?: string;
  fields?: Fields;
  cause?: unknown;
}

/**
 * A request failed. Its own class is used for codes that this version does not know.
 *
 * `code` is the daemon's word, such as "busy", or one of the client's own: "connect", "closed", "no-answer",
 * "protocol", "jeopardy". `lock` is the name of the lock, if the error is about one. `fields` are the fields of the answer, and
 * `text` is what it says to people.
 */
export class RedlockError extends Error {
  static readonly code: string = "unknown";

  /** What the fields add to the message. @internal */
  static explain(_fields: Fields): string {
    return "";
  }

  readonly code: string;
  readonly lock: string | undefined;
  readonly text: string;
  readonly fields: Fields;

  constructor(text = "", about: About = {}) {
    const code = about.code ?? new.target.code;
    const where = about.lock === undefined ? "" : `lock ${JSON.stringify(about.lock)}: `;
    const what = (text === "" ? code : `${code}: ${text}`) + new.target.explain(about.fields ?? {});
    super(where + what, about.cause === undefined ? undefined : { cause: about.cause });
    this.name = new.target.name;
    this.code = code;
    this.lock = about.lock;
    this.text = text;
    this.fields = about.fields ?? {};
  }
}

/** Another has the lock, and the request was not to wait. */
export class LockBusy extends RedlockError {
  static override readonly code: string = "busy";
}

/** Another had the lock until the wait was over, or it was over before the daemon could be asked: see the text. */
export class LockTimeout extends RedlockError {
  static override readonly code: string = "timeout";
}

/** The daemon had too much to do to ask the nodes before the wait was over. The lock may be free. */
export class NoTurn extends RedlockError {
  static override readonly code: string = "no-turn";
}

/** The wait was given up. `cause` is the reason of the signal that was aborted. */
export class LockCancelled extends RedlockError {
  static override readonly code: string = "cancelled";
}

/** This session does not hold the lock. */
export class NotHeld extends RedlockError {
  static override readonly code: string = "not-held";
}

const whyLost: Fields = {
  expired: "it was not renewed in time", "max-hold": "its max-hold is over", drain: "the daemon stops",
  broken: "an administrator has broken it", closed: "the connection to the daemon ended",
  jeopardy: "renewal fails, or less than the margin is left",
};

/** The hold ended before it was released: its last part may not have been protected. */
export class LockLost extends RedlockError {
  static override readonly code: string = "lost";

  /**
   * "expired" (it was not renewed in time), "max-hold", "drain" (the daemon stops), "broken" (by an administrator) or
   * "closed" (the connection to the daemon ended). As the reason of a signal also "jeopardy", with this code too: it is not lost
   * yet.
   */
  get reason(): string {
    return this.fields["reason"] ?? "expired";
  }

  /** @internal */
  static override explain({ reason }: Fields): string {
    if (reason === undefined) return "";
    const why = whyLost[reason];
    return ` (${reason}${why === undefined ? "" : `: ${why}`})`;
  }
}

/**
 * The wait would never end: tasks of this host, of any processes, wait for each other, and this is the youngest wait (see
 * the option `task`). Release what the task has, and begin again.
 */
export class Deadlock extends RedlockError {
  static override readonly code: string = "deadlock";
}

/** Too few nodes could be asked. */
export class NoQuorum extends RedlockError {
  static override readonly code: string = "no-quorum";
}

/** A limit of the daemon; the text says which. */
export class LimitReached extends RedlockError {
  static override readonly code: string = "limit";
}

/** The user may not do this. */
export class Denied extends RedlockError {
  static override readonly code: string = "denied";
}

/** The daemon is stopping. */
export class Draining extends RedlockError {
  static override readonly code: string = "draining";
}

/** The daemon does not take a value, an option or a verb; the text says which and why. */
export class BadRequest extends RedlockError {
  static override readonly code: string = "bad-request";
}

/** The daemon did not answer in time. */
export class NoAnswer extends RedlockError {
  static override readonly code: string = "no-answer";
}

/** There is no daemon on the socket, or the user may not connect to it. */
export class ConnectFailed extends RedlockError {
  static override readonly code: string = "connect";
}

/** The connection ended before the answer, or the session was closed. */
export class ConnectionLost extends RedlockError {
  static override readonly code: string = "closed";
}

/** The other side does not speak version 1 of the protocol. */
export class ProtocolError extends RedlockError {
  static override readonly code: string = "protocol";
}

const byCode = new Map<string, typeof RedlockError>();
for (const kind of [LockBusy, LockTimeout, NoTurn, LockCancelled, NotHeld, LockLost, Deadlock, NoQuorum, LimitReached,
                    Denied, Draining, BadRequest]) {
  byCode.set(kind.code, kind);
}
for (const code of ["bad-name", "unknown-verb", "unknown-option", "line-too-long"]) byCode.set(code, BadRequest);

/** The error for an `ERR` line. */
export function errorOf(code: string, fields: Fields, text: string): RedlockError {
  const kind = byCode.get(code) ?? RedlockError;
  const lock = fields["lock"];
  return new kind(text, lock === undefined ? { code, fields } : { code, fields, lock });
}

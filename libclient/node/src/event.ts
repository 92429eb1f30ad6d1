// What a session reports to its owner.

import type { Fields } from "./errors.js";
import type { Line } from "./wire.js";

/** An event of the daemon, or CLOSED. `lock` and `fence` are undefined where it has none. */
export interface SessionEvent {
  readonly kind: string;
  readonly lock: string | undefined;
  readonly fence: bigint | undefined;
  readonly fields: Fields;
  readonly text: string;
}

/** "hold": it is of a hold. "session": of the session. "unknown": of a later version. */
export function subjectOf(event: string): "hold" | "session" | "unknown" {
  if (["RENEWED", "JEOPARDY", "SAFE", "LOST", "BROKEN", "WANTED"].includes(event)) return "hold";
  return event === "WATCH" || event === "DRAINING" ? "session" : "unknown";
}

export function eventOf(line: Line): SessionEvent {
  const fence = line.fields["fence"] ?? "";
  return { kind: line.words[0] ?? "", lock: line.fields["lock"], fence: /^\d+$/.test(fence) ? BigInt(fence) : undefined,
           fields: line.fields, text: line.text };
}

/** The end of the connection. */
export function closed(text: string): SessionEvent {
  return { kind: "CLOSED", lock: undefined, fence: undefined, fields: {}, text };
}

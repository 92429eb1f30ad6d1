// Lines of the protocol: bytes to lines, and words to bytes. No I/O, no state but the bytes of half a line.

import { ProtocolError } from "./errors.js";

/** A name or a value: text, which is sent as UTF-8, or bytes. */
export type Name = string | Uint8Array;

export const longestRequest = 4096 - 40; // bytes to the daemon, without the tag and the line's end
const longestLine = 16384; // bytes from the daemon, with the line's end
const longestValue = 255; // bytes of a name or of a value

/** `words` are those that are no fields. */
export interface Line {
  readonly kind: "OK" | "ERR" | "-" | "*";
  readonly tag: string;
  readonly words: readonly string[];
  readonly fields: Record<string, string>;
  /** The field `lock` as we encode names: it tells those apart that are no UTF-8. "" if there is none. */
  readonly lock: string;
  readonly text: string;
}

/** The bytes of a name or value; throws a TypeError or RangeError if the daemon could not take them. @internal */
export function checked(value: Name, what: string): Buffer {
  if (typeof value !== "string" && !(value instanceof Uint8Array)) {
    throw new TypeError(`${what}: expected a string or a Uint8Array, found ${typeof value}`);
  }
  if (typeof value === "string" && /\p{Cs}/u.test(value)) {
    throw new RangeError(`${what}: expected well-formed text, found half of a surrogate pair`);
  }
  const data = typeof value === "string" ? Buffer.from(value, "utf8") : Buffer.from(value);
  if (data.length === 0) throw new RangeError(`${what}: expected at least one byte, found none`);
  if (data.length > longestValue) {
    throw new RangeError(`${what}: expected at most ${longestValue} bytes, found ${data.length}`);
  }
  if (data.includes(0)) throw new RangeError(`${what}: expected no NUL byte, found one`);
  return data;
}

/** One word of a line. */
export function encode(data: Uint8Array): string {
  let word = "";
  for (const byte of data) {
    const letter = String.fromCharCode(byte);
    word += /[A-Za-z0-9_.~/:@+,-]/.test(letter) ? letter : "%" + byte.toString(16).toUpperCase().padStart(2, "0");
  }
  return word;
}

/** Bytes that are no UTF-8 become U+FFFD. */
export function decode(word: string): string {
  return word.includes("%") ? bytesOf(word).toString("utf8") : word;
}

function bytesOf(word: string): Buffer {
  const one = (_: string, digits: string): string => String.fromCharCode(parseInt(digits, 16));
  return Buffer.from(word.replace(/%([0-9A-Fa-f]{2})/g, one), "latin1");
}

/** A line without its end, which has a letter for each byte. */
export function parse(raw: string): Line {
  const found = JSON.stringify(raw.slice(0, 80));
  if (/[^\x20-\x7e]/.test(raw)) throw new ProtocolError(`expected printable ASCII, found ${found}`);
  const textAt = raw.indexOf(" :");
  const head = (textAt < 0 ? raw : raw.slice(0, textAt)).split(" ").filter((word) => word !== "");
  const tag = head[0]?.startsWith("#") ? head.shift()!.slice(1) : "";
  const kind = head.shift();
  if (kind !== "OK" && kind !== "ERR" && kind !== "-" && kind !== "*") {
    throw new ProtocolError(`expected an answer, a row or an event, found ${found}`);
  }
  const words: string[] = [];
  const fields: Record<string, string> = Object.create(null) as Record<string, string>;
  let lock = "";
  for (const word of head) {
    const equals = word.indexOf("=");
    if (equals < 0) {
      words.push(decode(word));
      continue;
    }
    const [key, value] = [word.slice(0, equals), word.slice(equals + 1)];
    fields[key] = decode(value);
    if (key === "lock") lock = encode(bytesOf(value));
  }
  return { kind, tag, words, fields, lock, text: textAt < 0 ? "" : raw.slice(textAt + 2) };
}

/** Cuts what has come into lines. */
export class Parser {
  #rest = "";

  /** The lines that are complete now. After a ProtocolError the parser must not be used. */
  *feed(data: Uint8Array): Generator<Line, void, undefined> {
    const pieces = Buffer.from(data.buffer, data.byteOffset, data.length).toString("latin1").split("\n");
    for (const [at, piece] of pieces.entries()) {
      this.#rest += piece;
      if (this.#rest.length >= longestLine) {
        throw new ProtocolError(`expected lines of at most ${longestLine} bytes, found a longer one`);
      }
      if (at === pieces.length - 1) return;
      const line = this.#rest;
      this.#rest = "";
      yield parse(line.endsWith("\r") ? line.slice(0, -1) : line);
    }
  }
}

// Durations, as callers write them and as the protocol does. Here they are milliseconds.

/** A number of milliseconds, or a string with a unit, as in the protocol: "250ms", "10s", "1.5m". */
export type Duration = number | string;

const nanoseconds = { ns: 1n, us: 1_000n, ms: 1_000_000n, s: 1_000_000_000n, m: 60_000_000_000n, h: 3_600_000_000_000n };
const longest = 2 ** 63 / 1e6; // ms

/** In ms. Throws a RangeError that begins with `what`. */
export function milliseconds(value: Duration, what: string): number {
  const result = typeof value === "number" ? value : ofText(String(value));
  if (!(result >= 0)) {
    const found = typeof value === "number" ? String(value) : JSON.stringify(value);
    throw new RangeError(`${what}: expected milliseconds of 0 or more, or a number with a unit ("10s"), found ${found}`);
  }
  if (result >= longest) throw new RangeError(`${what}: expected a duration below 2^63 ns, found ${String(value)}`);
  return result;
}

/** NaN if it is no duration. One without a unit is none: it would be seconds there, and milliseconds here. */
function ofText(text: string): number {
  const found = /^(\d+(?:\.\d*)?|\.\d+)(ns|us|ms|s|m|h)$/.exec(text);
  return found ? (Number(found[1]) * Number(nanoseconds[found[2] as keyof typeof nanoseconds])) / 1e6 : NaN;
}

/** Of milliseconds, for the daemon: in the largest unit up to seconds that is exact. */
export function inWords(ms: number): string {
  const ns = BigInt(Math.floor(ms)) * 1_000_000n + BigInt(Math.round((ms % 1) * 1e6));
  const unit = (["s", "ms", "us", "ns"] as const).find((each) => ns % nanoseconds[each] === 0n)!;
  return `${ns / nanoseconds[unit]}${unit}`;
}

/** In ms, of a duration that the daemon wrote; undefined if it is none. */
export function ofDaemon(word: string | undefined): number | undefined {
  const result = ofText(word ?? "");
  return Number.isNaN(result) ? undefined : result;
}

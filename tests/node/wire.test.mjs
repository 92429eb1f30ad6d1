// Lines, durations, timers and the clock, each by itself.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Chance, load } from "./support.mjs";

const { Parser, checked, decode, encode, parse } = load("./lib/wire.js");
const { milliseconds, inWords, ofDaemon } = load("./lib/duration.js");
const { requestLine, sortNames, checkOptions, lockRequest } = load("./lib/options.js");
const { Timers } = load("./lib/timers.js");
const { Clock, DaemonClock } = load("./lib/clock.js");
const { ProtocolError } = load("./lib/errors.js");

test("lines come whole, whatever the pieces", () => {
  const lines = ["* HELLO redlockd 1 now=7", "#1 OK lock=a%20b fence=9", "- name=x :a text: with = and %41", "* TIDINGS",
                 "#x_y-Z ERR no-such-tag tag=q :why", "#2 OK empty= lock=%FF", `* LONG :${"x".repeat(16000)}`];
  const expected = lines.map(parse);
  for (let seed = 0; seed < 300; seed++) {
    const chance = new Chance(seed);
    const data = Buffer.from(lines.map((line) => line + (chance.below(2) ? "\n" : "\r\n")).join("") + "#3 half a l");
    const parser = new Parser();
    const found = [];
    for (let at = 0; at < data.length;) {
      const length = 1 + chance.below(chance.one([2, 10, 100, 20000]));
      found.push(...parser.feed(data.subarray(at, at + length)));
      at += length;
    }
    assert.deepEqual(found, expected, `seed ${seed}`);
  }
});

test("a line has its parts", () => {
  const line = parse("#7 ERR lost lock=a%20b fence=9 empty= :why: lock=c");
  assert.deepEqual([line.kind, line.tag, line.words, line.text], ["ERR", "7", ["lost"], "why: lock=c"]);
  assert.deepEqual({ ...line.fields }, { lock: "a b", fence: "9", empty: "" });
  assert.deepEqual([line.lock, parse("OK lock=!%ff").lock, parse("OK").lock], ["a%20b", "%21%FF", ""]);
  assert.equal(parse("* X __proto__=1").fields.__proto__, "1");
});

test("what is no line is refused", () => {
  for (const raw of ["", "hello", "#1", "#1 MAYBE", "OK caf\u00e9", "OK \x07"]) {
    assert.throws(() => parse(raw), ProtocolError, raw);
  }
  assert.throws(() => [...new Parser().feed(Buffer.from("* ".padEnd(16384, "x")))], /at most 16384 bytes/);
});

test("every name survives the way there and back", () => {
  const all = Buffer.from(Array.from({ length: 255 }, (_, at) => at + 1));
  const word = encode(checked(all, "name"));
  assert.match(word, /^[\x21-\x24\x26-\x3c\x3e-\x7e%]+$/);
  assert.deepEqual(Buffer.from(unescape(word), "latin1"), all);
  assert.equal(decode(encode(Buffer.from("süß \u{1f512}"))), "süß \u{1f512}");
  assert.equal(encode(Buffer.from("#a b=c%")), "%23a%20b%3Dc%25");
});

test("what the daemon could not take is refused, and why", () => {
  for (const [value, why] of [["", /at least one byte/], ["x".repeat(256), /at most 255 bytes, found 256/],
                              ["a\0", /no NUL/], ["\ud800", /half of a surrogate/], [7, /found number/]]) {
    assert.throws(() => checked(value, "name of a lock"), (error) => why.test(error.message));
  }
  assert.equal(checked("é".repeat(127), "name").length, 254);
});

test("durations", () => {
  for (const [value, ms] of [[0, 0], [250, 250], [0.5, 0.5], ["250ms", 250], ["1.5m", 90_000], [".5s", 500],
                             ["100us", 0.1], ["2h", 7_200_000], ["10ns", 0.00001]]) {
    assert.equal(milliseconds(value, "wait"), ms);
  }
  for (const wrong of [-1, NaN, Infinity, "5", "soon", "", "1 s", "-1s", null, {}]) {
    assert.throws(() => milliseconds(wrong, "ttl"), /^RangeError: ttl: expected /);
  }
  for (const [ms, words] of [[0, "0s"], [1500, "1500ms"], [2000, "2s"], [0.1, "100us"], [1.000001, "1000001ns"]]) {
    assert.equal(inWords(ms), words);
    assert.equal(ofDaemon(words), ms);
  }
  assert.equal(ofDaemon("soon"), undefined);
  assert.equal(ofDaemon(undefined), undefined);
});

test("options that are wrong are named", () => {
  for (const [options, why] of [[{ timeout: 5 }, /option timeout: expected one of wait, ttl/], [{ wait: "5" }, /^wait:/],
                                [{ note: "" }, /^note:/], [{ abortOn: "ever" }, /^abortOn:/], [{ task: 0 }, /^task:/],
                                [{ task: "1" }, /^task:/], [{ task: 2 ** 53 }, /^task:/], [{ signal: 1 }, /^signal:/],
                                [null, /expected an object/]]) {
    assert.throws(() => checkOptions(options), (error) => why.test(error.message));
  }
  assert.equal(checkOptions({ ttl: "8s", maxHold: 1500, minHold: "1h", note: "a b" }).words,
               " ttl=8s max-hold=1500ms min-hold=3600s note=a%20b");
  assert.equal(checkOptions({ wait: "forever" }).wait, Infinity);
});

test("requests are lines", () => {
  assert.equal(requestLine("break", ["a b"], { fence: 7n, someThing: "x" }), "break a%20b fence=7 some-thing=x");
  assert.throws(() => requestLine("lock", ["a"], {}), /use acquire and Hold/);
  assert.throws(() => requestLine("no verb", [], {}), /lower-case letters/);
  assert.throws(() => requestLine("show", Array(20).fill("x".repeat(255)), {}), /at most 4056 bytes/);
});

test("names are sorted by their bytes, each once", () => {
  const sorted = sortNames(["\u{1f512}", "b", "a", "\uffee", "b"]).map(String);
  assert.deepEqual(sorted, ["a", "b", "\uffee", "\u{1f512}"]);
  assert.throws(() => sortNames([]), /at least one/);
});

test("one request is for so many names, of such a length", () => {
  const lineOf = (names, options = {}) => lockRequest(sortNames(names), checkOptions(options)).line;
  const names = Array.from({ length: 17 }, (_, at) => `n${10 + at}`);
  assert.equal(lineOf(names.slice(0, 16), { ttl: "8s" }), `lock ${names.slice(0, 16).join(" ")} ttl=8s`);
  assert.equal(lineOf([...names.slice(0, 16), "n10"]), lineOf(names.slice(0, 16)), "each once");
  assert.throws(() => lineOf(names), /^RangeError: names: expected at most 16 different ones, found 17/);
  const long = Array.from({ length: 15 }, (_, at) => "x".repeat(253) + (10 + at));
  assert.ok(lineOf(long).length + 128 <= 4056);
  const why = /^RangeError: names: expected those that one request can be for, found .* \d+ bytes too long/;
  assert.throws(() => lineOf([...long, "x".repeat(255)]), why);
  assert.throws(() => lineOf(long, { note: "x".repeat(100) }), why);
  assert.equal(lineOf("ü".repeat(127), { note: "ü".repeat(127) }).length, 5 + 762 + 6 + 762);
});

test("timers run in their order, and cancelled ones do not", () => {
  for (let seed = 0; seed < 50; seed++) {
    const chance = new Chance(seed);
    const timers = new Timers();
    const due = [];
    const ran = [];
    for (let count = 0; count < 300; count++) {
      const when = chance.below(1000);
      const timer = timers.at(when, () => ran.push(when));
      if (chance.below(3) === 0) timers.cancel(timer);
      else due.push(when);
    }
    due.sort((a, b) => a - b);
    assert.equal(timers.next(), due[0]);
    timers.run(499);
    assert.deepEqual(ran, due.filter((when) => when < 500), `seed ${seed}`);
    timers.run(1000);
    assert.deepEqual(ran, due);
    assert.equal(timers.next(), undefined);
  }
});

test("timers that are cancelled do not pile up", () => {
  const timers = new Timers();
  for (let count = 0; count < 10_000; count++) timers.cancel(timers.at(count, assert.fail));
  assert.ok(timers.size < 200, `${timers.size} are left`);
});

test("the clock counts the time that the machine sleeps", () => {
  let [exact, uptime] = [5000, 90_000];
  const clock = new Clock(() => exact, () => Math.floor(uptime / 10) * 10);
  const pass = (awake, asleep = 0) => {
    exact += awake;
    uptime += awake + asleep;
    return clock.now();
  };
  let expected = 5000;
  for (let step = 0; step < 1000; step++) assert.equal(pass(7.3), expected += 7.3); // steps of the uptime are no sleep
  const woken = pass(3, 60_000);
  assert.ok(woken >= expected + 60_003 && woken < expected + 60_103, `${woken - expected} ms`);
  assert.equal(pass(10), woken + 10);
});

test("the clock is right, too, where the system does not give its uptime", () => {
  let exact = 5;
  const clock = new Clock(() => exact, () => NaN);
  exact += 100;
  assert.equal(clock.now(), 105);
});

test("a deadline is on our clock", () => {
  const daemon = new DaemonClock();
  daemon.set(9_000_000_000_000_000_123n, 100);
  assert.equal(daemon.ours(9_000_000_000_000_000_123n + 10_000_000_000n), 10_100);
  assert.equal(daemon.ours(9_000_000_000_000_000_123n - 50_000_000n), 50);
});

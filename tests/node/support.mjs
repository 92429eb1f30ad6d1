// What the tests share: the package that is tested, a daemon, patience, and chance.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export const client = process.env.REDLOCKD_NODE_CLIENT;
if (client === undefined) throw new Error("REDLOCKD_NODE_CLIENT: expected the directory of the package");

/** A module of the package, also one that is not for its users. */
export const load = createRequire(join(client, "package.json"));
export const redlockd = load("./lib/index.js");

export const patience = 20_000; // ms

export async function eventually(condition, what = "the condition") {
  const end = performance.now() + patience;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what} did not come true within ${patience} ms`);
    await sleep(2);
  }
}

/** A directory that is removed after the test, or the group of tests. */
export function directory(t) {
  const path = mkdtempSync(join(tmpdir(), "redlockd-node."));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A directory that has the package installed. */
export function project(t) {
  const place = directory(t);
  mkdirSync(join(place, "node_modules"));
  symlinkSync(client, join(place, "node_modules", "redlockd"));
  return place;
}

/** What the TypeScript compiler, $TSC, prints: nothing if all is right. */
export function compile(place, ...args) {
  return new Promise((resolve) => {
    execFile(process.env.TSC, args, { cwd: place }, (error, stdout) => resolve(stdout || (error?.message ?? "")));
  });
}

/** `redlockd --dev` with one node, in a directory of its own. */
export class Daemon {
  #process;

  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), "redlockd-node."));
    this.socket = join(this.directory, "socket");
  }

  /** One that is closed after the test, or the group of tests. */
  static async of(t) {
    const daemon = new Daemon();
    t.after(() => daemon.close());
    await daemon.start();
    return daemon;
  }

  /** Also once more after `kill` or `wait`; returns when it serves. */
  async start() {
    const log = openSync(join(this.directory, "log"), "a");
    // What it leaves behind when it is killed goes with the directory.
    this.#process = spawn(process.env.REDLOCKD, ["--dev", "--nodes", "1", "--socket", this.socket],
                          { stdio: ["ignore", log, log], env: { ...process.env, XDG_RUNTIME_DIR: this.directory } });
    closeSync(log);
    await once(this.#process, "spawn");
    await eventually(() => this.#serves(), `redlockd: ${readFileSync(join(this.directory, "log"), "utf8")} served`);
  }

  pause() {
    this.#process.kill("SIGSTOP");
  }

  resume() {
    this.#process.kill("SIGCONT");
  }

  drain() {
    this.#process.kill("SIGTERM");
  }

  async wait() {
    if (this.#process.exitCode === null && this.#process.signalCode === null) await once(this.#process, "exit");
  }

  async kill() {
    this.#process.kill("SIGKILL");
    await this.wait();
  }

  async close() {
    this.resume();
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #serves() {
    if (this.#process.exitCode !== null) throw new Error(readFileSync(join(this.directory, "log"), "utf8"));
    return new Promise((resolve) => {
      const socket = connect({ path: this.socket });
      socket.once("data", (data) => {
        resolve(data.toString().startsWith("* HELLO redlockd "));
        socket.destroy();
      });
      socket.once("error", () => resolve(false));
      socket.once("close", () => resolve(false));
    });
  }
}

/** Numbers from 0 to below 1 that are the same for the same seed. */
export class Chance {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  next() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit) {
    return Math.floor(this.next() * limit);
  }

  one(list) {
    return list[this.below(list.length)];
  }
}

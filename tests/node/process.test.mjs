// What a process that uses the package does at its end, and with its children. Each is a program of its own.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Daemon, eventually, patience, project, redlockd } from "./support.mjs";

let daemon;
before(async () => {
  daemon = new Daemon();
  await daemon.start();
});
after(() => daemon.close());

let programs = 0;

/** Starts a program that has the package installed. `lines` is what it has printed, `ended` its exit code. */
function run(t, code, kind = "mjs") {
  const file = join(project(t), `program-${++programs}.${kind}`);
  writeFileSync(file, code);
  const child = spawn(process.execPath, [file], {
    env: { ...process.env, REDLOCK_SOCKET: daemon.socket }, stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  let text = "";
  child.stdout.on("data", (data) => { text += data; });
  return {
    child,
    get lines() {
      return text.split("\n").filter((line) => line !== "");
    },
    ended: once(child, "close").then(([status]) => status),
    says: (line) => eventually(() => text.includes(`${line}\n`), `"${line}" in ${JSON.stringify(text)}`),
  };
}

test("an idle session does not keep the process alive", async (t) => {
  const program = run(t, `
    import { connect, using } from "redlockd";
    await using("idle", () => console.log("held"));
    await connect().connect();
    await connect().list();
    process.on("exit", () => console.log(process.getActiveResourcesInfo().filter((each) => each === "Timeout").length));
  `);
  assert.equal(await program.ended, 0);
  assert.deepEqual(program.lines, ["held", "0"]);
});

test("a session without a daemon does not keep the process alive", async (t) => {
  const program = run(t, `
    import { connect } from "redlockd";
    await connect({ path: "/nowhere/socket" }).acquire("a", { wait: 50 }).catch((error) => console.log(error.code));
  `);
  assert.equal(await program.ended, 0);
  assert.deepEqual(program.lines, ["connect"]);
});

test("a lock that is held, or waited for, keeps it alive", async (t) => {
  const session = redlockd.connect({ path: daemon.socket });
  const hold = await session.acquire("wanted");
  const holder = run(t, `
    import { acquire } from "redlockd";
    globalThis.hold = await acquire("alive", { maxHold: "2s" });
    const begin = performance.now();
    hold.signal.addEventListener("abort", () => console.log("in jeopardy"));
    process.on("exit", () => console.log(hold.reason));
  `);
  const waiter = run(t, `
    import { acquire } from "redlockd";
    console.log("waits");
    acquire("wanted").then((hold) => hold.release()).then(() => console.log("released"));
  `);
  assert.equal(await holder.ended, 0);
  assert.equal(holder.lines[0], "in jeopardy", "it has lived until then");
  assert.match(holder.lines[1], /^(max-hold|expired)$/, "and until the end of the hold");
  await waiter.says("waits");
  assert.equal(waiter.child.exitCode, null);
  await hold.release();
  assert.equal(await waiter.ended, 0);
  assert.deepEqual(waiter.lines, ["waits", "released"]);
  session.close();
});

test("a session that is closed lets the process end, whatever it held", async (t) => {
  const program = run(t, `
    const { connect } = require("redlockd");
    const session = connect();
    session.acquire("a").then(async () => {
      const waiter = session.acquire("a").catch((error) => console.log(error.code));
      session.close();
      await waiter;
    });
  `, "cjs");
  assert.equal(await program.ended, 0);
  assert.deepEqual(program.lines, ["closed"]);
});

test("a process that is killed leaves its lock free, also to the children that it leaves", async (t) => {
  const program = run(t, `
    import { spawn, fork } from "node:child_process";
    import { acquire } from "redlockd";
    await acquire("inherited");
    const child = spawn("sleep", ["600"], { stdio: "ignore", detached: true });
    child.on("spawn", () => console.log(child.pid));
  `);
  await eventually(() => program.lines.length === 1, "a child");
  const child = Number(program.lines[0]);
  t.after(() => process.kill(child, "SIGKILL"));
  program.child.kill("SIGKILL");
  await once(program.child, "exit");
  const session = redlockd.connect({ path: daemon.socket });
  const hold = await session.acquire("inherited", { wait: patience });
  process.kill(child, 0); // it lives
  assert.ok(hold.valid);
  session.close();
});

test("import and require give the same package", async (t) => {
  const code = `
    const names = Object.keys(required);
    console.log(names.every((name) => required[name] === imported[name]), names.length > 20);
    console.log(required.defaultSession() === imported.defaultSession());
    console.log(compatible.Redlock === compatibly.Redlock, compatibly.default === compatibly.Redlock);
    await required.using("kinds", async (signal, [hold]) => {
      console.log(hold instanceof imported.Hold);
      await imported.acquire("kinds", { wait: 0 }).catch((error) => console.log(error instanceof required.LockBusy));
    });
  `;
  const imports = run(t, `
    import { createRequire } from "node:module";
    import * as imported from "redlockd";
    import * as compatibly from "redlockd/compat";
    const require = createRequire(import.meta.url);
    const required = require("redlockd");
    const compatible = require("redlockd/compat");
    ${code}
  `);
  const requires = run(t, `
    const required = require("redlockd");
    const compatible = require("redlockd/compat");
    (async () => {
      const imported = await import("redlockd");
      const compatibly = await import("redlockd/compat");
      ${code}
    })();
  `, "cjs");
  for (const program of [imports, requires]) {
    assert.equal(await program.ended, 0);
    assert.deepEqual(program.lines, ["true true", "true", "true true", "true", "true"]);
  }
});

test("what a callback throws is not swallowed, and the session goes on", async (t) => {
  const program = run(t, `
    import { connect } from "redlockd";
    process.on("uncaughtException", (error) => console.log(error.message));
    const session = connect({ onEvent: (event) => { throw new Error(event.fields.what); } });
    await session.request("watch", "thrown");
    await session.using("thrown", () => undefined);
    await session.request("ping");
  `);
  assert.equal(await program.ended, 0);
  assert.ok(program.lines.includes("granted") && program.lines.includes("ended"), program.lines.join());
});

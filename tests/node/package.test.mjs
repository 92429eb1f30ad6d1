// What npm makes of the package: its contents, and whether it can be installed. NPM is the program.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { client, directory } from "./support.mjs";

const run = promisify(execFile);
const sources = new URL("../../libclient/node/src/", import.meta.url);

/** npm, without a network, and with nothing of it in the user's home. */
function npmIn(place) {
  const env = { ...process.env, HOME: place, npm_config_cache: join(place, "cache"), npm_config_offline: "true",
                npm_config_update_notifier: "false" };
  return async (...args) => (await run(process.env.NPM, args, { cwd: place, env })).stdout;
}

test("the package has what it must have, and nothing else", async (t) => {
  const [pack] = JSON.parse(await npmIn(directory(t))("pack", "--dry-run", "--json", client));
  const modules = readdirSync(sources).filter((name) => name !== "node.d.ts").map((name) => name.replace(/\.ts$/, ""));
  const expected = ["LICENSE", "README.md", "package.json", "index.mjs", "index.d.mts",
                    "compat.mjs", "compat.d.mts", "compat.d.ts",
                    ...modules.flatMap((name) => [`lib/${name}.js`, `lib/${name}.d.ts`])];
  assert.deepEqual(pack.files.map((file) => file.path).sort(), expected.sort());
  assert.equal(pack.name, "redlockd");
});

test("its README has no link to what is not in the package", () => {
  const text = readFileSync(join(client, "README.md"), "utf8");
  assert.deepEqual(text.match(/\]\((?!#|https:)[^)]+\)/g), null);
  assert.match(text, /Writing a client \(protocol\/CLIENTS\.md\)/);
});

test("it can be installed, and needs nothing", async (t) => {
  const place = directory(t);
  const npm = npmIn(place);
  const [{ filename }] = JSON.parse(await npm("pack", "--json", client));
  writeFileSync(join(place, "package.json"), JSON.stringify({ name: "user", version: "1.0.0", private: true }));
  await npm("install", "--no-audit", "--no-fund", join(place, filename));
  const installed = readdirSync(join(place, "node_modules")).filter((name) => !name.startsWith("."));
  assert.deepEqual(installed, ["redlockd"]);
  const { dependencies, engines } = JSON.parse(readFileSync(join(place, "node_modules/redlockd/package.json"), "utf8"));
  assert.deepEqual([dependencies, engines.node], [undefined, ">=18.18"]);
  writeFileSync(join(place, "user.mjs"), 'import { using } from "redlockd"; console.log(typeof using);');
  writeFileSync(join(place, "user.cjs"), 'console.log(typeof require("redlockd/compat").default);');
  for (const program of ["user.mjs", "user.cjs"]) {
    assert.equal((await run(process.execPath, [join(place, program)])).stdout, "function\n");
  }
});

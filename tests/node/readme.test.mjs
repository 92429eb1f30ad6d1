// The examples of libclient/node/README.md: those in JavaScript run, those in TypeScript are compiled, and run too.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

import { Daemon, compile, patience, project } from "./support.mjs";

const run = promisify(execFile);
const paper = new URL("../../libclient/node/README.md", import.meta.url);

test("the examples run", async (t) => {
  const daemon = await Daemon.of(t);
  const place = project(t);
  const text = readFileSync(paper, "utf8");
  const examples = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)];
  assert.deepEqual([...new Set(examples.map(([, kind]) => kind))], ["js", "ts"]);
  assert.ok(examples.length > 10, `${examples.length} examples`);
  for (const { 1: kind, 2: code, index } of examples) {
    const line = text.slice(0, index).split("\n").length + 1;
    await t.test(`README.md:${line}`, async () => {
      const program = join(place, `line-${line}.mjs`);
      if (kind === "js") {
        writeFileSync(program, code);
      } else {
        writeFileSync(join(place, `line-${line}.mts`), code);
        assert.equal(await compile(place, "--strict", "--skipDefaultLibCheck", "--module", "node16", "--moduleResolution",
                                   "node16", "--target", "es2022", "--lib", "es2022,dom", `line-${line}.mts`), "");
      }
      const env = { ...process.env, REDLOCK_SOCKET: daemon.socket };
      await run(process.execPath, [program], { env, timeout: patience });
    });
  }
});

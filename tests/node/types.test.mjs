// The types that a program sees that uses the package. TSC is the compiler.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { compile, project } from "./support.mjs";

const consumer = readFileSync(new URL("types/consumer.mts", import.meta.url), "utf8");
const node16 = ["--module", "node16", "--moduleResolution", "node16"];

/** Compiles these files of a project, by their names. */
function check(t, files, ...how) {
  const place = project(t);
  for (const [name, code] of Object.entries(files)) writeFileSync(join(place, name), code);
  return compile(place, "--strict", "--noEmit", "--exactOptionalPropertyTypes", "--skipDefaultLibCheck", "--target",
                 "es2022", "--lib", "es2022,dom", ...how, ...Object.keys(files));
}

test("a user's program has the types, by import and by require", async (t) => {
  assert.equal(await check(t, { "consumer.mts": consumer, "consumer.cts": consumer }, ...node16), "");
});

test("it has them, too, for a compiler that does not read exports", async (t) => {
  const version = await compile(process.cwd(), "--version");
  if (Number(/\d+/.exec(version)) >= 6) {
    t.skip(`${version.trim()} always reads them`);
    return;
  }
  assert.equal(await check(t, { "consumer.ts": consumer }, "--module", "commonjs", "--moduleResolution", "node",
                           "--esModuleInterop"), "");
});

test("a wrong program is refused", async (t) => {
  const found = await check(t, { "wrong.mts": consumer.replaceAll("// @ts-expect-error", "//") }, ...node16);
  assert.equal(found.match(/^wrong\.mts.*error TS/gm)?.length, 6, found);
});

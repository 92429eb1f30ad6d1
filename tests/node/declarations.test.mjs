// The sources fit the declarations that Node.js comes with, in $NODE_TYPES, and not only those of src/node.d.ts.

import assert from "node:assert/strict";
import { cpSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { compile, directory } from "./support.mjs";

const sources = fileURLToPath(new URL("../../libclient/node", import.meta.url));

test("the sources fit the declarations that Node.js comes with", async (t) => {
  const place = directory(t);
  cpSync(join(sources, "src"), join(place, "src"), { recursive: true });
  cpSync(join(sources, "tsconfig.json"), join(place, "tsconfig.json"));
  rmSync(join(place, "src", "node.d.ts"));
  assert.ok(readdirSync(process.env.NODE_TYPES).includes("node"));
  // --skipLibCheck: Debian leaves out what those declarations say of fetch.
  const found = await compile(place, "-p", place, "--noEmit", "--skipLibCheck", "--typeRoots", process.env.NODE_TYPES,
                              "--types", "node");
  assert.equal(found, "");
});

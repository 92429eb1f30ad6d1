// Makes the package: node build.mjs DIRECTORY [TSC]
//
// DIRECTORY is then what `npm install DIRECTORY` and `npm pack DIRECTORY` take. It is emptied before. TSC is the
// TypeScript compiler, 4.8 or later; without it, the tsc of the PATH. Nothing else is needed.
//
// The code is compiled once, for `require`. What is for `import` passes its exports on: so a process has one session
// and one class of each error, however many of its modules use the one or the other.

import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const [directory, compiler = "tsc", ...more] = process.argv.slice(2);
if (directory === undefined || more.length > 0) {
  console.error("usage: node build.mjs DIRECTORY [TSC]");
  process.exit(64);
}
const out = resolve(directory);
const isOurs = existsSync(join(out, "package.json")) &&
               JSON.parse(readFileSync(join(out, "package.json"), "utf8")).name === "redlockd";
if (existsSync(out) && readdirSync(out).length > 0 && (!isOurs || out === here)) {
  console.error(`build.mjs: ${out}: expected a directory that is empty, or that build.mjs has made`);
  process.exit(1);
}
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
copyFileSync(join(here, "package.json"), join(out, "package.json"));
// What the links lead to is not in the package: [text](../../path) becomes "text (path)".
const readme = readFileSync(join(here, "README.md"), "utf8");
writeFileSync(join(out, "README.md"), readme.replace(/\[([^\]]+)\]\((?:\.\.\/)+([^)]+)\)/g, (_, text, path) =>
  (text === path ? path : `${text} (${path})`)).replace("\n\n", "\n\nPaths like protocol/CLIENTS.md are in redlockd's sources.\n\n"));
copyFileSync(join(here, "../../LICENSE"), join(out, "LICENSE"));

try {
  execFileSync(compiler, ["-p", here, "--outDir", join(out, "lib")], { stdio: "inherit" });
} catch (error) {
  const why = error.code === "ENOENT" ? `${compiler}: expected the TypeScript compiler` : error.message;
  console.error(`build.mjs: ${why}`);
  process.exit(1);
}

const load = createRequire(join(out, "package.json"));
for (const name of ["index", "compat"]) {
  const { default: preferred, ...others } = load(`./lib/${name}.js`);
  const source = `./lib/${name}.js`;
  // For `import`, the default export of a CommonJS module is the whole of it.
  let code = `import whole from "${source}";\nexport const { ${Object.keys(others).join(", ")} } = whole;\n`;
  let types = `export * from "${source}";\n`;
  if (preferred !== undefined) {
    code += "export default whole.default;\n";
    types += `export { ${preferred.name} as default } from "${source}";\n`;
  }
  writeFileSync(join(out, `${name}.mjs`), code);
  writeFileSync(join(out, `${name}.d.mts`), types);
  // For compilers that do not read `exports` (moduleResolution "node").
  if (name !== "index") writeFileSync(join(out, `${name}.d.ts`), types);
}

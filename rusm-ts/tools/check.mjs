// Checks the types of a component: node check.mjs FOLDER, in the folder of its package.json.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const folder = resolve(process.argv[2]);
const require = createRequire(join(process.cwd(), "package.json"));
const tsc = join(require.resolve("typescript/package.json"), "../bin/tsc");

const own = [folder, process.cwd()].map((at) => join(at, "tsconfig.json")).find((path) => existsSync(path));
const base = own ?? require.resolve("rusm-ts/tsconfig.base.json");
// The user's settings, for this component's files alone.
const made = mkdtempSync(join(tmpdir(), "rusm-"));
const config = join(made, "tsconfig.json");
writeFileSync(
  config,
  JSON.stringify({ extends: base, compilerOptions: { noEmit: true }, include: [join(folder, "**/*.ts")] }),
);

const run = spawnSync(
  process.execPath,
  [tsc, "--project", config, "--pretty", String(process.stderr.isTTY === true)],
  {
    cwd: process.cwd(),
    encoding: "utf8",
  },
);
rmSync(made, { recursive: true });
process.stdout.write(run.stdout);
process.stderr.write(run.stderr);
process.exit(run.status ?? 1);

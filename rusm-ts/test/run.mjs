// Bundles every src/**/*.spec.ts with a stand-in for the host, and runs them with Node's own runner.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import * as esbuild from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const specs = readdirSync(join(root, "src"), { recursive: true })
  .filter((path) => path.endsWith(".spec.ts"))
  .map((path) => join(root, "src", path));
const outdir = mkdtempSync(join(tmpdir(), "rusm-ts-"));
const host = {
  name: "host",
  setup(build) {
    build.onResolve({ filter: /^rusm:actor\// }, ({ importer }) => ({
      path: join(root, importer.includes("/engines/") ? "test/blocking-host.mjs" : "test/host.mjs"),
    }));
  },
};
await esbuild.build({
  entryPoints: specs,
  outbase: join(root, "src"),
  outdir,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  plugins: [host],
});
const files = readdirSync(outdir, { recursive: true })
  .filter((path) => path.endsWith(".mjs"))
  .map((path) => join(outdir, path));
const run = spawnSync(process.execPath, ["--test", "--test-reporter=tap", ...files], { stdio: "inherit" });
rmSync(outdir, { recursive: true });
process.exit(run.status ?? 1);

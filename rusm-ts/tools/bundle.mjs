// Makes a component of a package: node bundle.mjs FOLDER WIT TARGET [ENGINE], in the folder of its package.json. ENGINE is
// `quickjs` or `starlingmonkey`. Prints what the component is made of, as JSON.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { quickjs } from "./engines/quickjs.mjs";
import { starlingmonkey } from "./engines/starlingmonkey.mjs";

const [folder, witPath, target] = process.argv.slice(2, 5).map((path) => resolve(path));
const engine = { quickjs, starlingmonkey }[process.argv[5] ?? "quickjs"];
const require = createRequire(join(process.cwd(), "package.json"));
const esbuild = await import(pathToFileURL(require.resolve("esbuild")));

const fail = (text) => {
  process.stderr.write(`${text}\n`);
  process.exit(1);
};

if (engine === undefined) fail(`there is no engine ${process.argv[5]}: it is quickjs or starlingmonkey`);
const componentize = await engine.load(require).catch((error) => fail(error.message));

const main = join(folder, "main.ts");
const entry = [
  ...engine.imports,
  'import { serve, serveInPlainValues, start } from "rusm-ts/rt";',
  `import made from ${JSON.stringify(main)};`,
  "export const contract = made?.contract;",
  ...engine.exports,
].join("\n");

const options = {
  stdin: { contents: entry, resolveDir: process.cwd(), sourcefile: "rusm-entry.ts", loader: "ts" },
  bundle: true,
  format: "esm",
  target: "es2022",
  platform: "neutral",
  mainFields: ["module", "main"],
  sourcemap: "external",
  outfile: `${target}.js`,
  write: false,
  metafile: true,
  logLevel: "warning",
};

let bundle;
try {
  bundle = await esbuild.build({ ...options, plugins: engine.plugins, external: ["rusm:*", "wasi:*"] });
} catch {
  // esbuild has written what is wrong.
  process.exit(1);
}
const script = bundle.outputFiles.find((file) => file.path.endsWith(".js")).text;
const map = bundle.outputFiles.find((file) => file.path.endsWith(".map")).text;
const modules = Object.keys(bundle.metafile.inputs)
  .filter((path) => /(^|\/)gen\/[^/]+\.ts$/.test(path))
  .map((path) => basename(path));

// What the component is made of, by itself or by a package: its own stdin is no file.
const inputs = Object.keys(bundle.metafile.inputs)
  .filter((path) => path !== options.stdin.sourcefile)
  .map((path) => resolve(path));

// The module runs once here, as it will when the component is made: its default export says which contract it serves.
const stubs = {
  name: "stubs",
  setup(build) {
    build.onResolve({ filter: /^(rusm|wasi):/ }, ({ path }) => ({ path, namespace: "stub" }));
    build.onLoad({ filter: /.*/, namespace: "stub" }, ({ path }) => ({
      contents: `module.exports = new Proxy({}, { get: (_, name) => name === "__esModule" ? true : () => {
        throw new Error("the host's " + String(name) + " (${path}) cannot be called while the component is built: " +
          "call it from a function of the service");
      } });`,
      loader: "js",
    }));
  },
};
const probe = await esbuild.build({
  ...options,
  plugins: [...engine.plugins, stubs],
  sourcemap: false,
  metafile: false,
});
const probeUrl = `data:text/javascript;base64,${Buffer.from(probe.outputFiles[0].text).toString("base64")}`;
// Node's own globals come back afterwards: the bundle brings its own.
const saved = new Map(
  Object.getOwnPropertyNames(globalThis).map((name) => [
    name,
    Object.getOwnPropertyDescriptor(globalThis, name),
  ]),
);
let contract, run;
try {
  ({ contract, run } = await import(probeUrl));
} catch (error) {
  restore();
  fail(`${main}: it fails while the component is built:\n${error?.stack ?? error}`);
}
restore();
if (typeof contract !== "string" && typeof run !== "function") {
  const forms = "`export default service(Contract, { .. })` or `export default main(async () => { .. })`";
  fail(`${main}: its default export is neither a service nor a raw process; write ${forms}`);
}
const world = engine.worlds[typeof contract === "string" ? "service" : "raw"];

try {
  writeFileSync(target, await componentize(script, witPath, world));
  writeFileSync(`${target}.map`, map);
} catch (error) {
  fail(`${main}: it cannot be made a component:\n${error?.message ?? error}`);
}
process.stdout.write(JSON.stringify({ contract: contract ?? null, modules, inputs }));

function restore() {
  for (const [name, descriptor] of saved) {
    if (descriptor?.configurable) Object.defineProperty(globalThis, name, descriptor);
  }
}

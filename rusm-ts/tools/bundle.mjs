// Makes a component of a package: node bundle.mjs FOLDER WIT TARGET [ENGINE], in the folder of its package.json. ENGINE is
// `quickjs` or `starlingmonkey`. Prints what the component is made of, as JSON.
import { rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { importOf, leanWit, withHostImports } from "./world.mjs";
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
  "export const contracts = made?.contracts;",
  ...engine.exports,
].join("\n");

const options = {
  stdin: { contents: entry, resolveDir: process.cwd(), sourcefile: "rusm-entry.ts", loader: "ts" },
  bundle: true,
  format: "esm",
  target: "es2022",
  platform: "neutral",
  // As for browsers: what packages have for Node needs Node.
  mainFields: ["browser", "module", "main"],
  conditions: ["browser", "module", "production"],
  define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
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
// esbuild keeps all that a module imports of what is external, used or not.
const bundled = bundle.outputFiles.find((file) => file.path.endsWith(".js")).text;
const script = withHostImports(bundled, (found) => importOf(found));
const map = bundle.outputFiles.find((file) => file.path.endsWith(".map")).text;
const modules = Object.keys(bundle.metafile.inputs)
  .filter((path) => /(^|\/)gen\/[^/]+\.ts$/.test(path))
  .map((path) => basename(path));

// What the component is made of, by itself or by a package: its own stdin is no file.
const inputs = Object.keys(bundle.metafile.inputs)
  .filter((path) => path !== options.stdin.sourcefile)
  .map((path) => resolve(path));

// The module runs once here, as it will when the component is made: its default export says which contract it serves.
const probe = `${target}.probe.mjs`;
writeFileSync(`${target}.map`, map);
writeFileSync(probe, `${withoutHost(script)}\n//# sourceMappingURL=${basename(target)}.map\n`);
process.setSourceMapsEnabled(true);
// Node's own globals come back afterwards: the bundle brings its own, and what the engine lacks must be absent here, too.
const node = process;
const saved = new Map(
  Object.getOwnPropertyNames(globalThis).map((name) => [
    name,
    Object.getOwnPropertyDescriptor(globalThis, name),
  ]),
);
for (const name of engine.absent) Reflect.deleteProperty(globalThis, name);
let contracts, run;
try {
  const made = import(pathToFileURL(probe));
  // A promise that nobody awaits may fail as well.
  const failed = new Promise((_, reject) => node.once("unhandledRejection", reject));
  ({ contracts, run } = await Promise.race([made, failed]));
  await Promise.race([new Promise((resolve) => saved.get("setImmediate").value(resolve)), failed]);
} catch (error) {
  restore();
  const frames = String(error?.stack ?? "")
    .split("\n")
    .filter((line) => /^\s+at /.test(line));
  const own = frames.filter((line) => !/node:|data:|\/tools\/bundle\.mjs/.test(line));
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  rmSync(probe, { force: true });
  if (error?.host === undefined)
    fail(`${main}: it fails while the component is built: ${text}\n${own.join("\n")}`);
  const place = own.find((line) => !line.includes("/rusm-ts/")) ?? own[0] ?? "";
  fail(`${/\(?([^\s()]+)\)?$/.exec(place)?.[1] ?? main}: ${error.message}`);
}
rmSync(probe, { force: true });
restore();
if (!Array.isArray(contracts) && typeof run !== "function") {
  const forms = "`export default service(Contract, { .. })` or `export default main(async () => { .. })`";
  fail(`${main}: its default export is neither a service nor a raw process; write ${forms}`);
}
const world = engine.worlds[Array.isArray(contracts) ? "service" : "raw"];

const lean = `${target}.wit`;
try {
  leanWit(witPath, lean, script);
  writeFileSync(target, await componentize(script, lean, world));
} catch (error) {
  fail(`${main}: it cannot be made a component:\n${error?.message ?? error}`);
}
rmSync(lean, { recursive: true, force: true });
process.stdout.write(JSON.stringify({ contracts: contracts ?? [], modules, inputs }));

/** The script with functions in the place of the host's that say they are not there yet. No line moves. */
function withoutHost(script) {
  const stub = (name, path) => {
    const text =
      `the host's \`${name}\` (${path}) cannot be called while the component is built; ` +
      "call it from a function of the service";
    const made = `Object.assign(new Error(${JSON.stringify(text)}), { host: true })`;
    return `export const ${name} = () => { throw ${made}; };`;
  };
  return withHostImports(script, (found) => {
    const stubs = found.names.map(({ name }) => stub(name, found.path));
    return importOf(found, `data:text/javascript,${encodeURIComponent(stubs.join(""))}`);
  });
}

function restore() {
  for (const [name, descriptor] of saved) {
    if (descriptor?.configurable) Object.defineProperty(globalThis, name, descriptor);
  }
}

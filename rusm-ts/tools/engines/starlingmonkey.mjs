// StarlingMonkey, SpiderMonkey as a component: the sync lane. Its imports only block, so the SDK's come from modules of
// `src/engines/starlingmonkey` that do what the async lane does.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const PACKAGE = "@bytecodealliance/componentize-js";
// The second one is what it takes for granted, and npm does not always put within its reach.
const INSTALL = `npm i -D ${PACKAGE}@0.23.0 @bytecodealliance/preview2-shim@0.25.0`;

const adapters = {
  name: "adapters",
  setup(build) {
    build.onResolve({ filter: /^rusm:actor\// }, async ({ path, resolveDir, kind }) => {
      const { path: entry } = await build.resolve("rusm-ts/starlingmonkey", { resolveDir, kind });
      const folder = dirname(entry);
      if (resolveDir === folder) return undefined;
      const file = join(folder, `${/^rusm:actor\/([\w-]+)/.exec(path)?.[1]}.ts`);
      return existsSync(file) ? { path: file } : undefined;
    });
  },
};

export const starlingmonkey = {
  imports: ['import { runOf, serverOf } from "rusm-ts/starlingmonkey";'],
  exports: ["export const server = serverOf(serve(made));", "export const run = runOf(start(made));"],
  plugins: [adapters],
  // Of what Node has.
  absent: [
    "fetch",
    "WebSocket",
    "EventSource",
    "Buffer",
    "process",
    "navigator",
    "setImmediate",
    "clearImmediate",
  ],
  worlds: { service: "service", raw: "raw" },

  async load(require) {
    const entry = find(require);
    const { componentize } = await import(pathToFileURL(entry));
    await correctBindings(entry);
    return async (script, witPath, worldName) => {
      const folder = mkdtempSync(join(tmpdir(), "rusm-"));
      try {
        const sourcePath = join(folder, "bundle.js");
        writeFileSync(sourcePath, script);
        // The host gives no HTTP.
        const disableFeatures = ["http", "fetch-event"];
        return (await componentize({ sourcePath, witPath, worldName, disableFeatures })).component;
      } finally {
        rmSync(folder, { recursive: true });
      }
    };
  },
};

/** It is for `import` alone, which `require.resolve` does not find. */
function find(require) {
  const places = (require.resolve.paths(PACKAGE) ?? []).map((place) => join(place, PACKAGE));
  const place = places.find((place) => existsSync(join(place, "package.json")));
  if (place === undefined) {
    throw new Error(
      `engine "starlingmonkey" needs the package ${PACKAGE}, which is not installed: run \`${INSTALL}\` in ${process.cwd()}`,
    );
  }
  return join(place, JSON.parse(readFileSync(join(place, "package.json"))).exports.import);
}

/** Puts `corrected` between the engine's functions and the bindings that componentize-js generates. */
async function correctBindings(entry) {
  const { splicer } = await import(pathToFileURL(join(dirname(entry), SPLICER)));
  const { spliceBindings } = splicer;
  splicer.spliceBindings = (...options) => {
    const spliced = spliceBindings(...options);
    const parts = spliced.jsBindings.split(" = $bindings;");
    if (parts.length !== 2) {
      throw new Error(`this version of ${PACKAGE} is not known: run \`${INSTALL}\``);
    }
    const imports = parts[1].replace(/^function import_[\w$]+\(.*\) \{/gm, "$& begin();");
    const jsBindings = `${corrected}\nlet begin;\n${parts[0]} = corrected($bindings);${imports}`;
    return { ...spliced, jsBindings };
  };
}

const SPLICER = "../lib/spidermonkey-embedding-splicer.js";

/**
 * Runs in the component. Two things are wrong in the bindings of 0.23: they pass a `u32` of 2^31 and more as a double, of
 * which the engine takes the lower half of the mantissa, and half of all function keys are so large; and what an import's
 * arguments take is freed when the export returns, which a raw process never does.
 */
function corrected([memory, realloc, dealloc, ...imports]) {
  let lowered = [];
  // What was lowered before is the result of an export: the engine frees it.
  begin = () => (lowered = []);
  const lower = (...options) => {
    const place = realloc(...options);
    lowered.push(place);
    return place;
  };
  const freeing =
    (run) =>
    (...values) => {
      const own = lowered;
      lowered = [];
      const result = run(...values.map((value) => (typeof value === "number" ? value | 0 : value)));
      for (const place of own) dealloc(place);
      return result;
    };
  return [memory, lower, dealloc, ...imports.map(freeing)];
}

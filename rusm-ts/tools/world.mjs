// The world of a component: of the host's functions, only those that its bundle imports. A process is made faster without the others,
// and `rusm caps` shows what the component can ask for.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * What a bundle imports of the host and uses: of each import, as `rusm:actor/process@0.1.0`, the functions' names with those that
 * they have in the bundle; of `* as`, its name there, and `every` if what is used of it cannot be told.
 */
export function hostImports(script) {
  return Array.from(script.matchAll(IMPORT), ([whole, list = "", all, path]) => {
    const uses = (name, after) =>
      script.matchAll(new RegExp(`(?<![\\w$.])${name.replaceAll("$", "\\$")}${after}`, "g"));
    // Where it is imported, and somewhere else.
    const isUsed = (name) => Array.from(uses(name, "(?![\\w$])")).length > 1;
    if (all !== undefined) {
      const names = new Set(Array.from(uses(all, "\\.([\\w$]+)"), (use) => use[1]));
      const every = Array.from(uses(all, "(?![\\w$.])")).length > 1;
      return { whole, path, all, every, names: [...names].map((name) => ({ name })) };
    }
    const parts = list.split(",").map((item) => item.trim().split(/\s+as\s+/));
    const names = parts.map(([name, local = name]) => ({ name, local }));
    return {
      whole,
      path,
      every: false,
      names: names.filter(({ name, local }) => name !== "" && isUsed(local)),
    };
  });
}

/** The script with other imports of the host: what `write` makes of each. No line moves. */
export function withHostImports(script, write) {
  let changed = script;
  for (const found of hostImports(script)) {
    const lines = "\n".repeat(found.whole.split("\n").length - 1);
    changed = changed.replaceAll(found.whole, () => write(found) + lines);
  }
  return changed;
}

/** An import of the host again, or of another module in its place: nothing if nothing of it is used. */
export function importOf({ path, all, every, names }, module = path) {
  if (names.length === 0 && !every) return "";
  const list = names.map(({ name, local }) => (name === local ? name : `${name} as ${local}`));
  return `import ${all === undefined ? `{ ${list.join(", ")} }` : `* as ${all}`} from ${JSON.stringify(module)};`;
}

/** Writes the WIT of a folder to another one, without the functions of imported interfaces that the bundle does not name. */
export function leanWit(folder, target, script) {
  const used = new Map();
  for (const { path, every, names } of hostImports(script)) {
    const own = /^rusm:actor\/([\w-]+)@/.exec(path)?.[1];
    if (own === undefined || (names.length === 0 && !every)) continue;
    const known = used.get(own) ?? { every: false, names: new Set() };
    for (const { name } of names) known.names.add(name);
    used.set(own, { every: known.every || every, names: known.names });
  }
  const uses = (name, own) => used.get(name)?.every || used.get(name)?.names.has(camelCase(own));
  mkdirSync(target, { recursive: true });
  const files = readdirSync(folder).filter((file) => file.endsWith(".wit"));
  const texts = files.map((file) => readFileSync(join(folder, file), "utf8"));
  const imported = new Set(
    texts.flatMap((text) => Array.from(text.matchAll(WORLD_IMPORT), (line) => line[1])),
  );
  for (const [place, file] of files.entries()) {
    const lean = texts[place].replace(INTERFACE, (whole, name) => {
      if (!imported.has(name)) return whole;
      const functions = whole.replace(FUNCTION, (text, own) => (uses(name, own) ? text : ""));
      // componentize-qjs does not bear a type with a future that no function has.
      return functions.replace(TYPE, (text, own) => {
        const others = functions.matchAll(new RegExp(`(?<![\\w-])${own}(?![\\w-])`, "g"));
        return text.includes("future<") && Array.from(others).length === 1 ? "" : text;
      });
    });
    const world = lean.replace(WORLD_IMPORT, (line, name) => (used.has(name) ? line : ""));
    writeFileSync(join(target, file), world);
  }
}

function camelCase(name) {
  return name.replace(/^%/, "").replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
}

/** `import { a, b as c } from "rusm:..";` and `import * as a from "rusm:..";`, as esbuild writes them. */
const IMPORT = /^import\s*(?:(?:\{([^}]*)\}|\*\s*as\s+([\w$]+))\s*from\s*)?"((?:rusm|wasi):[^"]+)";?$/gm;

/** In WIT: what a world imports, an interface, and a function and a type of one with their comments. */
const WORLD_IMPORT = /^ {4}import ([\w-]+);\n/gm;
const INTERFACE = /^interface ([\w-]+) \{\n[\s\S]*?^\}/gm;
const FUNCTION = /(?:^ *\/\/\/.*\n)*^ *(%?[\w-]+): (?:async )?func\([^;]*;\n/gm;
const TYPE = /(?:^ *\/\/\/.*\n)*^ *variant ([\w-]+) \{\n[^}]*\}\n/gm;

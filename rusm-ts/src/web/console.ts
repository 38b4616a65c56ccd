/// <reference path="../host.d.ts" />
import { log } from "rusm:actor/logging@0.1.0";
import { now } from "rusm:actor/timers@0.1.0";

import { wellFormed } from "../well-formed.ts";

type Level = "trace" | "debug" | "info" | "warn" | "error";

let indent = "";
const counts = new Map<string, number>();
const timers = new Map<string, number>();

function put(level: Level, text: string): void {
  log(level, wellFormed(indent === "" ? text : text.replace(/^/gm, indent)), []);
}

const write =
  (level: Level) =>
  (...values: unknown[]): void =>
    put(level, line(values));

const group = (...values: unknown[]): void => {
  if (values.length > 0) put("info", line(values));
  // Deeper than this nobody reads.
  if (indent.length < 100) indent += "  ";
};

/** `console`, into the node's log at its level. */
export const console = {
  trace: (...values: unknown[]): void =>
    put("trace", `Trace: ${line(values)}\n${new Error().stack ?? ""}`.trimEnd()),
  debug: write("debug"),
  log: write("info"),
  info: write("info"),
  warn: write("warn"),
  error: write("error"),
  dir: (value?: unknown): void =>
    put(
      "info",
      safely(() => inspect(value, 0, new Set())),
    ),
  dirxml: write("info"),
  group,
  groupCollapsed: group,
  groupEnd(): void {
    indent = indent.slice(2);
  },
  assert(condition?: unknown, ...values: unknown[]): void {
    if (Boolean(condition)) return;
    put("error", values.length === 0 ? "Assertion failed" : `Assertion failed: ${line(values)}`);
  },
  count(label: unknown = "default"): void {
    const name = safely(() => String(label));
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    put("info", `${name}: ${count}`);
  },
  countReset(label: unknown = "default"): void {
    const name = safely(() => String(label));
    if (!counts.delete(name)) put("warn", `Count for '${name}' does not exist`);
  },
  time(label: unknown = "default"): void {
    const name = safely(() => String(label));
    if (timers.has(name)) put("warn", `Timer '${name}' already exists`);
    else timers.set(name, now());
  },
  timeLog(label: unknown = "default", ...values: unknown[]): void {
    elapsed(
      safely(() => String(label)),
      values,
    );
  },
  timeEnd(label: unknown = "default"): void {
    const name = safely(() => String(label));
    elapsed(name, []);
    timers.delete(name);
  },
  timeStamp(): void {},
  table(data?: unknown, columns?: readonly string[]): void {
    put(
      "info",
      safely(() => table(data, columns) ?? line([data])),
    );
  },
  clear(): void {
    indent = "";
  },
};

function elapsed(name: string, values: unknown[]): void {
  const begun = timers.get(name);
  if (begun === undefined) return put("warn", `Timer '${name}' does not exist`);
  const ms = (now() - begun) / 1e6;
  put("info", [`${name}: ${ms.toFixed(3)} ms`, ...(values.length === 0 ? [] : [line(values)])].join(" "));
}

/** Rows and columns in lines; undefined of what has none. */
function table(data: unknown, columns: readonly string[] | undefined): string | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const keyed: Array<[unknown, unknown]> =
    data instanceof Map
      ? [...data]
      : data instanceof Set
        ? [...data].map((value, place) => [place, value])
        : Object.entries(data);
  const rows = keyed.slice(0, MOST);
  const isRow = (row: unknown): row is Record<string, unknown> => typeof row === "object" && row !== null;
  const names = new Set<string>(columns);
  if (columns === undefined) {
    for (const [, row] of rows)
      if (isRow(row)) for (const name of Object.keys(row).slice(0, MOST)) names.add(name);
  }
  const plain = rows.some(([, row]) => !isRow(row));
  const head = ["(index)", ...names, ...(plain ? ["Values"] : [])];
  const cell = (value: unknown): string => safely(() => inspect(value, 1, new Set()));
  const lines = rows.map(([key, row]) => [
    safely(() => String(key)),
    ...[...names].map((name) => (isRow(row) && name in row ? cell(row[name]) : "")),
    ...(plain ? [isRow(row) ? "" : cell(row)] : []),
  ]);
  const widths = head.map((name, place) =>
    Math.max(...[head, ...lines].map((cells) => (cells[place] ?? name).length)),
  );
  const shown = (cells: string[]): string =>
    `| ${cells.map((text, place) => text.padEnd(widths[place] ?? 0)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [shown(head), rule, ...lines.map(shown)].join("\n");
}

/** What is shown never throws, whatever it is asked to show. */
function line(values: unknown[]): string {
  const rest = [...values];
  const first = rest.length > 1 && typeof rest[0] === "string" ? formatted(rest) : [];
  return wellFormed([...first, ...rest.map((value) => safely(() => show(value, new Set())))].join(" "));
}

/** The first text with what its signs ask for, which is taken out of the values. */
function formatted(values: unknown[]): string[] {
  const text = values.shift() as string;
  return [
    text.replace(/%[sdifjoOc%]/g, (sign) => {
      if (sign === "%%") return "%";
      if (values.length === 0) return sign;
      const value = values.shift();
      return safely(() => FORMATS[sign]?.(value) ?? sign);
    }),
  ];
}

const FORMATS: Record<string, (value: unknown) => string> = {
  "%s": (value) => (typeof value === "object" ? show(value, new Set()) : String(value)),
  "%d": (value) => (typeof value === "bigint" ? `${value}n` : String(Number(value))),
  "%i": (value) => (typeof value === "bigint" ? `${value}n` : String(Number.parseInt(String(value), 10))),
  "%f": (value) => String(Number.parseFloat(String(value))),
  "%j": (value) => JSON.stringify(value) ?? "undefined",
  "%o": (value) => inspect(value, 0, new Set()),
  "%O": (value) => inspect(value, 0, new Set()),
  // A style, which a log has none of.
  "%c": () => "",
};

function safely(run: () => string): string {
  try {
    return run();
  } catch (error) {
    return `[throws ${error instanceof Error ? error.name : typeof error} when it is looked at]`;
  }
}

function show(value: unknown, above: Set<object>): string {
  if (typeof value === "string") return value;
  if (!(value instanceof Error)) return inspect(value, 0, new Set());
  if (above.has(value)) return "[circular]";
  above.add(value);
  const cause = value.cause === undefined ? "" : `\n  cause: ${safely(() => show(value.cause, above))}`;
  const stack = typeof value.stack === "string" ? value.stack : "";
  return `${value.name}: ${value.message}\n${stack}${cause}`.trimEnd();
}

function inspect(value: unknown, depth: number, above: Set<object>): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "bigint":
      return `${value}n`;
    case "function":
      return `[function ${value.name || "anonymous"}]`;
    case "object":
      break;
    default:
      return String(value);
  }
  if (value === null) return "null";
  if (above.has(value)) return "[circular]";
  if (value instanceof Uint8Array) return `Uint8Array(${value.length})`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (depth >= DEEPEST) return Array.isArray(value) ? "[…]" : "{…}";
  above.add(value);
  const inner = (part: unknown): string => safely(() => inspect(part, depth + 1, above));
  let text: string;
  if (Array.isArray(value)) {
    const items = value.slice(0, MOST).map(inner);
    if (value.length > MOST) items.push(`… ${value.length - MOST} more`);
    text = `[${items.join(", ")}]`;
  } else if (value instanceof Map) {
    text = `Map { ${[...value]
      .slice(0, MOST)
      .map(([key, part]) => `${inner(key)} => ${inner(part)}`)
      .join(", ")} }`;
  } else if (value instanceof Set) {
    text = `Set { ${[...value].slice(0, MOST).map(inner).join(", ")} }`;
  } else {
    const shown = value as Record<string, unknown>;
    const keys = Object.keys(shown).slice(0, MOST);
    text = `{ ${keys.map((key) => `${key}: ${safely(() => inner(shown[key]))}`).join(", ")} }`;
  }
  above.delete(value);
  return text;
}

/** As Node shows objects: deep enough to read, short enough for a line. */
const DEEPEST = 3;
const MOST = 100;

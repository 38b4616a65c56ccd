/// <reference path="../host.d.ts" />
import { log } from "rusm:actor/logging@0.1.0";

type Level = "trace" | "debug" | "info" | "warn" | "error";

const write =
  (level: Level) =>
  (...values: unknown[]): void =>
    log(level, values.map(show).join(" "), []);

/** `console`, into the node's log at its level. */
export const console = {
  trace: write("trace"),
  debug: write("debug"),
  log: write("info"),
  info: write("info"),
  warn: write("warn"),
  error: write("error"),
  assert(condition?: boolean, ...values: unknown[]): void {
    if (condition !== true) log("error", ["Assertion failed:", ...values.map(show)].join(" "), []);
  },
};

function show(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) {
    const cause = value.cause === undefined ? "" : `\n  cause: ${show(value.cause)}`;
    return `${value.name}: ${value.message}\n${value.stack ?? ""}${cause}`.trimEnd();
  }
  return inspect(value, 0, new Set());
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
  if (value instanceof Date) return value.toISOString();
  if (depth >= DEEPEST) return Array.isArray(value) ? "[…]" : "{…}";
  above.add(value);
  const inner = (part: unknown): string => inspect(part, depth + 1, above);
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
    const fields = Object.entries(value).slice(0, MOST);
    text = `{ ${fields.map(([key, part]) => `${key}: ${inner(part)}`).join(", ")} }`;
  }
  above.delete(value);
  return text;
}

/** As Node shows objects: deep enough to read, short enough for a line. */
const DEEPEST = 3;
const MOST = 100;

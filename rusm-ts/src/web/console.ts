/// <reference path="../host.d.ts" />
import { log } from "rusm:actor/logging@0.1.0";

import { wellFormed } from "../well-formed.ts";

type Level = "trace" | "debug" | "info" | "warn" | "error";

const write =
  (level: Level) =>
  (...values: unknown[]): void =>
    log(level, line(values), []);

/** `console`, into the node's log at its level. */
export const console = {
  trace: write("trace"),
  debug: write("debug"),
  log: write("info"),
  info: write("info"),
  warn: write("warn"),
  error: write("error"),
  assert(condition?: boolean, ...values: unknown[]): void {
    if (condition !== true) log("error", `Assertion failed: ${line(values)}`.trimEnd(), []);
  },
};

/** What is shown never throws, whatever it is asked to show. */
function line(values: unknown[]): string {
  return wellFormed(values.map((value) => safely(() => show(value, new Set()))).join(" "));
}

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

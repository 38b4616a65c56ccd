/// <reference path="./host.d.ts" />
import { exit, self } from "rusm:actor/process@0.1.0";

import { describeReason, RusmError } from "./error.ts";
import { onUnhandledRejection } from "./rejections.ts";
import { inOwnTask } from "./task.ts";
import { wellFormed } from "./well-formed.ts";
import { becomeHosted } from "./wire/utf8.ts";

/** Runs an export: what it throws is a crash. */
export function exported<T>(run: () => T | Promise<T>): Promise<T> {
  becomeHosted();
  return inOwnTask(() => {
    try {
      const result = run();
      return result instanceof Promise ? result.catch(crash) : result;
    } catch (error) {
      return crash(error);
    }
  });
}

/** What is thrown past a handler is a crash of the process, with its text and its stack. */
export async function guarded<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    return crash(error);
  }
}

/** What a promise is whose rejection nobody handles. */
export type UnhandledRejections = "crash" | "log";

/** Takes rejections that nobody handles as what they are to be. */
export function takeRejections(as: UnhandledRejections = "crash"): void {
  const line = "a promise was rejected, and nobody handles that";
  onUnhandledRejection(
    as === "log" ? (reason) => console.error(`${line}:`, reason) : (reason) => crash(reason, ` (${line})`),
  );
}

/** Ends this process as crashed; `how` follows the text. */
export function crash(thrown: unknown, how = ""): never {
  const error = thrown instanceof Error ? thrown : undefined;
  let text = error === undefined ? `thrown: ${shown(thrown)}` : `${error.name}: ${error.message}`;
  if (error instanceof ReferenceError && ABSENT.some((name) => error.message.startsWith(`${name} is not `))) {
    text += "; it is not in rusm-ts yet: see the package's README for what is";
  }
  if (error instanceof RusmError && error.reason !== undefined) text += ` (${describeReason(error.reason)})`;
  const backtrace = wellFormed(typeof error?.stack === "string" ? error.stack : "");
  return exit({
    tag: "crash",
    val: { text: wellFormed(text + how), backtrace, component: "", process: self(), function: "" },
  });
}

function shown(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return `a value of type ${typeof thrown}`;
  }
}

/** Of the web's APIs, what users look for and do not find. */
const ABSENT = [
  "fetch",
  "Request",
  "Response",
  "Headers",
  "Blob",
  "File",
  "FormData",
  "ReadableStream",
  "WritableStream",
  "TransformStream",
  "CompressionStream",
  "DecompressionStream",
  "WebSocket",
  "EventSource",
  "Worker",
  "BroadcastChannel",
  "MessageChannel",
];

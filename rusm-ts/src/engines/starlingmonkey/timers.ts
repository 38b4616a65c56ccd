/// <reference path="./host.d.ts" />
/// <reference path="../../globals.d.ts" />
// `rusm:actor/timers` with numbers and null.
import * as host from "rusm:actor/timers@0.1.0";

import { plain } from "./values.ts";

export const sendAfter = (ms: number, body: Uint8Array): number => plain(host.sendAfter(ms, body));
export const cancel = (timer: number): number | null => plain(host.cancel(timer)) ?? null;

const engine = performance;
let start: number | undefined;

/** By the engine's own clock, which runs as the host's: an import takes ten times as long. */
export function now(): number {
  start ??= plain(host.now()) - engine.now() * 1e6;
  return Math.round(start + engine.now() * 1e6);
}

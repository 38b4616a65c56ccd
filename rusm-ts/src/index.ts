/// <reference path="./globals.d.ts" />
/** Write RUSM services in TypeScript. */
export { RusmError, type ErrorCode } from "./error.ts";
export * as process from "./process.ts";
export type { ProcessInfo } from "./process.ts";
export {
  type Answer,
  type Extras,
  type Later,
  later,
  refuse,
  type Refused,
  type Service,
  service,
  type ServiceOptions,
  type StreamAnswer,
} from "./service.ts";
export { Sink } from "./stream.ts";
export type { CallOptions, Crash, Event, ExitReason, Pid, Result, SpawnOptions, Target } from "./types.ts";

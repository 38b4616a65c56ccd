/// <reference path="./globals.d.ts" />
/** Write RUSM services in TypeScript. */
export { RusmError, type ErrorCode } from "./error.ts";
export * as groups from "./groups.ts";
export * as process from "./process.ts";
export type { ProcessInfo } from "./process.ts";
export {
  type Answer,
  type Extras,
  type Later,
  later,
  type Main,
  main,
  refuse,
  type Refused,
  type Service,
  service,
  type ServiceOptions,
  type UnhandledRejections,
  type StreamAnswer,
} from "./service.ts";
export { Sink } from "./stream.ts";
export {
  child,
  type ChildCounts,
  type ChildInfo,
  type ChildOptions,
  type ChildSpec,
  type Restart,
  type Strategy,
  Supervision,
  supervisor,
  type SupervisorOptions,
} from "./supervisor.ts";
export type {
  CallOptions,
  Crash,
  Delivery,
  Event,
  ExitReason,
  Filter,
  Pid,
  Result,
  SpawnOptions,
  Target,
} from "./types.ts";

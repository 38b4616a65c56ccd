/// <reference path="./globals.d.ts" />
/** Write RUSM services in TypeScript. */
export {
  type Answer,
  type HeadedStreamAnswer,
  type Later,
  later,
  refuse,
  type Refused,
  type StreamAnswer,
} from "./answer.ts";
export type { UnhandledRejections } from "./crash.ts";
export { RusmError, type ErrorCode } from "./error.ts";
export * as groups from "./groups.ts";
export * as process from "./process.ts";
export type { ProcessInfo } from "./process.ts";
export { type Main, main, type Service, service, type ServiceOptions } from "./service.ts";
export type { Extras } from "./server.ts";
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

// What generated code calls. Not for users: it changes with the generator.
export { callback, type CallbackHandlers } from "./callback.ts";
export { Client } from "./client.ts";
export { pidOf, shared } from "./reference.ts";
export { self } from "./process.ts";
export type { Answer, HeadedStreamAnswer, StreamAnswer } from "./answer.ts";
export type { Dispatch, Entry } from "./server.ts";
export { serve, serveInPlainValues, start } from "./service.ts";
export { readBytes, writeBytes } from "./stream.ts";
export { childOf, type ChildOptions, type ChildSpec } from "./supervisor.ts";
export type { CallOptions, Pid, Result, SpawnOptions, Target } from "./types.ts";
export { DecodeError, type DecodeErrorKind, EncodeError } from "./wire/error.ts";
export { Reader } from "./wire/reader.ts";
export { NO_BYTES, type Writer, writing, written } from "./wire/writer.ts";

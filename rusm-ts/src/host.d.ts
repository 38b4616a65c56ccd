// The actor world as componentize-qjs shows it: camelCase names, a future an object to be read once and dropped.

interface HostFuture<T> {
  read(): Promise<T>;
  cancelRead(): void;
  drop(): void;
}

type HostResult<T, E> = { tag: "ok"; val: T } | { tag: "err"; val: E };
/** What is there at once, or a future of it. */
type HostAnswer<T> = { tag: "now"; val: T } | { tag: "later"; val: HostFuture<T> };
interface HostPid {
  node: number;
  id: number;
}
type HostTarget = { tag: "process"; val: HostPid } | { tag: "name"; val: string };
interface HostError {
  tag: string;
  val?: unknown;
}

declare module "rusm:actor/process@0.1.0" {
  export function self(): HostPid;
  export function send(to: HostTarget, body: Uint8Array): void;
  export function cast(to: HostTarget, key: number, body: Uint8Array): void;
  export function reply(request: number, body: Uint8Array): boolean;
  export function replyError(request: number, error: HostError): boolean;
  export function link(other: HostPid): void;
  export function unlink(other: HostPid): void;
  export function monitor(other: HostTarget): number;
  export function demonitor(monitor: number): boolean;
  export function exit(reason: HostError): never;
  export function exitProcess(other: HostPid, reason: HostError): void;
  export function kill(other: HostPid): void;
  export function trapExit(on: boolean): boolean;
  export function takesSeveral(): void;
  export function alive(other: HostPid): boolean;
  export function info(other: HostPid): {
    component: string;
    name: string | null;
    mailbox: number;
    links: number;
    monitors: number;
    trapExit: boolean;
  } | null;
  export function reportCrash(text: string, backtrace: string): void;
  export function env(name: string): string | null;
  export function randomBytes(length: number): Uint8Array;
}

declare module "rusm:actor/names@0.1.0" {
  export function register(name: string): void;
  export function unregister(name: string): boolean;
  export function whereis(name: string): HostPid | null;
}

declare module "rusm:actor/timers@0.1.0" {
  export function sendAfter(ms: number, body: Uint8Array): number;
  export function cancel(timer: number): number | null;
  export function now(): number;
}

declare module "rusm:actor/logging@0.1.0" {
  export function log(
    level: "trace" | "debug" | "info" | "warn" | "error",
    message: string,
    fields: Array<[string, string]>,
  ): void;
}

declare module "rusm:actor/text@0.1.0" {
  export function encode(text: string): Uint8Array;
  export function decode(bytes: Uint8Array): string | null;
}

declare module "rusm:actor/wait-async@0.1.0" {
  export function spawn(
    component: string,
    options: {
      init: number | null;
      body: Uint8Array;
      contract: string | null;
      link: boolean;
      monitor: boolean;
      name: string | null;
      capabilities: string[] | null;
      deadlineMs: number;
    },
  ): HostFuture<HostResult<{ pid: HostPid; monitor: number | null }, HostError>>;
  export function connect(to: HostTarget, contract: string): HostFuture<HostResult<HostPid, HostError>>;
  export function call(
    to: HostTarget,
    key: number,
    body: Uint8Array,
    deadlineMs: number,
  ): HostAnswer<HostResult<Uint8Array, HostError>>;
  export function callStart(
    to: HostTarget,
    key: number,
    body: Uint8Array,
    direction: "to-callee" | "to-caller" | null,
    deadlineMs: number,
  ): { call: number; handle: number | null };
  export function callWait(call: number): HostAnswer<HostResult<Uint8Array, HostError>>;
  export function callCancel(call: number): boolean;
  export function sleep(ms: number): HostFuture<boolean>;
  export function park(parking: number): HostFuture<boolean>;
  export function unpark(parking: number): boolean;
  export function streamWrite(
    handle: number,
    chunk: Uint8Array,
    deadlineMs: number,
  ): HostAnswer<HostResult<undefined, HostError>>;
  export function streamRead(
    handle: number,
    deadlineMs: number,
  ): HostAnswer<HostResult<Uint8Array | null, HostError>>;
  export function streamClose(handle: number): void;
  export function streamAbort(handle: number, why: string): void;
}

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

type HostDelivery = import("./types.ts").Delivery & { handle: number | null };
type HostEvent =
  | import("./types.ts").Event
  | { tag: "delivery"; val: HostDelivery }
  | { tag: "demand"; val: unknown }
  | { tag: "stream-end"; val: { handle: number } };
interface HostSpawnOptions {
  init: number | null;
  body: Uint8Array;
  contract: string | null;
  link: boolean;
  monitor: boolean;
  name: string | null;
  capabilities: string[] | null;
  arguments: string[];
  deadlineMs: number;
}
interface HostSupervisorOptions {
  name: string;
  strategy: "one-for-one" | "one-for-all" | "rest-for-one" | "dynamic";
  intensity: number;
  periodMs: number;
  autoShutdown: "never" | "any-significant" | "all-significant";
  excess: "give-up" | "quarantine";
  backoff: { firstMs: number; longestMs: number } | null;
  mostChildren: number | null;
}
interface HostChildOptions {
  id: string;
  restart: "permanent" | "transient" | "temporary";
  shutdown: { tag: "brutal-kill" } | { tag: "timeout"; val: number } | { tag: "infinity" };
  significant: boolean;
}
interface HostChildSpec {
  options: HostChildOptions;
  component: string;
  start: HostSpawnOptions;
}
interface HostChildInfo {
  id: string;
  state:
    { tag: "running"; val: HostPid } | { tag: "restarting" } | { tag: "stopped" } | { tag: "quarantined" };
  supervisor: boolean;
}
interface HostChildCounts {
  specs: number;
  active: number;
  supervisors: number;
  workers: number;
  restarts: number;
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
  /** What was logged: of the stand-in for the host, in tests. */
  export const lines: string[];
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

/** The parts of a URL. */
interface HostUrl {
  href: string;
  origin: string;
  protocol: string;
  username: string;
  password: string;
  host: string;
  hostname: string;
  port: string;
  pathname: string;
  search: string;
  hash: string;
}

declare module "rusm:actor/url@0.1.0" {
  export function parse(text: string, base: string | null): HostUrl | null;
  export function change(href: string, part: Exclude<keyof HostUrl, "origin">, value: string): HostUrl | null;
}

declare module "rusm:actor/wait-async@0.1.0" {
  export function spawn(
    component: string,
    options: HostSpawnOptions,
  ): HostFuture<HostResult<{ pid: HostPid; monitor: number | null }, HostError>>;
  export function load(
    component: Uint8Array,
    capabilities: string[],
  ): HostFuture<HostResult<string, HostError>>;
  export function connect(to: HostTarget, contract: string): HostFuture<HostResult<HostPid, HostError>>;
  export function call(
    to: HostTarget,
    key: number,
    body: Uint8Array,
    deadlineMs: number,
  ): HostAnswer<HostResult<Uint8Array, HostError>>;
  export function callProcess(
    node: number,
    id: number,
    key: number,
    body: Uint8Array,
    deadlineMs: number,
  ): Uint8Array | null;
  export function callAnswerOfProcess(): HostAnswer<HostResult<Uint8Array, HostError>>;
  export function callStart(
    to: HostTarget,
    key: number,
    body: Uint8Array,
    direction: "to-callee" | "to-caller" | "both" | null,
    deadlineMs: number,
  ): { call: number; handle: number | null };
  export function callWait(call: number): HostAnswer<HostResult<Uint8Array, HostError>>;
  export function callCancel(call: number): boolean;
  export function receive(
    filter: { tag: string; val?: number },
    timeoutMs: number | null,
  ): HostFuture<HostEvent | null>;
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
  export function streamOther(handle: number): number | null;
  export function streamClose(handle: number): void;
  export function streamAbort(handle: number, why: string): void;
}

declare module "rusm:actor/callbacks-async@0.1.0" {
  export function open(): HostPid;
  export function carry(callback: number, call: number): boolean;
  export function next(
    callback: number,
  ): { tag: "now"; val: HostDelivery | null } | { tag: "later"; val: HostFuture<HostDelivery | null> };
  export function finish(callback: number): boolean;
  export function reply(
    callback: number,
    request: number,
    answer: HostResult<Uint8Array, HostError>,
  ): boolean;
  export function close(callback: number): boolean;
}

declare module "rusm:actor/groups@0.1.0" {
  export function join(group: string): void;
  export function leave(group: string): boolean;
  export function members(group: string): HostPid[];
  export function broadcast(group: string, body: Uint8Array): number;
  export function monitor(group: string): [number, HostPid[]];
  export function demonitor(monitor: number): boolean;
}

declare module "rusm:actor/supervisors-async@0.1.0" {
  type Answer<T> = HostFuture<HostResult<T, HostError>>;
  export function start(options: HostSupervisorOptions, children: HostChildSpec[]): Answer<HostPid>;
  export function startUnder(
    supervisor: HostPid,
    specification: HostChildOptions,
    options: HostSupervisorOptions,
    children: HostChildSpec[],
  ): Answer<HostPid>;
  export function startChild(supervisor: HostPid, child: HostChildSpec): Answer<HostPid>;
  export function terminateChild(supervisor: HostPid, id: string): Answer<void>;
  export function terminate(supervisor: HostPid, child: HostPid): Answer<void>;
  export function restartChild(supervisor: HostPid, id: string): Answer<HostPid>;
  export function deleteChild(supervisor: HostPid, id: string): Answer<void>;
  export function whichChildren(supervisor: HostPid): Answer<HostChildInfo[]>;
  export function countChildren(supervisor: HostPid): Answer<HostChildCounts>;
  export function stop(supervisor: HostPid): Answer<void>;
}

/// <reference path="../../host.d.ts" />
// What the sync lane has instead of `wait-async` and `supervisors-async`: the process blocks, and an error is thrown. Numbers
// are as `plain` makes them; the bindings of componentize-js give bigints, and undefined for an option's none.

declare module "rusm:actor/wait@0.1.0" {
  export function spawn(
    component: string,
    options: HostSpawnOptions,
  ): { pid: HostPid; monitor: number | null };
  export function load(component: Uint8Array, capabilities: string[]): string;
  export function connect(to: HostTarget, contract: string): HostPid;
  export function callStart(
    to: HostTarget,
    key: number,
    body: Uint8Array,
    direction: "to-callee" | "to-caller" | "both" | null,
    deadlineMs: number,
  ): { call: number; handle: number | null };
  export function callWait(call: number): Uint8Array;
  export function callCancel(call: number): boolean;
  export function receive(
    filter: { tag: string; val?: number },
    timeoutMs: number | null,
  ): HostEvent | undefined;
  export function sleep(ms: number): void;
  export function streamWrite(handle: number, chunk: Uint8Array, deadlineMs: number): void;
  export function streamRead(handle: number, deadlineMs: number): Uint8Array | undefined;
  export function streamOther(handle: number): number | undefined;
  export function streamClose(handle: number): void;
  export function streamAbort(handle: number, why: string): void;
}

declare module "rusm:actor/callbacks@0.1.0" {
  export function open(): HostPid;
  export function carry(callback: number, call: number): boolean;
  export function callWait(
    call: number,
    callbacks: BigUint64Array,
    answer: HostCallbackAnswer | undefined,
    timeoutMs: number | undefined,
  ):
    | { tag: "reply"; val: HostResult<Uint8Array, HostError> }
    | { tag: "request"; val: HostCallbackRequest }
    | undefined;
  export function waitAny(
    calls: BigUint64Array,
    streams: BigUint64Array,
    callbacks: BigUint64Array,
    timeoutMs: number | undefined,
  ): { tag: "call" | "ready"; val: number } | { tag: "request"; val: HostCallbackRequest } | undefined;
  export function reply(answer: HostCallbackAnswer): boolean;
  export function close(callback: number): boolean;
}

interface HostShortBody {
  length: number;
  low: bigint;
  high: bigint;
}

type HostBody = { tag: "short"; val: HostShortBody } | { tag: "long"; val: Uint8Array };

type HostCallbackRequest = Omit<HostDelivery, "body"> & { callback: number; body: HostBody };

interface HostCallbackAnswer {
  callback: number;
  request: number;
  answer: HostResult<HostBody, HostError>;
}

declare module "rusm:actor/supervisors@0.1.0" {
  export function start(options: HostSupervisorOptions, children: HostChildSpec[]): HostPid;
  export function startUnder(
    supervisor: HostPid,
    specification: HostChildOptions,
    options: HostSupervisorOptions,
    children: HostChildSpec[],
  ): HostPid;
  export function startChild(supervisor: HostPid, child: HostChildSpec): HostPid;
  export function terminateChild(supervisor: HostPid, id: string): void;
  export function terminate(supervisor: HostPid, child: HostPid): void;
  export function restartChild(supervisor: HostPid, id: string): HostPid;
  export function deleteChild(supervisor: HostPid, id: string): void;
  export function whichChildren(supervisor: HostPid): HostChildInfo[];
  export function countChildren(supervisor: HostPid): HostChildCounts;
  export function stop(supervisor: HostPid): void;
}

/// <reference path="./host.d.ts" />
// `rusm:actor/wait-async` over `rusm:actor/wait`.
import * as wait from "rusm:actor/wait@0.1.0";

import { any, isReady, replyOrMessage } from "./callbacks-async.ts";
import { brief, count, sleeping, untilEvent, whole } from "./loop.ts";
import { direct, plain, resultOf } from "./values.ts";

type Result<T> = HostResult<T, HostError>;

export const spawn = (
  component: string,
  options: HostSpawnOptions,
): HostFuture<Result<{ pid: HostPid; monitor: number | null }>> =>
  whole(() => resultOf(() => wait.spawn(component, options)));

export const load = (component: Uint8Array, capabilities: string[]): HostFuture<Result<string>> =>
  whole(() => resultOf(() => wait.load(component, capabilities)));

export const connect = (to: HostTarget, contract: string): HostFuture<Result<HostPid>> =>
  whole(() => resultOf(() => wait.connect(to, contract)));

/** It is under way at once; only the reply is waited for later. */
export function call(
  to: HostTarget,
  key: number,
  body: Uint8Array,
  deadlineMs: number,
): HostAnswer<Result<Uint8Array>> {
  const started = resultOf(() => wait.callStart(to, key, body, null, deadlineMs));
  return started.tag === "err" ? { tag: "now", val: started } : callWait(started.val.call);
}

let ofProcess: HostAnswer<Result<Uint8Array>> | undefined;

/** Its answer is never there at once. */
export function callProcess(
  node: number,
  id: number,
  key: number,
  body: Uint8Array,
  deadlineMs: number,
): null {
  ofProcess = call({ tag: "process", val: { node, id } }, key, body, deadlineMs);
  return null;
}

export function callAnswerOfProcess(): HostAnswer<Result<Uint8Array>> {
  const answer = ofProcess;
  ofProcess = undefined;
  return answer ?? { tag: "now", val: { tag: "err", val: { tag: "cancelled" } } };
}

/** The streams in of calls with one each way: what is written goes on beside what is read. */
const bothWays = new Set<number>();

export function callStart(
  to: HostTarget,
  key: number,
  body: Uint8Array,
  direction: "to-callee" | "to-caller" | "both" | null,
  deadlineMs: number,
): { call: number; handle: number | null } {
  const started = direct(() => wait.callStart(to, key, body, direction, deadlineMs));
  if (direction === "both" && started.handle !== null) {
    bothWays.add(started.handle);
    count(1);
  }
  return started;
}

function written(handle: number): void {
  writers.delete(handle);
  if (bothWays.delete(handle)) count(-1);
}

export function callWait(call: number): HostAnswer<Result<Uint8Array>> {
  const giveUp = (): void => void wait.callCancel(call);
  // What a callback calls meanwhile has to be waited for first: only a wait that is `brief` lets it.
  if (any()) return { tag: "later", val: brief((limitMs) => replyOrMessage(call, limitMs), giveUp) };
  return { tag: "later", val: whole(() => resultOf(() => wait.callWait(call)), giveUp) };
}

export const callCancel = (call: number): boolean => wait.callCancel(call);

export function receive(
  filter: { tag: string; val?: number },
  timeoutMs: number | null,
): HostFuture<HostEvent | null> {
  let left = timeoutMs ?? Infinity;
  return brief((limitMs) => {
    const most = Math.min(limitMs ?? Infinity, left);
    const event = wait.receive(filter, most === Infinity ? null : most);
    if (event !== undefined) return plain(event);
    left -= most;
    return left <= 0 ? null : undefined;
  });
}

export const sleep = (ms: number): HostFuture<boolean> => sleeping(ms);

const parked = new Map<number, () => void>();

export const park = (parking: number): HostFuture<boolean> => ({
  read: () => new Promise((resolve) => parked.set(parking, () => resolve(true))),
  cancelRead: () => {},
  drop: () => {},
});

export function unpark(parking: number): boolean {
  parked.get(parking)?.();
  return parked.delete(parking);
}

/** Writers that wait for room, by their streams. */
const writers = new Map<number, () => void>();

export function streamWrite(
  handle: number,
  chunk: Uint8Array,
  deadlineMs: number,
): HostAnswer<Result<undefined>> {
  const write = (ms: number): Result<undefined> =>
    resultOf(() => {
      wait.streamWrite(handle, chunk, ms);
      return undefined;
    });
  const isFull = (result: Result<undefined>): boolean => result.tag === "err" && result.val.tag === "timeout";
  const first = write(0);
  if (!isFull(first) || deadlineMs === 0) return { tag: "now", val: first };
  let left = deadlineMs;
  const { future, retry } = untilEvent((limitMs) => {
    const most = Math.min(limitMs ?? Infinity, left);
    if (!isReady(handle, most)) return undefined;
    const result = write(most);
    left -= most;
    return isFull(result) && left > 0 ? undefined : result;
  });
  writers.set(handle, retry);
  return { tag: "later", val: future };
}

/** There is room in this stream again, or nobody reads it any more. */
export function roomIn(handle: number): void {
  writers.get(handle)?.();
}

export function streamRead(handle: number, deadlineMs: number): HostAnswer<Result<Uint8Array | null>> {
  let left = deadlineMs === 0 ? Infinity : deadlineMs;
  const future = brief((limitMs): Result<Uint8Array | null> | undefined => {
    // The host takes 0 for no limit.
    const most = Math.max(1, Math.min(limitMs ?? Infinity, left));
    if (!isReady(handle, most)) return undefined;
    const result = resultOf(() => wait.streamRead(handle, most === Infinity ? 0 : most) ?? null);
    left -= most;
    return result.tag === "err" && result.val.tag === "timeout" && left > 0 ? undefined : result;
  });
  return { tag: "later", val: future };
}

export const streamOther = (handle: number): number | null => plain(wait.streamOther(handle)) ?? null;

export function streamClose(handle: number): void {
  written(handle);
  wait.streamClose(handle);
}

export function streamAbort(handle: number, why: string): void {
  written(handle);
  wait.streamAbort(handle, why);
}

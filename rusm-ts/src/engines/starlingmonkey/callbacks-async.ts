/// <reference path="./host.d.ts" />
// `rusm:actor/callbacks-async` over `rusm:actor/callbacks`: messages come while a call or a stream is waited for.
import * as host from "rusm:actor/callbacks@0.1.0";

import { count } from "./loop.ts";
import { direct, plain, resultOf } from "./values.ts";

type Result<T> = HostResult<T, HostError>;

const NONE = new BigUint64Array();

/** Who waits for the next message of each callback. */
const takers = new Map<number, (delivery: HostDelivery | null) => void>();

/** Those whose call has ended, and how many messages may have come before that. */
const finished = new Map<number, number>();

/** As many wait for a callback at most. */
const MOST_WAITING = 256;

/** Those that handle one. */
const busy = new Set<number>();

export function open(): HostPid {
  const pid = direct(() => host.open());
  count(1);
  return pid;
}

export const carry = (callback: number, call: number): boolean => host.carry(callback, call);

export function reply(callback: number, request: number, answer: HostResult<Uint8Array, HostError>): boolean {
  const long = (val: Uint8Array): HostBody => ({ tag: "long", val });
  return host.reply({
    callback,
    request,
    answer: answer.tag === "ok" ? { tag: "ok", val: long(answer.val) } : answer,
  });
}

export function close(callback: number): boolean {
  busy.delete(callback);
  finished.delete(callback);
  const closed = host.close(callback);
  if (closed) count(-1);
  return closed;
}

export function next(
  callback: number,
): { tag: "now"; val: HostDelivery | null } | { tag: "later"; val: HostFuture<HostDelivery | null> } {
  busy.delete(callback);
  if (finished.has(callback)) return { tag: "now", val: left(callback) };
  let fail: (error: Error) => void = () => {};
  const leave = (): void => {
    takers.delete(callback);
    fail(new Error("future read cancelled"));
  };
  const read = (): Promise<HostDelivery | null> =>
    new Promise((resolve, reject) => {
      fail = reject;
      takers.set(callback, resolve);
    });
  return { tag: "later", val: { read, cancelRead: leave, drop: () => {} } };
}

/** What came before is still answered, one after the other: a callback that handled a message then was not among those waited for. */
export function finish(callback: number): boolean {
  finished.set(callback, MOST_WAITING);
  const take = takers.get(callback);
  if (take === undefined) return false;
  takers.delete(callback);
  take(left(callback));
  return true;
}

/** A message that came before the end of the call. */
function left(callback: number): HostDelivery | null {
  const most = finished.get(callback) ?? 0;
  if (most === 0) return null;
  const happening = host.waitAny(NONE, NONE, BigUint64Array.of(BigInt(callback)), 0);
  finished.set(callback, happening === undefined ? 0 : most - 1);
  return happening?.tag === "request" ? deliveryOf(happening.val) : null;
}

/** The reply of a call; undefined if the time passed first, or a message for a callback came, which has its taker now. */
export function replyOrMessage(call: number, limitMs: number | undefined): Result<Uint8Array> | undefined {
  const event = host.callWait(call, waiting(), undefined, limitMs);
  if (event === undefined) return undefined;
  if (event.tag === "reply") return plain(event.val);
  give(event.val);
  return undefined;
}

/** Waits for a stream, at most so long; false if a message for a callback came first, which has its taker now. */
export function isReady(handle: number, limitMs: number): boolean {
  if (takers.size === 0 || limitMs === 0) return true;
  const streams = BigUint64Array.of(BigInt(handle));
  const happening = host.waitAny(NONE, streams, waiting(), limitMs === Infinity ? undefined : limitMs);
  if (happening?.tag !== "request") return true;
  give(happening.val);
  return false;
}

/** Whether this process answers for any. */
export const any = (): boolean => takers.size > 0 || busy.size > 0;

function give(request: HostCallbackRequest): void {
  const id = plain(request.callback);
  const take = takers.get(id);
  takers.delete(id);
  busy.add(id);
  take?.(deliveryOf(request));
}

function deliveryOf({ callback: _, body, ...request }: HostCallbackRequest): HostDelivery {
  return { ...plain(request), body: body.tag === "long" ? plain(body.val) : bytesOf(body.val) };
}

function bytesOf({ length, low, high }: HostShortBody): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setBigUint64(0, low, true);
  view.setBigUint64(8, high, true);
  return new Uint8Array(view.buffer, 0, length);
}

function waiting(): BigUint64Array {
  return BigUint64Array.from(takers.keys(), BigInt);
}

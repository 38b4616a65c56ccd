/// <reference path="./host.d.ts" />
import { sleep } from "rusm:actor/wait-async@0.1.0";

import { fromHost, RusmError } from "./error.ts";
import { read, readThen } from "./task.ts";

/** Waits for an answer that is a result: what is made of its value, or its error thrown. */
export function settleThen<T, R>(
  answer: HostAnswer<HostResult<T, HostError>>,
  signal: AbortSignal | undefined,
  make: (value: T) => R,
): Promise<R> {
  const unwrap = (result: HostResult<T, HostError>): R => {
    if (result.tag === "err") throw fromHost(result.val);
    return make(result.val);
  };
  if (answer.tag === "later") {
    return signal === undefined
      ? readThen(answer.val, unwrap)
      : readUnlessAborted(answer.val, signal).then(unwrap);
  }
  try {
    return Promise.resolve(unwrap(answer.val));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Waits for an answer that is a result: its value, or its error thrown. */
export function settle<T>(answer: HostAnswer<HostResult<T, HostError>>, signal?: AbortSignal): Promise<T> {
  return settleThen(answer, signal, (value) => value);
}

/** What a call that was given up rejects with. */
export const cancelled = (signal: AbortSignal): RusmError =>
  new RusmError("cancelled", "cancelled: the call was given up", { cause: signal.reason });

async function readUnlessAborted<T>(future: HostFuture<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    future.drop();
    throw cancelled(signal);
  }
  const cancel = (): void => future.cancelRead();
  signal.addEventListener("abort", cancel);
  try {
    return await read(future);
  } catch (error) {
    throw signal.aborted ? cancelled(signal) : error;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

/** A time limit for what may take longer: it rejects as calls do, unless it is cleared before. */
export function within(ms: number): { readonly late: Promise<never>; clear(): void } {
  const future = sleep(ms);
  let waits = true;
  const late = readThen(future, (): never => {
    throw fromHost({ tag: "timeout" });
  });
  late.catch(() => (waits = false));
  return {
    late,
    clear(): void {
      if (waits) future.cancelRead();
    },
  };
}

/** Waits, one at a time, that somebody else may end. */
export interface Interruptible<T> {
  /** Waits for a promise, or for what ends all waits. */
  wait<R>(promise: Promise<R>): Promise<R | T>;
  /** Ends this wait and those to come, with a value. */
  end(value: T): void;
  /** The same with an error. */
  fail(error: unknown): void;
}

/** `Promise.race` with one promise that outlives many waits would leave a reaction in it for each. */
export function interruptible<T>(): Interruptible<T> {
  let ended: Promise<T> | undefined;
  let waiting: { resolve(value: T): void; reject(error: unknown): void } | undefined;
  return {
    wait: <R>(promise: Promise<R>): Promise<R | T> =>
      new Promise<R | T>((resolve, reject) => {
        waiting = { resolve, reject };
        ended?.then(resolve, reject);
        promise.then(resolve, reject);
      }),
    end(value): void {
      ended ??= Promise.resolve(value);
      waiting?.resolve(value);
    },
    fail(error): void {
      ended ??= Promise.reject(error);
      ended.catch(() => undefined);
      waiting?.reject(error);
    },
  };
}

/** Calls an import that answers with a result at once; the binding throws its error as `payload`. */
export function direct<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    const payload = (error as { payload?: HostError }).payload;
    throw payload !== undefined && typeof payload?.tag === "string" ? fromHost(payload) : error;
  }
}

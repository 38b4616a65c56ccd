/// <reference path="./host.d.ts" />
import { fromHost, RusmError } from "./error.ts";
import { read, readThen } from "./task.ts";

/** Reads a future of a result: what is made of its value, or its error thrown. */
export function settleThen<T, R>(
  future: HostFuture<HostResult<T, HostError>>,
  signal: AbortSignal | undefined,
  make: (value: T) => R,
): Promise<R> {
  const unwrap = (result: HostResult<T, HostError>): R => {
    if (result.tag === "err") throw fromHost(result.val);
    return make(result.val);
  };
  return signal === undefined ? readThen(future, unwrap) : readUnlessAborted(future, signal).then(unwrap);
}

/** Reads a future of a result: its value, or its error thrown. */
export function settle<T>(future: HostFuture<HostResult<T, HostError>>, signal?: AbortSignal): Promise<T> {
  return settleThen(future, signal, (value) => value);
}

async function readUnlessAborted<T>(future: HostFuture<T>, signal: AbortSignal): Promise<T> {
  const cancelled = (): RusmError =>
    new RusmError("cancelled", "cancelled: the call was given up", { cause: signal.reason });
  if (signal.aborted) {
    future.drop();
    throw cancelled();
  }
  const cancel = (): void => future.cancelRead();
  signal.addEventListener("abort", cancel);
  try {
    return await read(future);
  } catch (error) {
    throw signal.aborted ? cancelled() : error;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
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

/// <reference path="../host.d.ts" />
import { now } from "rusm:actor/timers@0.1.0";
import { sleep } from "rusm:actor/wait-async@0.1.0";

import { crash } from "../crash.ts";
import { read } from "../task.ts";

/** Timers that were set and neither fired for the last time nor were cleared. */
const alive = new Set<number>();
/** What those of them that wait now wait for. */
const running = new Map<number, HostFuture<boolean>>();
let last = 0;

/** Runs a function once, so many milliseconds from now. It runs between messages, too. */
export function setTimeout(run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): number {
  const id = ++last;
  // Not within the promise: what the host says to it is for the caller.
  const future = sleep(delay(ms));
  alive.add(id);
  void wait(id, future).then(() => {
    if (alive.delete(id)) call(run, args);
  });
  return id;
}

/** Runs a function again and again. */
export function setInterval(run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): number {
  const id = ++last;
  const each = (): HostFuture<boolean> => sleep(Math.max(1, delay(ms)));
  let future = each();
  alive.add(id);
  const again = async (): Promise<void> => {
    for (;;) {
      await wait(id, future);
      if (!alive.has(id)) return;
      call(run, args);
      if (!alive.has(id)) return;
      future = each();
    }
  };
  void again();
  return id;
}

export function clearTimeout(id: number | undefined): void {
  if (id !== undefined && alive.delete(id)) running.get(id)?.cancelRead();
}

export const clearInterval = clearTimeout;

export const performance = {
  timeOrigin: 0,
  /** Milliseconds since the start of the node, with fractions. */
  now(): number {
    return now() / 1e6;
  },
};

/** Waits until the time has passed or the timer was cleared. */
async function wait(id: number, future: HostFuture<boolean>): Promise<void> {
  running.set(id, future);
  try {
    await read(future);
  } catch {
    // It was cleared.
  } finally {
    running.delete(id);
  }
}

/** As in browsers: a delay is a number of 31 bits, and what is none, or more, is none at all. */
function delay(ms: number): number {
  const rounded = Math.round(Number(ms));
  return rounded > 0 && rounded <= LONGEST ? rounded : 0;
}

const LONGEST = 2 ** 31 - 1;

/** What a timer's function throws, nobody can catch: it is a crash of the process, as in Node. */
function call(run: (...args: unknown[]) => void, args: unknown[]): void {
  try {
    const result: unknown = run(...args);
    if (result instanceof Promise) result.catch(crash);
  } catch (error) {
    crash(error);
  }
}

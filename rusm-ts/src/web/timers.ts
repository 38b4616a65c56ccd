/// <reference path="../host.d.ts" />
import { now } from "rusm:actor/timers@0.1.0";
import { sleep } from "rusm:actor/wait-async@0.1.0";

import { crash } from "../service.ts";
import { read } from "../task.ts";

const running = new Map<number, HostFuture<boolean>>();
let last = 0;

/** Runs a function once, so many milliseconds from now. It runs between messages, too. */
export function setTimeout(run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): number {
  const id = ++last;
  void wait(id, ms).then((fired) => {
    if (fired) call(run, args);
  });
  return id;
}

/** Runs a function again and again. */
export function setInterval(run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): number {
  const id = ++last;
  const again = async (): Promise<void> => {
    while (await wait(id, Math.max(1, delay(ms)))) call(run, args);
  };
  void again();
  return id;
}

export function clearTimeout(id: number | undefined): void {
  const future = running.get(id ?? 0);
  if (future === undefined) {
    if (id !== undefined) cleared.add(id);
    return;
  }
  running.delete(id ?? 0);
  future.cancelRead();
}

export const clearInterval = clearTimeout;

export const performance = {
  timeOrigin: 0,
  /** Milliseconds since the start of the node, with fractions. */
  now(): number {
    return now() / 1e6;
  },
};

/** Intervals that were cleared by their own function, while they did not wait. */
const cleared = new Set<number>();

/** Whether the time passed; false if the timer was cleared. */
async function wait(id: number, ms: number): Promise<boolean> {
  if (cleared.delete(id)) return false;
  const future = sleep(delay(ms));
  running.set(id, future);
  try {
    await read(future);
    return running.delete(id);
  } catch {
    return false;
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

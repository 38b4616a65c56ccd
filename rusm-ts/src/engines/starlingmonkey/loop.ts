/// <reference path="./host.d.ts" />
import { cancel, now, sendAfter } from "rusm:actor/timers@0.1.0";
import { sleep } from "rusm:actor/wait@0.1.0";

import { plain } from "./values.ts";

// Every import of the sync lane blocks the whole process. So a wait only notes itself, and is blocked on when the promises
// that can run have run. Calls are under way by then, so that several run together. What a service leaves unfinished when a
// message is done goes on between messages: the host sends it a timer event for that.

/** Something that is waited for. */
interface Wait {
  /** Blocks, at most so many milliseconds if it can; whether it is over. */
  block(limitMs: number | undefined): boolean;
  /** `whole` ignores the limit; `event` keeps to it, and a message tells when it can go on. */
  readonly kind: "whole" | "brief" | "event";
}

/** A timer that runs. */
interface Timer {
  /** On the host's clock, in milliseconds. */
  readonly due: number;
  fire(): void;
}

const waits: Wait[] = [];
/** The earliest one first. */
const timers: Timer[] = [];
/** How many exports are being run. */
let active = 0;
/** Whether `hop` is on its way to block. */
let hopping = false;
/** Whether the engine's event loop has a task for `idle`. */
let armed = false;
/** The timer event that this process has asked for. */
let wake: { reference: number; due: number } | undefined;
/** How many callbacks and calls with a stream each way are open: what goes on beside what is waited for. */
let beside = 0;
/** What becomes of a process that waits for what cannot come. */
let onStuck: (error: Error) => void = (error) => {
  throw error;
};

const nextTask = globalThis.setTimeout;

/** Runs the call of an export to its end. */
export function during<T>(run: () => Promise<T>): Promise<T> {
  active++;
  arm();
  return run().then((value) => {
    active--;
    arrange();
    return value;
  });
}

/** Says what ends a process that waits for what cannot come. */
export function setOnStuck(run: (error: Error) => void): void {
  onStuck = run;
}

/** So many more things go on beside what is waited for. */
export function count(opened: number): void {
  beside += opened;
}

/** A wait that cannot be cut short. `giveUp` is run if it is cancelled before. */
export function whole<T>(perform: () => T, giveUp?: () => void): HostFuture<T> {
  return future("whole", perform, giveUp);
}

/** A wait that is over when `perform` gives something else than undefined; it blocks no longer than it is told. */
export function brief<T>(
  perform: (limitMs: number | undefined) => T | undefined,
  giveUp?: () => void,
): HostFuture<T> {
  return future("brief", perform, giveUp);
}

/** The same, where the host sends an event when it can go on: `retry` then. */
export function untilEvent<T>(perform: (limitMs: number | undefined) => T | undefined): {
  future: HostFuture<T>;
  retry(): void;
} {
  const wait: { retry?: () => void } = {};
  return { future: future("event", perform, undefined, wait), retry: () => wait.retry?.() };
}

function future<T>(
  kind: Wait["kind"],
  perform: (limitMs: number | undefined) => T | undefined,
  giveUp?: () => void,
  handle: { retry?: () => void } = {},
): HostFuture<T> {
  let wait: Wait | undefined;
  let fail: (error: Error) => void = () => {};
  const leave = (): boolean => {
    if (wait === undefined) return false;
    const at = waits.indexOf(wait);
    if (at >= 0) waits.splice(at, 1);
    return at >= 0;
  };
  return {
    read: () =>
      new Promise<T>((resolve, reject) => {
        fail = reject;
        const block = (limitMs: number | undefined): boolean => {
          try {
            const value = perform(limitMs);
            if (value === undefined) return false;
            resolve(value);
          } catch (error) {
            reject(error);
          }
          return true;
        };
        wait = { kind, block };
        handle.retry = () => {
          if (wait !== undefined && waits.includes(wait) && block(0)) leave();
        };
        waits.push(wait);
        arm();
        arrange();
      }),
    cancelRead(): void {
      if (!leave()) return;
      giveUp?.();
      fail(new Error("future read cancelled"));
    },
    drop(): void {
      if (leave() || wait === undefined) giveUp?.();
      giveUp = undefined;
    },
  };
}

/** A timer as a future. */
export function sleeping(ms: number): HostFuture<boolean> {
  const due = nowMs() + ms;
  let stop: () => void = () => {};
  return {
    read: () =>
      new Promise<boolean>((resolve, reject) => {
        const timer: Timer = { due, fire: () => resolve(true) };
        let at = timers.length;
        while (at > 0 && timers[at - 1]!.due > due) at--;
        timers.splice(at, 0, timer);
        stop = () => {
          const at = timers.indexOf(timer);
          if (at < 0) return;
          timers.splice(at, 1);
          reject(new Error("future read cancelled"));
        };
        arm();
        arrange();
      }),
    cancelRead: () => stop(),
    drop: () => {},
  };
}

/** Whether a timer event is the one that the loop has asked for. */
export function isWake(reference: number): boolean {
  return wake?.reference === reference;
}

/** Goes on with what was left unfinished. */
export async function goOn(): Promise<void> {
  wake = undefined;
  if (!fireDue()) blockOnce(BACKGROUND_MS);
}

/** Sees to it that the process waits when it has nothing else to do. */
function arm(): void {
  if (active === 0) return;
  if (waits.length > 0 && !hopping) {
    hopping = true;
    void hop();
  }
  if (!armed) {
    armed = true;
    nextTask(idle, 0);
  }
}

/** Blocks when everything else has had its turns. The engine's event loop would know better, but takes 200 us. */
async function hop(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await undefined;
  // There may be much to do that waits for nothing: items of a stream to read while another one is full, say.
  const mayBeBusy = beside > 0 || (waits.length === 1 && waits[0]!.kind === "event");
  if (mayBeBusy) await new Promise<void>((resolve) => nextTask(resolve, 0));
  hopping = false;
  if (active > 0 && !fireDue()) blockOnce(undefined);
  arm();
}

/** All promises are through: waits for the next timer. */
function idle(): void {
  armed = false;
  if (active === 0) return;
  const timer = timers[0];
  if (waits.length === 0 && timer === undefined) {
    onStuck(new Error("the function waits for a promise that nothing will resolve"));
    return;
  }
  if (waits.length === 0 && timer !== undefined) {
    sleep(Math.max(0, Math.ceil(timer.due - nowMs())));
    fireDue();
  }
  arm();
}

function fireDue(): boolean {
  if (timers.length === 0) return false;
  const at = nowMs();
  const first = timers.findIndex(({ due }) => due > at);
  const due = timers.splice(0, first < 0 ? timers.length : first);
  for (const timer of due) timer.fire();
  return due.length > 0;
}

/** Blocks on a wait, no longer than until the next timer if it can; false if there is none. */
function blockOnce(mostMs: number | undefined): boolean {
  const one = waits.find(({ kind }) => kind === "whole") ?? (waits.length === 1 ? waits[0] : undefined);
  if (one !== undefined) {
    if (one.block(limit(mostMs)) || one.kind === "whole") remove(one);
    return true;
  }
  if (waits.length === 0) return false;
  const over = [...waits].filter((wait) => wait.block(0));
  over.forEach(remove);
  if (over.length > 0) return true;
  // Each of them in its turn.
  const next = waits.shift()!;
  waits.push(next);
  if (next.block(limit(Math.min(mostMs ?? SLICE_MS, SLICE_MS)))) remove(next);
  return true;
}

function remove(wait: Wait): void {
  const at = waits.indexOf(wait);
  if (at >= 0) waits.splice(at, 1);
}

function limit(mostMs: number | undefined): number | undefined {
  const timer = timers[0];
  if (timer === undefined) return mostMs;
  const left = Math.max(0, Math.ceil(timer.due - nowMs()));
  return mostMs === undefined ? left : Math.min(mostMs, left);
}

/** Between messages: asks for a timer event, to go on with what is left. */
function arrange(): void {
  if (active > 0) return;
  const rest = waits.filter(({ kind }) => kind !== "event");
  const next = timers[0]?.due;
  if (rest.length === 0 && next === undefined) return;
  const at = nowMs();
  const background = rest.some(({ kind }) => kind === "whole") ? at : at + BACKGROUND_MS;
  const due = Math.min(rest.length === 0 ? Infinity : background, next ?? Infinity);
  if (wake !== undefined && wake.due <= due) return;
  if (wake !== undefined) cancel(wake.reference);
  const ms = Math.max(0, Math.ceil(due - at));
  wake = { reference: plain(sendAfter(ms, new Uint8Array())), due };
}

function nowMs(): number {
  return plain(now()) / 1e6;
}

/** How many turns of the queue of promises a call and its caller's callers may take to begin what they wait for together. */
const TURNS = 32;

/** How long one of several waits is blocked on before the next one. */
const SLICE_MS = 8;

/** How long a wait may hold up the messages of a service, and how long these go before. */
const BACKGROUND_MS = 2;

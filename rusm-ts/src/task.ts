/// <reference path="./host.d.ts" />
import { park, unpark } from "rusm:actor/wait-async@0.1.0";

// The component model runs each call of an export as a task of its own, and a task has to give its result itself. But a
// promise may be resolved while another task runs: by a timer that an earlier message set, for one. So every wait for
// the host notes whose it is, and a call that may be resolved by others keeps a wait of its own to come back by.

let current = 0;
let last = 0;

/** How many waits for the host there are, of all tasks. */
let waits = 0;

/** Whether there was none when the last task began. */
let begunAlone = true;

/**
 * Reads a host's future, and makes of its value what the caller wants. It has to be dropped whatever happens: nothing
 * else gives its memory back. One promise instead of an async function's several: calls are made of this.
 */
export function readThen<T, R>(future: HostFuture<T>, make: (value: T) => R): Promise<R> {
  const own = current;
  waits++;
  const done = (): void => {
    current = own;
    waits--;
    future.drop();
  };
  return future.read().then(
    (value) => {
      done();
      return make(value);
    },
    (error: unknown) => {
      done();
      throw error;
    },
  );
}

/** Reads a host's future. */
export function read<T>(future: HostFuture<T>): Promise<T> {
  return readThen(future, (value) => value);
}

/** Runs the call of an export so that its result is there in its own task. */
export function inOwnTask<T>(run: () => T | Promise<T>): Promise<T> {
  const own = enterTask();
  const running = run();
  return running instanceof Promise ? leaveTask(own, running) : Promise.resolve(running);
}

/** The call of an export begins: its task. */
export function enterTask(): number {
  begunAlone = waits === 0;
  current = ++last;
  return current;
}

/** The result of the call that has begun last, made to be there in its own task. */
export function leaveTask<T>(own: number, running: Promise<T>): Promise<T> {
  // Nobody else waits for anything: then nobody else can resolve what this call awaits.
  return begunAlone ? running : comeBack(own, running);
}

async function comeBack<T>(own: number, running: Promise<T>): Promise<T> {
  let settled = false;
  const finish = (): void => {
    settled = true;
    unpark(own);
  };
  running.then(finish, finish);
  // Most calls are done without any wait.
  for (let turn = 0; turn < 8 && !settled; turn++) await undefined;
  if (!settled) await read(park(own));
  return running;
}

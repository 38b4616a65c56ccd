/// <reference path="./host.d.ts" />
import {
  register as hostRegister,
  unregister as hostUnregister,
  whereis as hostWhereis,
} from "rusm:actor/names@0.1.0";
import {
  alive as hostAlive,
  demonitor as hostDemonitor,
  env as hostEnv,
  exit as hostExit,
  exitProcess as hostExitProcess,
  info as hostInfo,
  kill as hostKill,
  link as hostLink,
  monitor as hostMonitor,
  reply as hostReply,
  self as hostSelf,
  send as hostSend,
  trapExit as hostTrapExit,
  unlink as hostUnlink,
} from "rusm:actor/process@0.1.0";
import * as timers from "rusm:actor/timers@0.1.0";
import {
  load as hostLoad,
  receive as hostReceive,
  sleep as hostSleep,
  spawn as hostSpawn,
} from "rusm:actor/wait-async@0.1.0";

import { fromHost } from "./error.ts";
import { direct } from "./future.ts";
import { hostOptions } from "./spawn.ts";
import { readerEnded } from "./stream.ts";
import { read } from "./task.ts";
import type { Delivery, Event, ExitReason, Filter, Pid, SpawnOptions, Target } from "./types.ts";
import { milliseconds, named } from "./well-formed.ts";

/** What is known of a process. */
export interface ProcessInfo {
  /** The component it runs; empty for a native process. */
  component: string;
  /** The name it is registered under. */
  name: string | undefined;
  /** Messages that wait in its mailbox. */
  mailbox: number;
  links: number;
  monitors: number;
  trapExit: boolean;
}

/** The calling process. */
export function self(): Pid {
  return hostSelf();
}

/** Sends bytes to a process or a name. A process that is gone takes them silently. */
export function send(to: Pid | string, body: Uint8Array): void {
  direct(() => hostSend(target(to), body));
}

/** Waits for the first message that the filter admits, in a raw process; undefined when the time is up. */
export async function receive(
  filter: Filter = { tag: "any" },
  timeoutMs?: number,
): Promise<Event | { tag: "delivery"; val: Delivery } | undefined> {
  const limit = timeoutMs === undefined ? null : milliseconds(timeoutMs);
  for (;;) {
    const event = await read(hostReceive(filter, limit));
    if (event === null) return undefined;
    // Ends of streams are the business of whoever holds them.
    if (event.tag === "stream-end") readerEnded(event.val.handle);
    if (event.tag === "demand" || event.tag === "stream-end") continue;
    if (event.tag === "delivery") event.val.key >>>= 0;
    return event;
  }
}

/** Answers a call that a raw process received. False if the caller no longer waits. */
export function reply(reference: number, body: Uint8Array): boolean {
  return hostReply(reference, body);
}

/** Starts a process of a component whose constructor takes nothing, or of a program of `wasi:cli`. */
export async function spawn(
  component: string,
  options: SpawnOptions = {},
): Promise<{ pid: Pid; monitor: number | undefined }> {
  const result = await read(
    hostSpawn(component, hostOptions(undefined, undefined, new Uint8Array(), options)),
  );
  if (result.tag === "err") throw fromHost(result.val);
  return { pid: result.val.pid, monitor: result.val.monitor ?? undefined };
}

/**
 * Loads a component from its bytes, with these of this process's grants, written as in the manifest; the name by which it can
 * be spawned. Needs the grant `load`.
 */
export async function load(
  component: Uint8Array,
  { capabilities = [] }: { capabilities?: readonly string[] } = {},
): Promise<string> {
  const result = await read(hostLoad(component, [...capabilities]));
  if (result.tag === "err") throw fromHost(result.val);
  return result.val;
}

/**
 * Links this process and another: when one ends abnormally, so does the other, unless it traps exits. Needs the grant `link` for
 * the other's name or component, save within the family: who spawned this process, those that it spawned, and the other
 * children of its supervisor, save the root.
 */
export function link(other: Pid): void {
  direct(() => hostLink(other));
}

/** Ends a link. */
export function unlink(other: Pid): void {
  hostUnlink(other);
}

/** Watches a process: one `down` event with this reference arrives when it ends. A name needs the grant `lookup`. */
export function monitor(other: Pid | string): number {
  return direct(() => hostMonitor(target(other)));
}

/** Ends a monitor, and takes back its event if it has arrived. */
export function demonitor(reference: number): boolean {
  return hostDemonitor(reference);
}

/** Ends this process. */
export function exit(reason: ExitReason): never {
  return hostExit(reason);
}

/** Sends an exit to a process, as if a linked one had ended. Needs the grant `control`, save for own children. */
export function exitProcess(other: Pid, reason: ExitReason): void {
  direct(() => hostExitProcess(other, reason));
}

/** Ends a process that cannot trap it. Needs the same grant. */
export function kill(other: Pid): void {
  direct(() => hostKill(other));
}

/** From now on exits of linked processes arrive as events, or end this process (the default). */
export function trapExit(on: boolean): boolean {
  return hostTrapExit(on);
}

/** Whether the process is there. */
export function alive(other: Pid): boolean {
  return hostAlive(other);
}

/**
 * What is known of a process; undefined once it is gone. One outside of the family is as one that is gone, unless the grant
 * `control`, or `lookup` for its name, is there.
 */
export function info(other: Pid): ProcessInfo | undefined {
  const known = hostInfo(other);
  return known === null ? undefined : { ...known, name: known.name ?? undefined };
}

/** An environment variable that the component was granted. */
export function env(name: string): string | undefined {
  return direct(() => hostEnv(name)) ?? undefined;
}

/** Registers this process under a name, which is freed when it ends. */
export function register(name: string): void {
  direct(() => hostRegister(named(name)));
}

/** Frees the name, if it is this process's. */
export function unregister(name: string): boolean {
  return hostUnregister(named(name));
}

/** The process that has this name now. */
export function whereis(name: string): Pid | undefined {
  return hostWhereis(named(name)) ?? undefined;
}

/** Sends a `timer` event with these bytes to this process, so many milliseconds from now. */
export function sendAfter(ms: number, body: Uint8Array = new Uint8Array()): number {
  return timers.sendAfter(milliseconds(ms), body);
}

/** Stops such a timer, and answers how many milliseconds were left; undefined if it has fired. */
export function cancelTimer(timer: number): number | undefined {
  return timers.cancel(timer) ?? undefined;
}

/** Waits so many milliseconds. */
export async function sleep(ms: number): Promise<void> {
  await read(hostSleep(milliseconds(ms)));
}

function target(to: Pid | string): Target {
  return typeof to === "string" ? { tag: "name", val: named(to) } : { tag: "process", val: to };
}

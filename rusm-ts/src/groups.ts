/// <reference path="./host.d.ts" />
import {
  broadcast as hostBroadcast,
  demonitor as hostDemonitor,
  join as hostJoin,
  leave as hostLeave,
  members as hostMembers,
  monitor as hostMonitor,
} from "rusm:actor/groups@0.1.0";

import { direct } from "./future.ts";
import type { Pid } from "./types.ts";
import { named } from "./well-formed.ts";

/** Lets this process join a group of the node; it leaves when it ends. Needs the grant `group`, as all of these. */
export function join(group: string): void {
  direct(() => hostJoin(named(group)));
}

/** Lets it leave, once for each time it joined. False if it is no member. */
export function leave(group: string): boolean {
  return direct(() => hostLeave(named(group)));
}

/** The members in the order in which they joined. */
export function members(group: string): Pid[] {
  return direct(() => hostMembers(named(group)));
}

/** Sends the same bytes to each member; how many have taken them. */
export function broadcast(group: string, body: Uint8Array): number {
  return direct(() => hostBroadcast(named(group), body));
}

/** From now on each change arrives as a `group-change` event with this reference; and who is a member now. */
export function monitor(group: string): { reference: number; members: Pid[] } {
  const [reference, members] = direct(() => hostMonitor(named(group)));
  return { reference, members };
}

/** Ends such a monitor, and takes back what of it has arrived. */
export function demonitor(reference: number): boolean {
  return hostDemonitor(reference);
}

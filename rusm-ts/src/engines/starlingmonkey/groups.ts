/// <reference path="./host.d.ts" />
// `rusm:actor/groups` with numbers.
import * as host from "rusm:actor/groups@0.1.0";

import { direct } from "./values.ts";

export { demonitor } from "rusm:actor/groups@0.1.0";

export const join = (group: string): void => direct(() => host.join(group));
export const leave = (group: string): boolean => direct(() => host.leave(group));
export const members = (group: string): HostPid[] => direct(() => host.members(group));
export const broadcast = (group: string, body: Uint8Array): number =>
  direct(() => host.broadcast(group, body));
export const monitor = (group: string): [number, HostPid[]] => direct(() => host.monitor(group));

/// <reference path="./host.d.ts" />
// `rusm:actor/supervisors-async` over `rusm:actor/supervisors`.
import * as host from "rusm:actor/supervisors@0.1.0";

import { whole } from "./loop.ts";
import { resultOf } from "./values.ts";

const waiting =
  <A extends unknown[], T>(run: (...args: A) => T) =>
  (...args: A): HostFuture<HostResult<T, HostError>> =>
    whole(() => resultOf(() => run(...args)));

export const start = waiting(host.start);
export const startUnder = waiting(host.startUnder);
export const startChild = waiting(host.startChild);
export const terminateChild = waiting(host.terminateChild);
export const terminate = waiting(host.terminate);
export const restartChild = waiting(host.restartChild);
export const deleteChild = waiting(host.deleteChild);
export const whichChildren = waiting(host.whichChildren);
export const countChildren = waiting(host.countChildren);
export const stop = waiting(host.stop);

/// <reference path="./host.d.ts" />
// `rusm:actor/names` with numbers and null.
import * as host from "rusm:actor/names@0.1.0";

import { direct, plain } from "./values.ts";

export { unregister } from "rusm:actor/names@0.1.0";

export const register = (name: string): void => direct(() => host.register(name));
export const whereis = (name: string): HostPid | null => plain(host.whereis(name)) ?? null;

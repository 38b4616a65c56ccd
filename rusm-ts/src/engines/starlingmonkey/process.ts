/// <reference path="./host.d.ts" />
// `rusm:actor/process` with numbers and null.
import * as host from "rusm:actor/process@0.1.0";

import { direct, plain } from "./values.ts";

export {
  alive,
  demonitor,
  exit,
  reply,
  replyError,
  reportCrash,
  takesSeveral,
  trapExit,
  unlink,
} from "rusm:actor/process@0.1.0";

type Host = typeof host;

let own: HostPid | undefined;

export const self: Host["self"] = () => ({ ...(own ??= plain(host.self())) });
export const send: Host["send"] = (to, body) => direct(() => host.send(to, body));
export const cast: Host["cast"] = (to, key, body) => direct(() => host.cast(to, key, body));
export const link: Host["link"] = (other) => direct(() => host.link(other));
export const monitor: Host["monitor"] = (other) => direct(() => host.monitor(other));
export const exitProcess: Host["exitProcess"] = (other, reason) =>
  direct(() => host.exitProcess(other, reason));
export const kill: Host["kill"] = (other) => direct(() => host.kill(other));
export const info: Host["info"] = (other) => plain(host.info(other)) ?? null;
export const env: Host["env"] = (name) => direct(() => host.env(name)) ?? null;
export const randomBytes: Host["randomBytes"] = (length) => plain(host.randomBytes(length));

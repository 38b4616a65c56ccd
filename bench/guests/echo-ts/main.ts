import { service } from "rusm-ts";

import { Echo } from "./gen/echo.ts";

let received = 0n;
let next: Echo | undefined;

export default service(Echo, {
  echo(number) {
    return number;
  },

  received() {
    return received;
  },

  follow(to) {
    next = to === undefined ? undefined : Echo.fromPid(to);
  },

  async relay(number) {
    return next === undefined ? number : next.relay(number);
  },

  async ask(times, whom) {
    for (let number = 0n; number < times; number++) {
      if ((await whom.answer(number)) !== number) throw new Error("another number came back");
    }
    return times;
  },

  *pour(pieces) {
    for (let sent = 0; sent < pieces; sent++) yield new Uint8Array(65_536).fill(7);
  },

  *gush(pieces) {
    for (let sent = 0; sent < pieces; sent++) yield new Uint8Array(65_536).fill(7);
  },

  copy: (bytes) => bytes,

  crash() {
    throw new Error("told to");
  },

  spinInHost() {
    for (;;) crypto.getRandomValues(new Uint8Array(65_536));
  },

  spin() {
    for (;;);
  },

  info() {
    received++;
  },
});

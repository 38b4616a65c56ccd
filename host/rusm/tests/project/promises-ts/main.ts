import { service } from "rusm-ts";

import { Promises } from "./gen/promises.ts";

let soon: Promise<string> = Promise.resolve("nothing began");
let ticks = 0;

export default service(Promises, {
  begin(ms) {
    soon = new Promise((resolve) => setTimeout(() => resolve("now"), ms));
    const interval = setInterval(() => {
      if (++ticks === 3) clearInterval(interval);
    }, 1);
  },

  soon() {
    return soon;
  },

  ticks() {
    return ticks;
  },

  throwLater(text) {
    setTimeout(() => {
      throw new Error(text);
    }, 1);
  },
});

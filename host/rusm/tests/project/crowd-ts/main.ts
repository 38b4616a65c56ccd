import { service } from "rusm-ts";

import { Crowd } from "./gen/crowd.ts";

let inside = 0;
let open: () => void = () => {};
const full = new Promise<void>((resolve) => {
  open = resolve;
});

export default service(
  Crowd,
  {
    async gather(number) {
      if (++inside === number) open();
      await full;
      return inside;
    },

    reject() {
      void Promise.reject(new Error("of no importance"));
    },
  },
  { concurrency: 5, unhandledRejections: "log" },
);

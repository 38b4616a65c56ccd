import { service } from "rusm-ts";

import { Echo } from "./gen/echo.ts";

let received = 0n;

export default service(Echo, {
  echo(number) {
    return number;
  },

  received() {
    return received;
  },

  info() {
    received++;
  },
});

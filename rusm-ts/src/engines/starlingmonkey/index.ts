/// <reference path="./host.d.ts" />
// What the bundler puts around a component for StarlingMonkey.
import "./web.ts";

import { crash } from "../../crash.ts";
import type { ServerExports } from "../../server.ts";
import { during, goOn, isWake, setOnStuck } from "./loop.ts";
import { install } from "./stack.ts";
import { plain } from "./values.ts";
import { roomIn } from "./wait-async.ts";

install();
setOnStuck(crash);

/** The export `server` of a service, from what would be its `server-async`. */
export function serverOf(made: ServerExports | undefined): ServerExports | undefined {
  return (
    made && {
      init: (key, body) => during(() => made.init(key, plain(body))),
      handle: (key, request, body, streamEnd) =>
        during(() => made.handle(key, plain(request), plain(body), plain(streamEnd) ?? null)),
      info: (given) => {
        const event = plain(given);
        if (event.tag === "timer" && isWake(event.val.timer)) return during(goOn);
        if (event.tag === "demand") roomIn(event.val as number);
        if (event.tag === "stream-end") roomIn((event.val as { handle: number }).handle);
        return during(() => made.info(event));
      },
      terminate: (reason) => during(() => made.terminate(plain(reason))),
    }
  );
}

/** The export `run` of a raw process. */
export function runOf(run: (() => Promise<void>) | undefined): (() => Promise<void>) | undefined {
  return run && (() => during(run));
}

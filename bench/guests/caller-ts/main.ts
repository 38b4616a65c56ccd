import { process, service } from "rusm-ts";

import { Caller } from "./gen/caller.ts";
import { Echo } from "./gen/echo.ts";

export default service(Caller, {
  async call(component, calls) {
    const echo = await Echo.spawn(component);
    const run = async (calls: number): Promise<void> => {
      for (let number = 0n; number < calls; number++) {
        if ((await echo.echo(number)) !== number) throw new Error("another number came back");
      }
    };
    await run(calls / 10);
    const start = performance.now();
    await run(calls);
    return BigInt(Math.round(((performance.now() - start) * 1e6) / calls));
  },

  async send(component, messages) {
    const echo = (await Echo.spawn(component)).withDeadline(60_000);
    const pid = echo.pid()!;
    const body = new Uint8Array(16).fill(7);
    const start = performance.now();
    for (let sent = 0; sent < messages; sent++) process.send(pid, body);
    if ((await echo.received()) !== BigInt(messages)) throw new Error("messages are missing");
    return BigInt(Math.round(((performance.now() - start) * 1e6) / messages));
  },
});

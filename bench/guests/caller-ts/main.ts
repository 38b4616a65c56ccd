import { process, service } from "rusm-ts";

import { Asked } from "./gen/asked.ts";
import { Caller } from "./gen/caller.ts";
import { Echo } from "./gen/echo.ts";

async function roundTrips(echo: Echo, calls: number): Promise<bigint> {
  const run = async (calls: number): Promise<void> => {
    for (let number = 0n; number < calls; number++) {
      if ((await echo.echo(number)) !== number) throw new Error("another number came back");
    }
  };
  await run(calls / 10);
  const start = performance.now();
  await run(calls);
  return BigInt(Math.round(((performance.now() - start) * 1e6) / calls));
}

export default service(Caller, {
  async call(component, calls) {
    return roundTrips(await Echo.spawn(component), calls);
  },

  callPid(callee, calls) {
    return roundTrips(Echo.fromPid(callee), calls);
  },

  async callback(component, calls) {
    const echo = (await Echo.spawn(component)).withDeadline(60_000);
    const run = (calls: number): Promise<number> => echo.ask(calls, Asked.callback({ answer: (number) => number }));
    await run(calls / 10);
    const start = performance.now();
    await run(calls);
    return BigInt(Math.round(((performance.now() - start) * 1e6) / calls));
  },

  async chain(component, calls) {
    const services: Echo[] = [];
    for (let made = 0; made < 4; made++) services.push(await Echo.spawn(component));
    services.slice(0, 3).forEach((service, at) => service.follow(services[at + 1]!.pid()));
    const start = performance.now();
    for (let number = 0n; number < calls; number++) await services[0]!.relay(number);
    return BigInt(Math.round(((performance.now() - start) * 1e6) / calls));
  },

  async send(component, messages, bytes) {
    const echo = (await Echo.spawn(component)).withDeadline(60_000);
    const pid = echo.pid()!;
    const body = new Uint8Array(bytes).fill(7);
    const start = performance.now();
    for (let sent = 0; sent < messages; sent++) process.send(pid, body);
    if ((await echo.received()) !== BigInt(messages)) throw new Error("messages are missing");
    return BigInt(Math.round(((performance.now() - start) * 1e6) / messages));
  },

  sendRaw() {
    throw new Error("not measured");
  },

  async read(component, pieces) {
    const echo = await Echo.spawn(component);
    const start = performance.now();
    let bytes = 0;
    for await (const piece of echo.pour(pieces)) bytes += piece.length;
    return BigInt(Math.round(bytes / ((performance.now() - start) * 1e3)));
  },

  async readBytes(component, pieces) {
    const echo = await Echo.spawn(component);
    const start = performance.now();
    let bytes = 0;
    for await (const chunk of echo.gush(pieces)) bytes += chunk.length;
    return BigInt(Math.round(bytes / ((performance.now() - start) * 1e3)));
  },

  async copyBytes(component, pieces) {
    const echo = await Echo.spawn(component);
    const piece = new Uint8Array(65_536).fill(7);
    const start = performance.now();
    let bytes = 0;
    for await (const chunk of echo.copy(Array.from({ length: pieces }, () => piece))) bytes += chunk.length;
    return BigInt(Math.round(bytes / ((performance.now() - start) * 1e3)));
  },
});

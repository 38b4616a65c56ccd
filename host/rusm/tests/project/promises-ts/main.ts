import { process, RusmError, service } from "rusm-ts";

import { Probe } from "./gen/probe.ts";
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

  async overtaken(name, ms) {
    const probe = await Probe.named(name);
    let fired = false;
    setTimeout(() => (fired = true), ms);
    let calls = 0;
    for (; !fired; calls++) await probe.count();
    return calls;
  },

  async web() {
    const before = performance.now();
    await new Promise<void>((resolve) => queueMicrotask(resolve));
    const said = ["fetch", "URL", "structuredClone"].map((name) => `${name} ${typeof Reflect.get(globalThis, name)}`);
    const url = new URL("../b?x=1", "https://ÄB.example/c/d");
    url.searchParams.append("y", "é");
    url.port = "8080";
    const text = "an ünusual text, which is longer than a short one: 😀";
    const bytes = new TextEncoder().encode(text);
    const cancelled = AbortSignal.timeout(1);
    await new Promise<void>((resolve) => cancelled.addEventListener("abort", () => resolve()));
    return [
      ...said,
      `${url} ${URL.canParse("nothing")} ${structuredClone(new Map([[1, url.host]])).get(1)}`,
      `${bytes.length} ${new TextDecoder().decode(bytes) === text}`,
      new TextDecoder().decode(new Uint8Array([...bytes, 0xff])).slice(-3),
      new TextEncoder().encode(text + "\ud800").slice(-3).join(),
      String(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID())),
      String(new Set(crypto.getRandomValues(new Uint8Array(64))).size > 10),
      String(performance.now() > before && cancelled.aborted),
    ];
  },

  async odd() {
    const said = (run: () => unknown): string => {
      try {
        return String(run());
      } catch (error) {
        return String(error);
      }
    };
    let fired = 0;
    for (const ms of [Infinity, 1e300, NaN, -1, 2 ** 31]) setTimeout(() => fired++, ms);
    void process.sleep(Infinity);
    const getter = {
      get x(): number {
        throw new Error("looked at");
      },
    };
    const own = new Error("its own cause");
    own.cause = own;
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const shown = [new Date(NaN), getter, own, proxy, "\ud800", "😀".slice(0, 1)];
    const logged = shown.map((value) => said(() => console.debug(value)));
    await new Promise<void>((resolve) => setTimeout(resolve, 20));
    return [String(fired), ...logged, said(() => process.whereis("\ud800")), said(() => process.send("\ud800", new Uint8Array()))];
  },

  draw() {
    return [Math.random(), Math.random(), Math.random()];
  },

  async pipes(name) {
    const probe = await Probe.named(name);
    const other = await Promises.spawn("promises-ts");
    const said = async (run: () => Promise<unknown>): Promise<string> => {
      try {
        return String(await run());
      } catch (error) {
        return error instanceof RusmError ? `${error.code}: ${error.message}` : String(error);
      }
    };
    const signal = AbortSignal.abort();
    const collected: number[] = [];
    const collect = async (items: AsyncIterable<number>): Promise<string> => {
      for await (const item of items) collected.push(item);
      return "ended";
    };
    const before = await probe.count();
    const results = [
      await said(() => probe.add({ sku: "a", qty: 1 }, { signal })),
      await said(() => probe.sum(0n, [1], 9, { signal })),
      await said(() => collect(probe.numbers(3, { signal }))),
      String((await probe.count()) - before),
      // What came before the failure arrives, at the other end of both streams.
      await said(() => collect(probe.broken(3))),
      collected.join(),
      await said(() => other.take(probe.broken(3))),
      await said(() => other.take(failing([1, 2], new RusmError("refused", "no more")))),
      await said(() => other.take([1, "two" as unknown as number])),
      // All of that was the caller's fault.
      await said(() => other.take([1, 2, 3])),
    ];
    const late = new AbortController();
    setTimeout(() => late.abort(), 10);
    results.push(await said(() => other.take(stuck(), { signal: late.signal })));
    results.push(await said(() => other.take([4])));
    return results;
  },

  async take(values) {
    let sum = 0;
    for await (const value of values) sum += value;
    return sum;
  },

  throwLater(text) {
    setTimeout(() => {
      throw new Error(text);
    }, 1);
  },
});

async function* failing(numbers: number[], error: Error): AsyncGenerator<number> {
  yield* numbers;
  throw error;
}

async function* stuck(): AsyncGenerator<number> {
  yield 1;
  await new Promise(() => {});
}

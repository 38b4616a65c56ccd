import { process, RusmError, service, Sink } from "rusm-ts";

import { Probe } from "./gen/probe.ts";
import { Promises } from "./gen/promises.ts";

let soon: Promise<string> = Promise.resolve("nothing began");
let ticks = 0;
let left = 0;

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

  dive(kind) {
    let depth = 0;
    const said = (run: () => unknown): string => {
      try {
        depth = 0;
        return String(run()).slice(0, 40);
      } catch (error) {
        return `${(error as Error).name}: ${(error as Error).message} ${depth}`;
      }
    };
    const plain = (): number => (depth++, plain() + 1);
    const wide = (a: number, b: string, ...rest: unknown[]): unknown[] => (depth++, [...wide(a + 1, `${b}x`.slice(-3), a, ...rest.slice(0, 3)), a]);
    const mapped = (): unknown => (depth++, [1].map(() => mapped()));
    class Deep {
      constructor() {
        depth++;
        new Deep();
      }
      get deeper(): unknown {
        depth++;
        return this.deeper;
      }
    }
    const tagged = { toString: (): string => (depth++, `${tagged}`) };
    const proxy: Record<string, unknown> = new Proxy({}, { get: () => (depth++, proxy["x"]) });
    const sorted = (): unknown => (depth++, [2, 1].sort(() => (sorted(), 0)));
    const replaced = (): string => (depth++, "a".replace(/a/, () => replaced()));
    function* generated(): Generator<number> {
      depth++;
      yield* generated();
    }
    let nested: unknown = 1;
    for (let at = 0; at < 100_000; at++) nested = [nested];
    const kinds = [
      plain,
      () => wide(0, "", 1),
      mapped,
      () => new Deep(),
      () => Object.create(Deep.prototype).deeper,
      () => `${tagged}`,
      () => proxy["x"],
      sorted,
      replaced,
      () => [...generated()],
      () => JSON.stringify(nested),
      () => JSON.parse("[".repeat(100_000) + "]".repeat(100_000)),
      () => structuredClone(nested),
      () => String(nested),
      () => (nested as unknown[]).flat(Infinity).length,
      () => new RegExp("(".repeat(100_000) + ")".repeat(100_000)),
      () => Reflect.construct(Function, [`${"(".repeat(20_000)}1${")".repeat(20_000)}`]),
    ];
    const chosen = kinds[kind];
    return chosen && said(chosen);
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
    // The callee has seen enough, or never will, while the items let themselves be awaited.
    const begun = performance.now();
    results.push(await said(() => probe.sum(0n, stuck(), 1)));
    results.push(await said(() => probe.sum(0n, stuck(), 9, { deadlineMs: 30 })));
    // A reader that leaves is noticed by what waits, and its own `next` ends.
    for (const ms of [0, 20]) {
      const reading = other.drip(ms)[Symbol.asyncIterator]();
      results.push(String((await reading.next()).value));
      const next = reading.next();
      await reading.return?.();
      results.push(String((await next).done));
    }
    const sink = new Sink<number>();
    const reading = sink[Symbol.asyncIterator]();
    const next = reading.next();
    void reading.return?.();
    results.push(`${(await next).done} ${sink.open} ${sink.push(1)}`);
    for (let tries = 0; tries < 100 && (await other.left()) < 2; tries++) await process.sleep(10);
    results.push(String(await other.left()), String(performance.now() - begun < 3000));
    return results;
  },

  async take(values) {
    let sum = 0;
    for await (const value of values) sum += value;
    return sum;
  },

  async *drip(ms) {
    // Whoever waits for ever cannot be ended by a language without cancellation: its promise is what has to hear.
    const gone = new Promise<void>((resolve) => setTimeout(resolve, ms === 0 ? 50 : ms));
    try {
      yield 1;
      await gone;
      yield 2;
      await process.sleep(20);
      yield 3;
    } finally {
      left++;
    }
  },

  left() {
    return left;
  },

  reject(how) {
    const failing = async (text: string, ms = 0): Promise<never> => {
      if (ms > 0) await process.sleep(ms);
      throw new Error(text);
    };
    switch (how) {
      case "now":
        void failing("rejected now");
        return;
      case "late":
        void failing("rejected late", 20);
        return;
      case "value":
        void Promise.reject(7);
        return;
      case "many":
        for (let at = 0; at < 100; at++) failing(`many ${at}`).catch(() => undefined);
        for (let at = 0; at < 100; at++) void failing(`rejected ${at}`);
        return;
      default: {
        const handled = failing("handled within the turn");
        const later = failing("handled within the turn, too");
        void Promise.resolve().then(() => Promise.allSettled([handled, later]));
        Promise.race([failing("loses", 20), failing("wins", 10)]).catch(() => undefined);
      }
    }
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

import { process, RusmError, service } from "rusm-ts";

import { Driver } from "./gen/driver.ts";
import { Probe, type Refusal } from "./gen/probe.ts";

export default service(Driver, {
  async run(scenario, probe) {
    const run = scenarios[scenario];
    if (run === undefined) throw new Error(`no scenario ${scenario}`);
    return await run(probe);
  },
});

const fresh = (component: string): Promise<Probe> => Probe.spawn(component, "", 3);

const scenarios: Record<string, (component: string) => Promise<string>> = {
  spawn: async (component) => String(await (await fresh(component)).count()),

  "spawn-refused": async (component) => {
    const error = await failure(Probe.spawn(component, "refuse", 7));
    return error.code === "refused" ? String(error.payload) : error.message;
  },

  "spawn-crash": async (component) => crashOf(await failure(Probe.spawn(component, "crash", 7))),

  "spawn-timeout": async (component) =>
    (await failure(Probe.spawn(component, "slow", 10_000, { deadlineMs: 30 }))).code,

  "spawn-unknown": async () => {
    const error = await failure(Probe.spawn("probe-rusty", "", 0));
    return error.message.replace(/^unknown-component: /, "");
  },

  "spawn-denied": async () => (await failure(Probe.spawn("other", "", 0))).message.replace(/^denied: /, ""),

  "spawn-contract": async () => {
    const error = await failure(Probe.spawn("driver-ts", "", 0));
    return error.message.replace(/^contract: /, "").split(": ")[0] ?? "";
  },

  "spawn-name": async (component) => {
    const name = `named-${component}-ts`;
    const first = await Probe.spawn(component, "", 5, { name });
    const again = await failure(Probe.spawn(component, "", 5, { name }));
    const byName = await Probe.named(name);
    const holder = again.payload as { id: number } | undefined;
    const same = again.code === "already-registered" && holder?.id === first.pid()?.id;
    return `${same} ${await byName.count()}`;
  },

  call: async (component) => String(await (await fresh(component)).add({ sku: "a", qty: 4 })),

  "typed-error": async (component) => {
    const probe = await fresh(component);
    const refused = async (sku: string): Promise<string> => {
      const refusal = (await failure(probe.add({ sku, qty: 1 }))).payload as Refusal;
      return refusal.tag === "closed" ? "closed" : `out of stock: ${refusal.val}`;
    };
    return `${await refused("none")}; ${await refused("closed")}`;
  },

  cast: async (component) => {
    const probe = await fresh(component);
    probe.clear();
    return String(await probe.count());
  },

  "stream-out": async (component) => {
    let sum = 0;
    for await (const number of (await fresh(component)).numbers(100_000)) sum += number;
    return String(sum);
  },

  "stream-refused": async (component) => {
    const probe = await fresh(component);
    const error = await failure(collect(probe.numbers(0)));
    return String(error.payload);
  },

  "stream-out-close": async (component) => {
    const probe = await fresh(component);
    let last = 0n;
    for await (const number of probe.endless()) {
      last = number;
      if (number === 999n) break;
    }
    return `${last} ${await probe.count()}`;
  },

  "stream-out-abort": async (component) => {
    let read = 0;
    try {
      for await (const _ of (await fresh(component)).broken(10)) read++;
    } catch (error) {
      return `${read} ${RusmError.from(error).message.replace(/^aborted: /, "")}`;
    }
    return "no end";
  },

  "stream-in": async (component) => String(await (await fresh(component)).sum(5n, upTo(100_000), 0xffff_ffff)),

  "stream-in-close": async (component) => String(await (await fresh(component)).sum(0n, upTo(Infinity), 100)),

  "stream-in-abort": async (component) => {
    const probe = await fresh(component);
    async function* values(): AsyncGenerator<number> {
      yield 2;
      await process.sleep(20);
      throw new Error("given up");
    }
    const error = await failure(probe.sum(1n, values(), 0xffff_ffff));
    // The caller's own mistake is the caller's to see; the callee learns that the stream was given up.
    while ((await probe.ends()) === 0) await process.sleep(1);
    return `${error.message === "given up" ? 3 : error.message} ${await probe.ends()}`;
  },

  deadline: async (component) => {
    const probe = await fresh(component);
    const error = await failure(probe.slow(200, 1, { deadlineMs: 20 }));
    return `${error.code === "timeout" ? "Err(Timeout)" : error.message} ${await probe.count()}`;
  },

  crash: async (component) => {
    const probe = await Probe.spawn(component, "", 0, { monitor: true });
    // One that is known to be quick crashes within its caller's turn.
    await probe.count();
    await probe.count();
    const error = await failure(probe.crash("on purpose"));
    const reason = error.reason;
    const backtrace = reason?.tag === "crash" ? reason.val.backtrace : "";
    const place = backtrace.includes("break") ? "with its function" : backtrace;
    const gone = (await failure(probe.count())).code === "noproc";
    return `${crashOf(error)} ${place}, ${gone}`;
  },

  big: async (component) => {
    const bytes = Uint8Array.from({ length: 1 << 20 }, (_, n) => n % 251);
    const back = await (await fresh(component)).echo(bytes);
    return `${back.length} ${back.every((byte, at) => byte === bytes[at])}`;
  },

  "ten-thousand": async (component) => {
    const probe = (await fresh(component)).withDeadline(60_000);
    const counts = await Promise.all(Array.from({ length: 10_000 }, () => probe.count()));
    return String(counts.reduce((sum, count) => sum + count, 0));
  },

  together: async (component) => {
    const probe = await fresh(component);
    const calls = [1, 2, 3].map(() => probe.waitForRelease());
    probe.release("now");
    return (await Promise.all(calls)).join(" ");
  },

  cancel: async (component) => {
    const probe = await fresh(component);
    const controller = new AbortController();
    const call = failure(probe.waitForRelease({ signal: controller.signal }));
    setTimeout(() => controller.abort(), 5);
    if ((await call).code !== "cancelled") return (await call).message;
    return String(await probe.count());
  },

  pid: async (component) => {
    const probe = await fresh(component);
    const me = await probe.me();
    return String(me.id === probe.pid()?.id && process.alive(me));
  },
};

async function failure(promise: Promise<unknown>): Promise<RusmError> {
  try {
    return new RusmError("unknown", `no error but ${String(await promise)}`);
  } catch (error) {
    return RusmError.from(error);
  }
}

function crashOf(error: RusmError): string {
  const reason = error.reason;
  if (reason?.tag !== "crash") return error.message;
  const { component, function: of, text } = reason.val;
  return `${component} in ${of}: ${text.replace(/^Error: /, "").split(" at ")[0]}`;
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function* upTo(count: number): Generator<number> {
  for (let n = 0; n < count; n++) yield n;
}

import { service } from "rusm-ts";

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
    const missing = globalThis as unknown as Record<string, new () => unknown>;
    const said = ["fetch", "URL", "structuredClone"].map((name) => {
      try {
        return String(new missing[name]!());
      } catch (error) {
        return String(error);
      }
    });
    const text = "an ünusual text, which is longer than a short one: 😀";
    const bytes = new TextEncoder().encode(text);
    const cancelled = AbortSignal.timeout(1);
    await new Promise<void>((resolve) => cancelled.addEventListener("abort", () => resolve()));
    return [
      ...said,
      `${bytes.length} ${new TextDecoder().decode(bytes) === text}`,
      new TextDecoder().decode(new Uint8Array([...bytes, 0xff])).slice(-3),
      new TextEncoder().encode(text + "\ud800").slice(-3).join(),
      String(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID())),
      String(new Set(crypto.getRandomValues(new Uint8Array(64))).size > 10),
      String(performance.now() > before && cancelled.aborted),
    ];
  },

  throwLater(text) {
    setTimeout(() => {
      throw new Error(text);
    }, 1);
  },
});

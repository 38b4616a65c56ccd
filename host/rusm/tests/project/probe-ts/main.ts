import { later, process, refuse, service } from "rusm-ts";

import { Probe } from "./gen/probe.ts";

let count = 0;
let ends = 0;
let waiting: Array<(text: string) => boolean> = [];

export default service(Probe, {
  async init(mode, stock) {
    if (mode === "refuse") return refuse(`refused with ${stock}`);
    if (mode === "crash") throw new Error("crashed in init");
    while (mode === "spin");
    if (mode === "slow") await process.sleep(stock);
    else count = stock;
  },

  add(item) {
    if (item.sku === "closed") return refuse({ tag: "closed" });
    if (item.sku === "none") return refuse({ tag: "out-of-stock", val: item.sku });
    count += item.qty;
    return count;
  },

  echo(bytes) {
    return bytes;
  },

  async slow(ms, value) {
    await process.sleep(ms);
    return value;
  },

  clear() {
    count = 0;
  },

  count() {
    return count;
  },

  ends() {
    return ends;
  },

  numbers(count) {
    if (count === 0) return refuse("no numbers");
    return upTo(count);
  },

  *endless() {
    for (let n = 0n; ; n++) yield n;
  },

  *broken(after) {
    yield* upTo(after);
    throw new Error("broken on purpose");
  },

  async sum(start, values, limit) {
    let sum = start;
    let read = 0;
    try {
      if (limit === 0) return sum;
      for await (const value of values) {
        sum += BigInt(value);
        if (++read === limit) break;
      }
    } catch {
      ends++;
    }
    return sum;
  },

  crash(text) {
    return breakDown(text);
  },

  me() {
    return process.self();
  },

  waitForRelease() {
    return later((answer) => waiting.push(answer));
  },

  release(text) {
    for (const answer of waiting) answer(text);
    waiting = [];
  },
});

function* upTo(count: number): Generator<number> {
  for (let n = 0; n < count; n++) yield n;
}

function breakDown(text: string): never {
  throw new Error(text);
}

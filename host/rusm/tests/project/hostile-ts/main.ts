import { process, RusmError, service } from "rusm-ts";

import { Hostile } from "./gen/hostile.ts";

export default service(Hostile, {
  async attack(how) {
    switch (how) {
      case "flood-log":
        for (let line = 0; line < 20_000; line++) console.log("a line that nobody wants to read".repeat(4));
        return "done";
      case "change-prototypes":
        // It changes its own world only.
        Object.defineProperty(Object.prototype, "tag", { value: "denied", configurable: true, writable: true });
        delete (Object.prototype as { tag?: string }).tag;
        return "changed";
      case "forge-pids": {
        const { node } = process.self();
        let alive = 0;
        for (let id = 2 ** 50; id < 2 ** 50 + 1_000; id++) if (process.alive({ node, id })) alive++;
        return `${alive} alive`;
      }
      case "timers":
        for (;;) process.sendAfter(3_600_000);
      case "fork-bomb":
        for (;;) {
          try {
            await process.spawn("limits-rust");
          } catch (error) {
            return RusmError.from(error).message;
          }
        }
      case "recursion":
        return String(dive(1e9));
      case "throw":
        throw new Error("thrown on purpose");
      case "throw-nothing":
        throw undefined;
      case "throw-in-a-timer":
        setTimeout(() => {
          throw new Error("from a timer");
        }, 1);
        await process.sleep(10_000);
        return "it goes on";
      case "reject":
        return Promise.reject(new Error("rejected on purpose"));
      case "memory": {
        const all = [];
        for (;;) all.push(new Uint8Array(1 << 20).fill(1));
      }
      case "never":
        return new Promise<string>(() => {});
      case "spin":
        for (;;);
      default:
        return `there is no attack ${how}`;
    }
  },

  spin() {
    for (;;);
  },
});

function dive(depth: number): number {
  return depth === 0 ? 0 : 1 + dive(depth - 1);
}

import { groups, type Pid, process, RusmError, service, Supervision } from "rusm-ts";

import { Hostile } from "./gen/hostile.ts";

export default service(Hostile, {
  async attack(how) {
    const [what, ...words] = how.split(" ");
    const pid = { node: Number(words[0]), id: Number(words[1]) };
    if (what === "on-pid") return attackProcess(pid);
    if (what === "unlink") {
      process.unlink(pid);
      return "done";
    }
    if (what === "on-reference") return attackReference(Number(words[0]));
    if (what === "on-name") return attackName(words[0]!);
    switch (how) {
      case "flood-log":
        for (let line = 0; line < 20_000; line++) console.log("a line that nobody wants to read".repeat(4));
        return "done";
      case "change-prototypes":
        // It changes its own world only.
        Object.defineProperty(Object.prototype, "tag", {
          value: "denied",
          configurable: true,
          writable: true,
        });
        delete (Object.prototype as { tag?: string }).tag;
        return "changed";
      case "forge-pids": {
        // What slots and generations come to, and what is near its own.
        const { node, id: own } = process.self();
        let alive = 0;
        for (let by = 1; by < 1_000; by++) {
          for (const id of [own - by, own + by, 2 ** 24 + by, by * 2 ** 24 + 64]) {
            if (process.alive({ node, id })) alive++;
          }
        }
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

/** Everything that one process can do to another one whose pid it has; what was not refused. */
async function attackProcess(pid: Pid): Promise<string> {
  process.unlink(pid);
  const supervisor = new Supervision(pid);
  return left({
    link: () => process.link(pid),
    custom: () => process.exitProcess(pid, { tag: "custom", val: new Uint8Array(1) }),
    shutdown: () => process.exitProcess(pid, { tag: "shutdown" }),
    kill: () => process.kill(pid),
    info: () => nothing(process.info(pid)),
    "terminate-child": () => supervisor.terminateChild("probe-rust"),
    "which-children": () => supervisor.whichChildren(),
    stop: () => supervisor.stop(),
  });
}

/** Everything that a reference is good for; what had an effect. */
function attackReference(reference: number): Promise<string> {
  return left({
    reply: () => nothing(process.reply(reference, new Uint8Array())),
    cancel: () => nothing(process.cancelTimer(reference)),
    demonitor: () => nothing(process.demonitor(reference)),
    "demonitor-group": () => nothing(groups.demonitor(reference)),
  });
}

/** Everything that a name is good for; what was not refused. */
function attackName(name: string): Promise<string> {
  return left({
    monitor: () => process.monitor(name),
    send: () => process.send(name, new Uint8Array()),
    connect: () => Hostile.named(name),
    whereis: () => nothing(process.whereis(name)),
    register: () => process.register(name),
    unregister: () => nothing(process.unregister(name)),
    join: () => groups.join(name),
    members: () => groups.members(name),
    broadcast: () => groups.broadcast(name, new Uint8Array()),
    "monitor-group": () => groups.monitor(name),
  });
}

/** Throws as a denial does, if there is nothing. */
function nothing(value: unknown): void {
  if (value === undefined || value === false) throw new RusmError("denied", "it is not there");
}

async function left(tried: Record<string, () => unknown>): Promise<string> {
  const left = [];
  for (const [what, run] of Object.entries(tried)) {
    try {
      await run();
      left.push(what);
    } catch (error) {
      const { code } = RusmError.from(error);
      if (code !== "denied" && code !== "noproc") left.push(`${what}: ${code}`);
    }
  }
  return left.join(", ") || "nothing";
}

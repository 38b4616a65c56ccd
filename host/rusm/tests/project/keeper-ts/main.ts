import {
  child,
  type ChildSpec,
  type ExitReason,
  groups,
  process,
  RusmError,
  service,
  Supervision,
  supervisor,
  type Strategy,
} from "rusm-ts";

import { Keeper } from "./gen/keeper.ts";
import { Probe } from "./gen/probe.ts";

const events: string[] = [];
let groupMonitor = 0;

export default service(Keeper, {
  async crash(strategy) {
    const tree = await three(strategy as Strategy);
    const before = await pids(tree);
    await Probe.fromPid(before[1]![1])
      .crash("told to")
      .catch(() => undefined);
    let after = before;
    while (after.length !== 3 || after[1]![1].id === before[1]![1].id) {
      await process.sleep(1);
      after = await pids(tree);
    }
    const fresh = before.filter(([, pid], at) => pid.id !== after[at]![1].id).map(([id]) => id);
    const counts = await tree.countChildren();
    await tree.stop();
    return `new: ${fresh.join(" ")}; ${counts.active} of ${counts.specs}, ${counts.restarts > 0} restarts`;
  },

  async steer() {
    const tree = await three("one-for-one");
    return [
      await states(tree),
      await told(tree.terminateChild("b")),
      await states(tree),
      await told(tree.deleteChild("a")),
      await told(tree.restartChild("b")),
      await told(tree.terminateChild("c").then(() => tree.deleteChild("c"))),
      await told(tree.terminateChild("c")),
      await told(tree.startChild(probeChild("probe-ts", "d"))),
      await states(tree),
      await told(tree.stop()),
      await told(tree.stop()),
    ];
  },

  async crowd() {
    const tree = await supervisor({ name: "crowd", strategy: "dynamic", mostChildren: 3 });
    await tree.startChild(probeChild("probe-rust", "x"));
    const second = await tree.startChild(probeChild("probe-ts", "x"));
    await tree.startChild(probeChild("probe-rust", "x"));
    const lines = [
      await told(tree.startChild(probeChild("probe-rust", "x"))),
      await told(tree.terminate(second)),
      String((await tree.countChildren()).active),
      await told(tree.terminateChild("x")),
    ];
    await tree.stop();
    return lines;
  },

  async nest() {
    const outer = await supervisor({ name: "outer", intensity: 5 });
    const inner = await outer.startSupervisor({ name: "inner", intensity: 0 }, [probeChild("probe-ts", "a")]);
    const lines = [await states(outer), await states(inner)];
    const [[, inside]] = (await pids(inner)) as [[string, typeof inner.pid]];
    await Probe.fromPid(inside)
      .crash("told to")
      .catch(() => undefined);
    while ((await outer.countChildren()).restarts === 0 || (await pids(outer)).length === 0)
      await process.sleep(1);
    const again = new Supervision((await pids(outer))[0]![1]);
    lines.push(`${again.pid.id !== inner.pid.id} ${await states(again)}`);
    lines.push(await told(inner.countChildren()));
    await outer.stop();
    return lines;
  },

  async deny(other) {
    const lines = [
      await told(supervisor({ name: "tree" }, [child("crowd-ts")])),
      await told(new Supervision(other).stop()),
      await told(new Supervision(process.self()).stop()),
    ];
    try {
      groups.join("secret");
      lines.push("joined");
    } catch (error) {
      lines.push(RusmError.from(error).message);
    }
    return lines;
  },

  async keep() {
    return (await supervisor({ name: "kept" }, [probeChild("probe-rust", "a")])).pid;
  },

  async gather() {
    const group = "test";
    const { reference, members } = groups.monitor(group);
    groupMonitor = reference;
    const lines = [`${members.length} members`];
    groups.join(group);
    const own = groups.members(group).map((pid) => pid.id);
    const hello = new TextEncoder().encode("hello");
    lines.push(`${own.length === 1 && own[0] === process.self().id} ${groups.broadcast(group, hello)}`);
    const mail = await process.receive({ tag: "mail" }, 60_000);
    if (mail?.tag !== "mail") throw new Error("no mail");
    lines.push(`${mail.val.sender.id === process.self().id} ${new TextDecoder().decode(mail.val.body)}`);
    lines.push(`${groups.leave(group)} ${groups.leave(group)}`);
    while (events.length < 2) {
      const event = await process.receive({ tag: "system" }, 60_000);
      if (event === undefined) break;
      if (event.tag === "group-change") note(event.val);
    }
    lines.push(...events.splice(0));
    lines.push(`${groups.demonitor(reference)} ${groups.demonitor(reference)}`);
    return lines;
  },

  events() {
    return events;
  },

  async load(component, capabilities) {
    try {
      const name = await process.load(component, { capabilities });
      return `${name} ${await execute(name, [])}`;
    } catch (error) {
      return RusmError.from(error).message;
    }
  },

  execute,

  info(event) {
    if (event.tag === "group-change") note(event.val);
  },
});

async function execute(component: string, args: string[]): Promise<string> {
  try {
    const { monitor } = await process.spawn(component, { monitor: true, arguments: args });
    const event = await process.receive({ tag: "down", val: monitor! }, 60_000);
    return event?.tag === "down" ? inWords(event.val.reason) : "nothing";
  } catch (error) {
    return RusmError.from(error).message;
  }
}

function note(change: { monitor: number; group: string; pid: { id: number }; joined: boolean }): void {
  const own = change.pid.id === process.self().id;
  events.push(`${change.monitor === groupMonitor} ${own} ${change.group} ${change.joined}`);
}

function three(strategy: Strategy): Promise<Supervision> {
  return supervisor({ name: "three", strategy, intensity: 10 }, [
    probeChild("probe-rust", "a"),
    probeChild("probe-ts", "b"),
    probeChild("probe-rust", "c"),
  ]);
}

function probeChild(component: string, id: string): ChildSpec {
  return Probe.child(component, "", 3, { id });
}

/** The running children in their order. */
async function pids(tree: Supervision): Promise<Array<[string, { node: number; id: number }]>> {
  const children = (await tree.whichChildren()).reverse();
  return children.flatMap(({ id, state }) => (state.tag === "running" ? [[id, state.val]] : []));
}

async function states(tree: Supervision): Promise<string> {
  const children = (await tree.whichChildren()).reverse();
  return children
    .map((one) => `${one.id}${one.supervisor ? " (supervisor)" : ""} ${one.state.tag}`)
    .join(", ");
}

async function told(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "done";
  } catch (error) {
    const { code, message, payload } = RusmError.from(error);
    const tag = (payload as { tag?: string } | undefined)?.tag;
    if (code === "noproc") return "noproc";
    return code === "supervisor" && tag !== "start" ? tag! : message;
  }
}

function inWords(reason: ExitReason): string {
  if (reason.tag === "custom") return `custom: ${new TextDecoder().decode(reason.val)}`;
  return reason.tag;
}

import { type ExitReason, process, RusmError, service, Sink } from "rusm-ts";

import { Limits } from "./gen/limits.ts";
import { Probe } from "./gen/probe.ts";
import { Witness } from "./gen/witness.ts";

const events: string[] = [];
const monitors: number[] = [];
let followers: Array<Sink<string>> = [];

export default service(Witness, {
  async start(component, link, monitor) {
    const probe = await Probe.spawn(component, "", 3, { link, monitor });
    return probe.pid()!;
  },

  async relate(how, other) {
    switch (how) {
      case "link":
        process.link(other);
        return "";
      case "unlink":
        process.unlink(other);
        return "";
      case "monitor":
        monitors.push(process.monitor(other));
        return "";
      case "demonitor":
        return String(process.demonitor(monitors.pop()!));
      case "trap":
        return String(process.trapExit(true));
      case "untrap":
        return String(process.trapExit(false));
      case "take":
        return (await process.receive({ tag: "any" }, 300))?.tag ?? "nothing";
      case "alive":
        return String(process.alive(other));
      case "info": {
        const info = process.info(other);
        if (info === undefined) return "gone";
        return `${info.component} ${info.name ?? "-"} ${info.links} ${info.monitors}`;
      }
      default:
        throw new Error(`witness knows no ${how}`);
    }
  },

  async round(names) {
    const [first, ...rest] = names;
    if (first === undefined) return "the end";
    try {
      const other = await Witness.named(first);
      return await other.round(rest);
    } catch (error) {
      return RusmError.from(error).message;
    }
  },

  names(current, name) {
    const takes = (): boolean => {
      try {
        process.register(name);
        return true;
      } catch {
        return false;
      }
    };
    const second = takes();
    process.unregister(current);
    const before = process.whereis(name) !== undefined;
    const taken = takes();
    const found = process.whereis(name)?.id === process.self().id;
    const again = takes();
    const freed = process.unregister(name) && !process.unregister(name);
    process.register(current);
    return `${second} ${before} ${taken} ${found} ${again} ${freed}`;
  },

  timers(ms) {
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    process.sendAfter(Number(ms), bytes("rings"));
    const later = process.sendAfter(3_600_000, bytes("never rings"));
    const left = process.cancelTimer(later)!;
    return `${left > 3_000_000} ${process.cancelTimer(later) === undefined ? "None" : "left"}`;
  },

  leave(payload) {
    process.exit({ tag: "custom", val: payload });
  },

  async narrowed() {
    const limits = await Limits.spawn("limits-rust", { capabilities: [] });
    const denied = await limits.env("PATH").catch(RusmError.from);
    const wider = await Limits.spawn("limits-rust", { capabilities: ["env:HOME"] }).catch(RusmError.from);
    if (!(denied instanceof RusmError) || !(wider instanceof RusmError)) return "nothing was denied";
    return `${denied.payload}; ${wider.message.replace("denied: ", "")}`;
  },

  events() {
    return events.join("\n");
  },

  follow() {
    const sink = new Sink<string>();
    followers.push(sink);
    return sink;
  },

  giveUp(why) {
    const sink = new Sink<string>();
    sink.push("first");
    sink.abort(why);
    return sink;
  },

  publish(text) {
    followers = followers.filter((follower) => follower.push(text));
    return followers.length;
  },

  dismiss(why) {
    for (const follower of followers) {
      if (why === undefined) follower.close();
      else follower.abort(why);
    }
    followers = [];
  },

  info(event) {
    const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
    switch (event.tag) {
      case "mail":
        events.push(`mail ${text(event.val.body)}`);
        break;
      case "down":
        events.push(`down ${monitors.includes(event.val.monitor)} ${inWords(event.val.reason)}`);
        break;
      case "exit":
        events.push(`exit ${inWords(event.val.reason)}`);
        break;
      case "timer":
        events.push(`timer ${text(event.val.body)}`);
        break;
    }
  },

  terminate(reason) {
    console.info(`witness ends: ${reason.tag}`);
  },
});

function inWords(reason: ExitReason): string {
  if (reason.tag !== "crash") return reason.tag;
  return `crash in ${reason.val.function}: ${reason.val.text.replace(/^Error: /, "")}`;
}

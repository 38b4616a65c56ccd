/// <reference path="./host.d.ts" />
import {
  countChildren as hostCountChildren,
  deleteChild as hostDeleteChild,
  restartChild as hostRestartChild,
  start as hostStart,
  startChild as hostStartChild,
  startUnder as hostStartUnder,
  stop as hostStop,
  terminate as hostTerminate,
  terminateChild as hostTerminateChild,
  whichChildren as hostWhichChildren,
} from "rusm:actor/supervisors-async@0.1.0";

import { RusmError } from "./error.ts";
import { read } from "./task.ts";
import type { Pid, SpawnOptions } from "./types.ts";
import { hostOptions } from "./spawn.ts";

/** Which children are started again when one has to be. `dynamic` is Erlang's `simple_one_for_one`. */
export type Strategy = "one-for-one" | "one-for-all" | "rest-for-one" | "dynamic";

/** When a child that ended is started again. */
export type Restart = "permanent" | "transient" | "temporary";

/** A supervisor. */
export interface SupervisorOptions {
  /** What it is called in listings. */
  name: string;
  /** `one-for-one` by default. */
  strategy?: Strategy;
  /** So many restarts it stands within the period; 1 by default. */
  intensity?: number;
  /** The period in milliseconds; 5,000 by default. */
  periodMs?: number;
  /** Whether it ends with its significant children; `never` by default. */
  autoShutdown?: "never" | "any-significant" | "all-significant";
  /** What becomes of it when there are more restarts: `give-up`, as in Erlang, or the child is put into `quarantine`. */
  excess?: "give-up" | "quarantine";
  /** A child that keeps crashing waits before it is started again: twice as long each time. */
  backoff?: { firstMs: number; longestMs: number };
  /** So many children at most. */
  mostChildren?: number;
}

/** How a child is started each time, and how its supervisor treats it. */
export interface ChildOptions extends Omit<SpawnOptions, "link" | "monitor"> {
  /** Its name among the children; that of the process or else of the component by default. */
  id?: string;
  /** `permanent` by default. */
  restart?: Restart;
  /** It is asked to stop, and killed after so many milliseconds; 5,000 by default, at once with 0. */
  shutdownMs?: number;
  /** Its end may end the supervisor. */
  significant?: boolean;
}

/** A child of a supervisor: made by `child`, or by `child` of a generated client. */
export interface ChildSpec {
  readonly spec: HostChildSpec;
}

/** A child as its supervisor sees it. */
export interface ChildInfo {
  id: string;
  state: { tag: "running"; val: Pid } | { tag: "restarting" } | { tag: "stopped" } | { tag: "quarantined" };
  supervisor: boolean;
}

/** How many children a supervisor has. */
export interface ChildCounts {
  /** Known, running or not. */
  specs: number;
  /** Running. */
  active: number;
  supervisors: number;
  workers: number;
  /** How often it has started children again. */
  restarts: number;
}

/** A child of a component whose constructor takes nothing. */
export function child(component: string, options: ChildOptions = {}): ChildSpec {
  return childOf(component, undefined, undefined, new Uint8Array(), options);
}

/** What generated clients make children with. */
export function childOf(
  component: string,
  contract: string | undefined,
  key: number | undefined,
  body: Uint8Array,
  options: ChildOptions,
): ChildSpec {
  const ms = options.shutdownMs ?? 5_000;
  return {
    spec: {
      options: {
        id: options.id ?? options.name ?? component,
        restart: options.restart ?? "permanent",
        shutdown: ms === 0 ? { tag: "brutal-kill" } : { tag: "timeout", val: ms },
        significant: options.significant ?? false,
      },
      component,
      start: hostOptions(contract, key, body, options),
    },
  };
}

/** Starts a supervisor with these children, linked to this process. */
export async function supervisor(
  options: SupervisorOptions,
  children: readonly ChildSpec[] = [],
): Promise<Supervision> {
  const specs = children.map(({ spec }) => spec);
  return new Supervision(await settled(hostStart(hostSupervisor(options), specs)));
}

/** A supervisor that runs. */
export class Supervision {
  /** Its process. */
  readonly pid: Pid;

  constructor(pid: Pid) {
    this.pid = pid;
  }

  /** Starts a supervisor as a permanent child of this one, which starts it again when it gives up. */
  async startSupervisor(
    options: SupervisorOptions,
    children: readonly ChildSpec[] = [],
  ): Promise<Supervision> {
    const treatment: HostChildOptions = {
      id: options.name,
      restart: "permanent",
      shutdown: { tag: "infinity" },
      significant: false,
    };
    const specs = children.map(({ spec }) => spec);
    const started = hostStartUnder(this.pid, treatment, hostSupervisor(options), specs);
    return new Supervision(await settled(started));
  }

  /** Adds a child and starts it. */
  startChild(child: ChildSpec): Promise<Pid> {
    return settled(hostStartChild(this.pid, child.spec));
  }

  /** Stops a child, which stays known unless it is temporary. */
  terminateChild(id: string): Promise<void> {
    return settled(hostTerminateChild(this.pid, id));
  }

  /** Stops a child of the strategy `dynamic`. */
  terminate(child: Pid): Promise<void> {
    return settled(hostTerminate(this.pid, child));
  }

  /** Starts a child that does not run. */
  restartChild(id: string): Promise<Pid> {
    return settled(hostRestartChild(this.pid, id));
  }

  /** Forgets a child that does not run. */
  deleteChild(id: string): Promise<void> {
    return settled(hostDeleteChild(this.pid, id));
  }

  /** All children, the one that was added last first. */
  whichChildren(): Promise<ChildInfo[]> {
    return settled(hostWhichChildren(this.pid));
  }

  /** How many there are. */
  countChildren(): Promise<ChildCounts> {
    return settled(hostCountChildren(this.pid));
  }

  /** Stops it and everything below it. */
  stop(): Promise<void> {
    return settled(hostStop(this.pid));
  }
}

function hostSupervisor(options: SupervisorOptions): HostSupervisorOptions {
  return {
    name: options.name,
    strategy: options.strategy ?? "one-for-one",
    intensity: options.intensity ?? 1,
    periodMs: options.periodMs ?? 5_000,
    autoShutdown: options.autoShutdown ?? "never",
    excess: options.excess ?? "give-up",
    backoff: options.backoff ?? null,
    mostChildren: options.mostChildren ?? null,
  };
}

async function settled<T>(future: HostFuture<HostResult<T, HostError>>): Promise<T> {
  const result = await read(future);
  if (result.tag === "ok") return result.val;
  const { tag, val } = result.val;
  if (tag === "denied") throw new RusmError("denied", `denied: ${String(val)}`);
  if (tag === "noproc") throw new RusmError("noproc", "noproc: the supervisor is gone");
  const text = tag === "start" ? String(val) : `${tag}: the supervisor did not do it`;
  throw new RusmError("supervisor", text, { payload: result.val });
}

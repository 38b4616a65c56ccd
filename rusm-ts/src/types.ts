/** A process, on any node. Both halves stay below 2^53. */
export interface Pid {
  /** The node the process runs on, random per boot. */
  node: number;
  /** The process within its node. */
  id: number;
}

/** Where a call goes: to a process, or to the one registered under a name when it is sent. */
export type Target = { tag: "process"; val: Pid } | { tag: "name"; val: string };

/** What a process that crashed left behind. */
export interface Crash {
  text: string;
  backtrace: string;
  component: string;
  process: Pid;
  function: string;
}

/** Why a process ended. */
export type ExitReason =
  | { tag: "normal" }
  | { tag: "shutdown" }
  | { tag: "shutdown-with"; val: Uint8Array }
  | { tag: "killed" }
  | { tag: "noproc" }
  | { tag: "noconnection" }
  | { tag: "crash"; val: Crash }
  | { tag: "custom"; val: Uint8Array };

/** What a process can find in its mailbox besides calls and casts. */
export type Event =
  | { tag: "mail"; val: { sender: Pid; body: Uint8Array } }
  | { tag: "down"; val: { monitor: number; pid: Pid; reason: ExitReason } }
  | { tag: "exit"; val: { pid: Pid; reason: ExitReason } }
  | { tag: "timer"; val: { timer: number; body: Uint8Array } }
  | { tag: "group-change"; val: { monitor: number; group: string; pid: Pid; joined: boolean } };

/** A call or a cast that reached a raw process; `reply` answers a call. */
export interface Delivery {
  request: { sender: Pid; reference: number; kind: "call" | "cast" };
  /** The function that is meant, by its key in the contract. */
  key: number;
  /** The arguments on the wire. */
  body: Uint8Array;
}

/** Which messages `receive` takes; the others stay, in their order. */
export type Filter =
  | { tag: "any" }
  | { tag: "mail" }
  | { tag: "delivery" }
  /** The end of one monitored process. */
  | { tag: "down"; val: number }
  /** Down, exit and timer events. */
  | { tag: "system" };

/**
 * A result inside of another type. At the top of a function it is returned or thrown instead. A side without a value is
 * its tag alone: `{ tag: "err" }`.
 */
export type Result<T, E> = Side<"ok", T> | Side<"err", E>;

type Side<Tag, T> = [T] extends [undefined] ? { tag: Tag; val?: undefined } : { tag: Tag; val: T };

/** What every call takes. */
export interface CallOptions {
  /**
   * How long the call may take, in milliseconds, its stream to the callee included. Without one, 5,000 for the reply, counted from
   * the last item: a stream takes as long as it takes.
   */
  deadlineMs?: number;
  /** Gives the call up: it rejects with the code `cancelled`. */
  signal?: AbortSignal;
}

/** How a service is started. */
export interface SpawnOptions {
  /** Link it to this process. */
  link?: boolean;
  /** Monitor it. */
  monitor?: boolean;
  /** Register it under this name. */
  name?: string;
  /** Leave it only these of its component's grants, written as in the manifest: `spawn:counter`. */
  capabilities?: readonly string[];
  /** The command line of a `wasi:cli` program, without its name. */
  arguments?: readonly string[];
  /** How long its constructor may take, in milliseconds; 5,000 by default. */
  deadlineMs?: number;
}

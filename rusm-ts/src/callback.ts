/// <reference path="./host.d.ts" />
import { carry, close, finish, next, open, reply } from "rusm:actor/callbacks-async@0.1.0";

import type { Client } from "./client.ts";
import { RusmError } from "./error.ts";
import { direct } from "./future.ts";
import { type Dispatch, type Handled, Server } from "./server.ts";
import { read } from "./task.ts";
import type { CallOptions, Pid, Target } from "./types.ts";
import { EncodeError } from "./wire/error.ts";

/** What a callback answers with: the functions of its contract. */
export type CallbackHandlers<S> = Omit<S, "init">;

/** A client of a callback: a reference that this process answers for while the call that carries it lasts. */
export function callback<C extends Client, S>(
  kind: new (target: Target, options?: CallOptions) => C,
  handlers: CallbackHandlers<S>,
  dispatch: Dispatch<S>,
): C {
  const pid = direct(() => open()) as Pid;
  const target: Target = { tag: "process", val: pid };
  const made = new kind(target);
  callbacks.set(target, new Callback(target, pid.id, handlers as object, dispatch as Dispatch<object>));
  // One that no call ever carries would stay open.
  forgotten.register(target, pid.id);
  return made;
}

/** Callbacks by their clients' targets. */
const callbacks = new WeakMap<Target, Callback>();

const forgotten = new FinalizationRegistry<number>((id) => void close(id));

/** Those in the arguments that are being written. */
let written: Callback[] | undefined;

/** A reference is being written among some arguments. */
export function referenceWritten(target: Target): void {
  const found = callbacks.get(target);
  if (found === undefined) return;
  found.write();
  written = written === undefined ? [found] : [...written, found];
}

/** Those in the arguments that were just written; mostly there are none. */
export function takeWritten(): Callback[] | undefined {
  const found = written;
  if (found !== undefined) written = undefined;
  return found;
}

/** Says of what nobody waits for that it carries none. */
export function expectNone(): void {
  if (takeWritten() === undefined) return;
  throw new RusmError(
    "badarg",
    "badarg: a callback answers while its call is waited for: it goes neither with a cast, a message or a constructor's arguments, nor with an answer",
  );
}

/** The callbacks that a call carries: they answer from when it has been started until it has ended. */
export class Carried {
  readonly #all: Callback[] = [];
  readonly #failed: Promise<never>;
  #call = 0;
  #fail: (error: unknown) => void = () => undefined;

  /** `failed` hears of what one of the functions throws, too. */
  constructor(failed?: (error: unknown) => void) {
    this.#failed = new Promise((_, reject) => (this.#fail = reject));
    this.#failed.catch((error: unknown) => failed?.(error));
  }

  /** The call has been started. */
  begin(call: number, callbacks: readonly Callback[] | undefined): this {
    this.#call = call;
    this.add(callbacks);
    return this;
  }

  /** Those in an item of the call's stream, too. */
  add(callbacks: readonly Callback[] = []): void {
    for (const one of callbacks) {
      this.#all.push(one);
      one.answer(this.#call, this.#fail);
    }
  }

  /** What is waited for meanwhile, or what one of the functions throws. Not for many waits: each stays with the callbacks. */
  during<T>(waiting: Promise<T>): Promise<T> {
    return Promise.race([waiting, this.#failed]);
  }

  /** The call has ended: what came before its end is still answered, unless it was given up. */
  async end(signal: AbortSignal | undefined): Promise<void> {
    try {
      if (signal?.aborted !== true) await this.during(Promise.all(this.#all.map((one) => one.finish())));
    } finally {
      for (const one of this.#all) one.close();
    }
  }
}

class Callback {
  /** Kept, so that it is not forgotten while it answers. */
  readonly target: Target;
  readonly #id: number;
  readonly #handlers: object;
  readonly #dispatch: Dispatch<object>;
  #state: "new" | "written" | "open" | "over" = "new";
  #waiting: HostFuture<HostDelivery | null> | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(target: Target, id: number, handlers: object, dispatch: Dispatch<object>) {
    this.target = target;
    this.#id = id;
    this.#handlers = handlers;
    this.#dispatch = dispatch;
  }

  /** It stands among the arguments of a call. */
  write(): void {
    if (this.#state === "open" || this.#state === "over") {
      throw new EncodeError(
        "a callback is for one call, and this one was given to a call already: make another one",
      );
    }
    this.#state = "written";
  }

  /** Answers until it is ended; what a function throws goes to `fail`. */
  answer(call: number, fail: (error: unknown) => void): void {
    this.#state = "open";
    carry(this.#id, call);
    const failed = (error: unknown): Handled => {
      fail(error);
      // Whoever called gets no answer: the callback ends with its call.
      return { tag: "later" };
    };
    const server = new Server([{ dispatch: this.#dispatch, handlers: this.#handlers }], 1, {
      send: (reference, handled) => this.#reply(reference, handled),
      failed,
    });
    this.#running = this.#run(server).catch(fail);
  }

  async #run(server: Server): Promise<void> {
    while (this.#state === "open") {
      const answer = next(this.#id);
      const delivery = answer.tag === "now" ? answer.val : await this.#read(answer.val);
      if (delivery === null) return;
      const { request, key, body, handle } = delivery;
      const reference = request.kind === "call" ? request.reference : 0;
      const handled = await server.handleOne(key, reference, body, handle ?? 0);
      if (reference !== 0) this.#reply(reference, handled);
    }
  }

  async #read(future: HostFuture<HostDelivery | null>): Promise<HostDelivery | null> {
    this.#waiting = future;
    try {
      return await read(future);
    } catch (error) {
      if (this.#state === "over") return null;
      throw error;
    } finally {
      this.#waiting = undefined;
    }
  }

  #reply(reference: number, handled: Handled): boolean {
    if (handled instanceof Uint8Array) return reply(this.#id, reference, { tag: "ok", val: handled });
    switch (handled.tag) {
      case "later":
        return true;
      case "malformed":
        return reply(this.#id, reference, { tag: "err", val: { tag: "malformed", val: handled.val } });
      default: {
        const val = "the callback has no such function";
        return reply(this.#id, reference, { tag: "err", val: { tag: "unknown-function", val } });
      }
    }
  }

  /** Answers what has come so far. */
  finish(): Promise<void> {
    finish(this.#id);
    return this.#running;
  }

  close(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    close(this.#id);
    this.#waiting?.cancelRead();
  }
}

export type { Callback };

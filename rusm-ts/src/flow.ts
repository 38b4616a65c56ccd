/// <reference path="./host.d.ts" />
import { callWait, streamAbort, streamClose, streamOther } from "rusm:actor/wait-async@0.1.0";

import { type Callback, Carried, takeWritten } from "./callback.ts";
import { cancelled, interruptible, type Interruptible, settle } from "./future.ts";
import { type ItemReader, PATIENCE_MS, writeBytes, writeItems } from "./stream.ts";
import type { Writer } from "./wire/writer.ts";

/** What flows into a call. */
export interface Input<I> {
  readonly items: AsyncIterable<I> | Iterable<I>;
  encode(writer: Writer, item: I): void;
}

/** A call that streams out, and what goes on while it is read: callbacks, a stream in, a signal that may end it. */
export class Opening<H> {
  /** Whether nothing goes on besides. */
  readonly isPlain: boolean;
  readonly signal: AbortSignal | undefined;
  /** For what is read: what ends everything ends that wait. */
  readonly waits: Interruptible<never> = interruptible<never>();
  readonly #start: () => { call: number; handle: number };
  readonly #accept: (reply: Uint8Array) => H;
  readonly #callbacks: readonly Callback[] | undefined;
  readonly #carried: Carried | undefined;
  readonly #feed: Feed<unknown> | undefined;
  readonly #giveUp = (): void => this.waits.fail(cancelled(this.signal!));

  constructor(
    start: () => { call: number; handle: number },
    accept: (reply: Uint8Array) => H,
    signal: AbortSignal | undefined,
    callbacks: readonly Callback[] | undefined,
    input: Input<unknown> | undefined,
  ) {
    this.#start = start;
    this.#accept = accept;
    this.signal = signal;
    this.#callbacks = callbacks;
    if (callbacks !== undefined || input !== undefined) {
      this.#carried = new Carried((error) => this.waits.fail(error));
    }
    if (input !== undefined) this.#feed = new Feed(input, this.#carried!, this.waits);
    this.isPlain = signal === undefined && this.#carried === undefined;
  }

  /** Starts the call: what its answer begins with, and the stream to be read. */
  async open(): Promise<{ head: H; handle: number }> {
    const { signal } = this;
    if (signal?.aborted === true) throw cancelled(signal);
    const { call, handle: own } = this.#start();
    this.#carried?.begin(call, this.#callbacks);
    const handle = this.#feed === undefined ? own : (streamOther(own) ?? 0);
    this.#feed?.begin(own);
    signal?.addEventListener("abort", this.#giveUp);
    try {
      const reply = settle(callWait(call), signal);
      return { head: this.#accept(await this.during(reply)), handle };
    } catch (error) {
      streamClose(handle);
      await this.end("the caller gave up");
      throw error;
    }
  }

  /** What is waited for meanwhile, or what ends it before. */
  during<T>(waiting: Promise<T>): Promise<T> {
    return this.waits.wait(waiting);
  }

  /** The call is over: what of its stream in was not written is not. */
  async end(why: string): Promise<void> {
    this.signal?.removeEventListener("abort", this.#giveUp);
    this.#feed?.end(why);
    await this.#carried?.end(this.signal);
  }
}

/** Writes into the stream in of a call while the one out is read. */
class Feed<I> {
  readonly #input: Input<I>;
  readonly #carried: Carried;
  readonly #waits: Interruptible<never>;
  readonly #over: Promise<void>;
  #stop: () => void = () => undefined;
  #handle: number | undefined;

  constructor(input: Input<I>, carried: Carried, waits: Interruptible<never>) {
    this.#input = input;
    this.#carried = carried;
    this.#waits = waits;
    this.#over = new Promise((resolve) => (this.#stop = resolve));
  }

  begin(handle: number): void {
    this.#handle = handle;
    const input = this.#input;
    const write = (writer: Writer, item: I): void => {
      input.encode(writer, item);
      this.#carried.add(takeWritten());
    };
    // Nothing among bytes is a callback.
    const encode = (input.encode as unknown) === writeBytes ? input.encode : write;
    const writing = writeItems(handle, input.items, encode, PATIENCE_MS, undefined, () => this.#over);
    writing.then(
      () => (this.#handle = undefined),
      (error: unknown) => this.#waits.fail(error),
    );
  }

  end(why: string): void {
    if (this.#handle !== undefined) streamAbort(this.#handle, why);
    this.#stop();
  }
}

/** The items of a call's stream, with what goes on while they are read. It ends with them. */
export class Flow<T> implements AsyncIterableIterator<T> {
  readonly #reader: ItemReader<T>;
  readonly #opening: Opening<unknown>;
  #state: "open" | "ended" = "open";
  #last: Promise<unknown> = Promise.resolve();

  constructor(reader: ItemReader<T>, opening: Opening<unknown>) {
    this.#reader = reader;
    this.#opening = opening;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const result = this.#last.then(() => this.#next());
    this.#last = result.catch(() => undefined);
    return result;
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    await this.#end("the caller gave up");
    return { done: true, value: undefined };
  }

  async #next(): Promise<IteratorResult<T, undefined>> {
    if (this.#state === "ended") return { done: true, value: undefined };
    const { signal } = this.#opening;
    try {
      if (signal?.aborted === true) throw cancelled(signal);
      const result = await this.#opening.during(this.#reader.next());
      if (result.done === true) await this.#end("the call has ended");
      return result;
    } catch (error) {
      await this.#end("the caller gave up");
      throw error;
    }
  }

  async #end(why: string): Promise<void> {
    if (this.#state === "ended") return;
    this.#state = "ended";
    void this.#reader.return();
    await this.#opening.end(why);
  }
}

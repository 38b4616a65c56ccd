/// <reference path="./host.d.ts" />
import { now } from "rusm:actor/timers@0.1.0";
import { streamAbort, streamClose, streamRead, streamWrite } from "rusm:actor/wait-async@0.1.0";

import { RusmError } from "./error.ts";
import { settle } from "./future.ts";
import { DecodeError } from "./wire/error.ts";
import { Reader } from "./wire/reader.ts";
import { Writer } from "./wire/writer.ts";

/** Reads the items of a stream. Leaving the loop early closes it, and the writer hears of that. */
export async function* readItems<T>(
  handle: number,
  decode: (reader: Reader) => T,
): AsyncGenerator<T, void, void> {
  let why: string | undefined;
  try {
    for (;;) {
      const chunk = await settle(streamRead(handle, 0));
      if (chunk === null) return;
      const reader = new Reader(chunk);
      while (reader.remaining > 0) yield decode(reader);
    }
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    why = `malformed: an item: ${error.message}`;
    throw new RusmError("malformed", `malformed: an item: ${error.message}`, { cause: error });
  } finally {
    if (why === undefined) streamClose(handle);
    else streamAbort(handle, why);
  }
}

/** Writes items into a stream, in chunks: at 64 KiB, or when the next item is late. */
export async function writeItems<T>(
  handle: number,
  items: AsyncIterable<T> | Iterable<T>,
  encode: (writer: Writer, item: T) => void,
  deadlineMs: number,
): Promise<void> {
  const writer = new Writer();
  let since = now();
  let pending = 0;
  const flush = async (): Promise<void> => {
    if (writer.length === 0) return;
    pending = 0;
    await settle(streamWrite(handle, writer.take(), deadlineMs));
  };
  const push = async (item: T): Promise<void> => {
    if (pending++ === 0) since = now();
    encode(writer, item);
    if (writer.length >= CHUNK || now() - since > LATE_NS) await flush();
  };
  try {
    if (Symbol.asyncIterator in items) {
      await drain(items[Symbol.asyncIterator](), push, flush);
    } else {
      for (const item of items) await push(item);
    }
  } catch (error) {
    // What came before the failure still arrives; a failure of the stream itself leaves nothing to send.
    if (!(error instanceof RusmError)) await flush().catch(() => undefined);
    streamAbort(handle, error instanceof Error ? error.message : String(error));
    throw error;
  }
  await flush();
  streamClose(handle);
}

/** An item that takes its time must not hold up those before it: what is there is sent while the next is awaited. */
async function drain<T>(
  source: AsyncIterator<T>,
  push: (item: T) => Promise<void>,
  flush: () => Promise<void>,
): Promise<void> {
  let finished = false;
  try {
    for (;;) {
      const next = source.next();
      let arrived = false;
      const mark = (): void => {
        arrived = true;
      };
      next.then(mark, mark);
      // A generator that has its item ready settles within a few turns of the queue.
      for (let turn = 0; turn < 4 && !arrived; turn++) await undefined;
      if (!arrived) await flush();
      const result = await next;
      if (result.done === true) {
        finished = true;
        return;
      }
      await push(result.value);
    }
  } finally {
    if (!finished) await source.return?.();
  }
}

/** The most that one chunk holds, unless a single item is larger. */
const CHUNK = 64 * 1024;

/** How long an item may wait for others. */
const LATE_NS = 1_000_000;

/** A stream that a service pushes into from later messages: return it from a function that streams out. */
export class Sink<T> implements AsyncIterable<T> {
  readonly #queue: T[] = [];
  readonly #most: number;
  #wake: (() => void) | undefined;
  #state: "open" | "closed" | "ended" = "open";
  #failure: unknown;

  /** A sink that keeps at most so many items for a slow reader; 1,024 by default. */
  constructor(most = 1024) {
    this.#most = most;
  }

  /** Whether the reader is still there. */
  get open(): boolean {
    return this.#state === "open";
  }

  /** Pushes an item; false if the sink is full or the reader gone, and the item is not taken. */
  push(item: T): boolean {
    if (this.#state !== "open" || this.#queue.length >= this.#most) return false;
    this.#queue.push(item);
    this.#notify();
    return true;
  }

  /** Ends the stream; the reader gets what was pushed first. */
  close(): void {
    if (this.#state === "open") this.#state = "closed";
    this.#notify();
  }

  /** Ends the stream, and tells the reader why. */
  abort(why: string): void {
    this.#failure = new Error(why);
    this.close();
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    try {
      for (;;) {
        while (this.#queue.length > 0) yield this.#queue.shift() as T;
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#state !== "open") return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.#state = "ended";
    }
  }
}

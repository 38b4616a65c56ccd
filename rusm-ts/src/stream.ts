/// <reference path="./host.d.ts" />
import { now } from "rusm:actor/timers@0.1.0";
import { streamAbort, streamClose, streamRead, streamWrite } from "rusm:actor/wait-async@0.1.0";

import { RusmError } from "./error.ts";
import { cancelled, interruptible, settle } from "./future.ts";
import { DecodeError, EncodeError } from "./wire/error.ts";
import { Reader } from "./wire/reader.ts";
import { Writer } from "./wire/writer.ts";

/**
 * Reads the items of a stream. Leaving the loop early closes it, and the writer hears of that. `next` may be called again
 * before the last one is answered: the items come in their order.
 */
export class ItemReader<T> implements AsyncIterableIterator<T> {
  readonly #open: () => Promise<number>;
  readonly #decode: (reader: Reader) => T;
  readonly #failed: ((error: unknown) => void) | undefined;
  #handle: number | undefined;
  #chunk: Reader | undefined;
  #state: "new" | "open" | "ended" = "new";
  #last: Promise<unknown> | undefined;

  /** Of a handle, or of what gives one when the first item is wanted; `failed` hears of what the reader throws. */
  constructor(
    handle: number | (() => Promise<number>),
    decode: (reader: Reader) => T,
    failed?: (error: unknown) => void,
  ) {
    if (typeof handle === "number") {
      this.#handle = handle;
      this.#state = "open";
    }
    this.#open = async () => (typeof handle === "number" ? handle : handle());
    this.#decode = decode;
    this.#failed = failed;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return this.#inTurn(() => this.#next());
  }

  /** Ends the stream at once, and does not wait for a `next` that still waits. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  #inTurn<R>(run: () => Promise<R>): Promise<R> {
    const result = this.#last === undefined ? run() : this.#last.then(run, run);
    const own: Promise<void> = result.then(
      () => this.#leave(own),
      () => this.#leave(own),
    );
    this.#last = own;
    return result;
  }

  #leave(turn: Promise<unknown>): void {
    if (this.#last === turn) this.#last = undefined;
  }

  async #next(): Promise<IteratorResult<T, undefined>> {
    try {
      if (this.#state === "new") {
        this.#state = "open";
        const handle = await this.#open();
        // It may have been given up meanwhile.
        if (this.#hasEnded()) streamClose(handle);
        else this.#handle = handle;
      }
      while (this.#state === "open") {
        if (this.#chunk !== undefined && this.#chunk.remaining > 0) {
          return { done: false, value: this.#decode(this.#chunk) };
        }
        const chunk = await settle(streamRead(this.#handle ?? 0, 0));
        if (chunk === null) this.#end();
        else this.#chunk = new Reader(chunk);
      }
      return { done: true, value: undefined };
    } catch (error) {
      if (!(error instanceof DecodeError)) {
        this.#end();
        this.#failed?.(error);
        throw error;
      }
      const text = `malformed: an item: ${error.message}`;
      this.#end(text);
      const malformed = new RusmError("malformed", text, { cause: error });
      this.#failed?.(malformed);
      throw malformed;
    }
  }

  #hasEnded(): boolean {
    return this.#state === "ended";
  }

  #end(why?: string): void {
    this.#state = "ended";
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle === undefined) return;
    if (why === undefined) streamClose(handle);
    else streamAbort(handle, why);
  }
}

/**
 * Writes items into a stream, in chunks: at 64 KiB, or when the next item is late. Answers why the reader takes no more, or
 * undefined when it has them all; what the items themselves throw, or the signal's end, aborts the stream and is thrown.
 * `over` is asked when an item lets itself be awaited: what it answers with ends the writing, wherever the items are.
 */
export async function writeItems<T>(
  handle: number,
  items: AsyncIterable<T> | Iterable<T>,
  encode: (writer: Writer, item: T) => void,
  deadlineMs: number,
  signal?: AbortSignal,
  over?: () => Promise<unknown>,
): Promise<unknown> {
  const writer = new Writer();
  let since = now();
  let pending = 0;
  let ended: unknown;
  const send = async (chunk: Uint8Array): Promise<void> => {
    pending = 0;
    try {
      await settle(streamWrite(handle, chunk, deadlineMs), signal);
    } catch (error) {
      ended = error;
      throw error;
    }
  };
  const flush = async (): Promise<void> => {
    if (writer.length > 0) await send(writer.take());
  };
  const pushBytes = async (bytes: Uint8Array): Promise<void> => {
    checkBytes(bytes);
    if (bytes.length < ALONE) return pushItem(bytes as T);
    await flush();
    // A large one needs no copy of its own.
    for (let at = 0; at < bytes.length; at += CHUNK) await send(bytes.subarray(at, at + CHUNK));
  };
  const pushItem = async (item: T): Promise<void> => {
    if (pending++ === 0) since = now();
    const before = writer.length;
    try {
      encode(writer, item);
    } catch (error) {
      // Nothing is sent of an item that is none.
      writer.truncate(before);
      throw error;
    }
    if (writer.length >= CHUNK || now() - since > LATE_NS) await flush();
  };
  const push =
    (encode as unknown) === writeBytes ? (pushBytes as unknown as (item: T) => Promise<void>) : pushItem;
  try {
    if (Symbol.asyncIterator in items) {
      await drain(items[Symbol.asyncIterator](), push, flush, signal, over);
    } else {
      for (const item of items) await push(item);
    }
    await flush();
  } catch (error) {
    const givenUp = signal?.aborted === true;
    // What came before the failure still arrives; a failure of the stream itself leaves nothing to send.
    if (ended === undefined && !givenUp) await flush().catch(() => undefined);
    streamAbort(handle, givenUp ? "the caller gave up" : reasonOf(error));
    if (error === ended && !givenUp) return error;
    throw error;
  }
  streamClose(handle);
  return undefined;
}

/** What the reader of a stream hears of a failure: of another stream's, what that one's reader would have heard. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return error instanceof RusmError && error.code === "aborted" ? text.replace(/^aborted: /, "") : text;
}

/** An item that takes its time must not hold up those before it: what is there is sent while the next is awaited. */
async function drain<T>(
  source: AsyncIterator<T>,
  push: (item: T) => Promise<void>,
  flush: () => Promise<void>,
  signal: AbortSignal | undefined,
  over: (() => Promise<unknown>) | undefined,
): Promise<void> {
  let finished = false;
  let leftWaiting = false;
  let asked = false;
  const waits = interruptible<typeof OVER>();
  const giveUp = (): void => {
    if (signal !== undefined) waits.fail(cancelled(signal));
  };
  signal?.addEventListener("abort", giveUp);
  if (signal?.aborted === true) giveUp();
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
      if (!arrived && !asked && over !== undefined) {
        asked = true;
        over().then(
          () => waits.end(OVER),
          (error: unknown) => waits.fail(error),
        );
      }
      leftWaiting = true;
      const result = await waits.wait(next);
      if (result === OVER) return;
      leftWaiting = false;
      if (result.done === true) {
        finished = true;
        return;
      }
      await push(result.value);
    }
  } finally {
    signal?.removeEventListener("abort", giveUp);
    if (!finished) {
      const returned = Promise.resolve(source.return?.());
      // A source that waits for its next item ends only with that: nobody waits for it.
      if (leftWaiting) returned.catch(() => undefined);
      else await returned;
    }
  }
}

const OVER = Symbol("over");

/** Streams whose reader's end is waited for. */
const readers = new Map<number, () => void>();

/** The end of a stream's reader, as the host tells it to the process that writes. */
export function readerEnded(handle: number): void {
  readers.get(handle)?.();
}

/** As `writeItems`, for a service: it hears between its messages when the reader leaves, wherever the items are. */
export async function writeToReader<T>(
  handle: number,
  items: AsyncIterable<T> | Iterable<T>,
  encode: (writer: Writer, item: T) => void,
  patienceMs: number,
): Promise<void> {
  const gone = new Promise<void>((resolve) => readers.set(handle, resolve));
  try {
    await writeItems(handle, items, encode, patienceMs, undefined, () => gone);
  } finally {
    readers.delete(handle);
  }
}

/** The most that one chunk holds, unless a single item is larger. */
const CHUNK = 64 * 1024;

/** Bytes that are sent as they are, and not with others. */
const ALONE = 4096;

/** The next bytes of a stream, which travel as they are. */
export function readBytes(reader: Reader): Uint8Array {
  return reader.rest();
}

/** Bytes for a stream. */
export function writeBytes(writer: Writer, bytes: Uint8Array): void {
  checkBytes(bytes);
  writer.raw(bytes);
}

function checkBytes(bytes: unknown): void {
  if (bytes instanceof Uint8Array) return;
  throw new EncodeError(`expected a Uint8Array of a stream's bytes; found ${typeof bytes}`);
}

/** Whoever writes may take a day over one chunk: who reads sets the pace, and its end is noticed in any case. */
export const PATIENCE_MS = 24 * 3_600_000;

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

  /** Its reader may leave while it waits: no generator could end then. */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    const end = (): IteratorResult<T, undefined> => {
      this.#state = "ended";
      this.#queue.length = 0;
      return { done: true, value: undefined };
    };
    return {
      next: async () => {
        for (;;) {
          if (this.#state === "ended") return end();
          if (this.#queue.length > 0) return { done: false, value: this.#queue.shift() as T };
          if (this.#failure !== undefined) {
            end();
            throw this.#failure;
          }
          if (this.#state !== "open") return end();
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      },
      return: async () => {
        const ended = end();
        this.#notify();
        return ended;
      },
    };
  }
}

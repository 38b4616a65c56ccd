/// <reference path="./host.d.ts" />
import { reply, replyError, takesSeveral } from "rusm:actor/process@0.1.0";
import { streamClose, streamOther } from "rusm:actor/wait-async@0.1.0";

import { Later, Refused } from "./answer.ts";
import { expectNone } from "./callback.ts";
import { crash, exported, guarded } from "./crash.ts";
import { RusmError } from "./error.ts";
import { hostKey } from "./spawn.ts";
import { ItemReader, PATIENCE_MS, readerEnded, writeToReader } from "./stream.ts";
import { enterTask, leaveTask } from "./task.ts";
import type { Event, ExitReason } from "./types.ts";
import { DecodeError } from "./wire/error.ts";
import { type Reader, reading } from "./wire/reader.ts";
import { NO_BYTES, type Writer, writing, written } from "./wire/writer.ts";

/** What a service may do besides the functions of its contract. */
export interface Extras {
  /** Everything that is no call of a function: mail, ends of other processes, timers. */
  info?(event: Event): void | Promise<void>;
  /** The process is about to end in good order. */
  terminate?(reason: ExitReason): void | Promise<void>;
}

/** What generated code tells of a contract. */
export interface Dispatch<S> {
  readonly contract: string;
  readonly init?: number;
  readonly functions: { readonly [key: number]: Entry<S> };
}

export interface Entry<S> {
  readonly name: string;
  /** What the object that handles it calls it. */
  readonly method: string;
  readonly shape: "init" | "call" | "cast" | "stream-out";
  /** A stream comes with it. */
  readonly reads?: true;
  /** Reads the arguments, says that they are done, and runs the function. */
  call(reader: Reader, service: S, input: StreamInput): unknown;
  /** Writes the value before the stream. */
  head?(writer: Writer, value: unknown): void;
  /** Writes the value of the reply, or an item of the stream. */
  value?(writer: Writer, value: unknown): void;
  /** Writes the contract's error. */
  refusal?(writer: Writer, error: unknown): void;
}

/** The stream that came with a call. */
export interface StreamInput {
  read<T>(decode: (reader: Reader) => T): AsyncIterable<T>;
  /** What its reader has thrown. */
  failure?: { readonly error: unknown };
}

/** What became of a message, if not a reply. */
type Unanswered =
  | { tag: "later" }
  | { tag: "unknown-function" }
  | { tag: "malformed"; val: string }
  | { tag: "refused"; val: Uint8Array };

type Outcome = { tag: "reply"; val: Uint8Array } | Unanswered;

/** The bytes of a reply, or what else became of a message. */
export type Handled = Uint8Array | Unanswered;

interface Request {
  sender: { node: number; id: number };
  reference: number;
  kind: "call" | "cast";
}

export interface ServerExports {
  init(key: number, body: Uint8Array): Promise<Outcome>;
  handle(key: number, request: Request, body: Uint8Array, streamEnd: number | null): Promise<Outcome>;
  info(event: Event | { tag: "demand" | "stream-end" | "delivery"; val: unknown }): Promise<void>;
  terminate(reason: ExitReason): Promise<void>;
}

/** The same for calls and casts, in plain values: the binding makes each record of one call anew. */
export interface PlainExports {
  handlePlain(
    key: number,
    reference: number,
    body: Uint8Array,
    streamEnd: number,
  ): Promise<Uint8Array | null>;
  takeOutcome(): Outcome;
}

/** A contract of a service, and what handles its functions. */
export interface Served {
  readonly dispatch: Dispatch<object>;
  readonly handlers: object & Extras;
}

/** A function of a service, and the object that has it. */
interface Bound extends Entry<object> {
  readonly handlers: object;
}

/** Where the answers go that are not there at once, and what becomes of what a function throws. */
interface Ways {
  readonly send: (reference: number, handled: Handled) => boolean;
  readonly failed: (error: unknown) => Handled;
}

/** Its fields are private to TypeScript alone: QuickJS checks each use of a `#name`, in what every call is made of. */
export class Server {
  /** The ids of its contracts, the one that constructs it first. */
  readonly contracts: readonly string[];
  /** By the key as a number of 32 bits with a sign: an object would make a string of each past 2^31. */
  private readonly functions: Map<number, Bound>;
  private readonly initKey: number | undefined;
  private readonly extras: Extras;
  private readonly most: number;
  private readonly ways: Ways;
  private running = 0;
  private waiting: Array<() => void> = [];

  /** Of these contracts, of which the first constructs it. */
  constructor(served: readonly Served[], most: number, ways: Ways = OF_SERVICES) {
    this.contracts = served.map(({ dispatch }) => dispatch.contract);
    this.functions = new Map(
      served.flatMap(({ dispatch, handlers }) =>
        Object.entries(dispatch.functions).map(([key, entry]): [number, Bound] => [
          hostKey(Number(key)),
          { ...entry, handlers },
        ]),
      ),
    );
    const init = served[0]?.dispatch.init;
    this.initKey = init === undefined ? undefined : hostKey(init);
    this.extras = served[0]?.handlers ?? {};
    this.most = most;
    this.ways = ways;
  }

  exports(): ServerExports {
    return {
      init: (key, body) => exported(() => this.init(hostKey(key), body)),
      handle: (key, request, body, streamEnd) =>
        this.handleInTask(key, request.reference, body, streamEnd ?? 0, asOutcome),
      info: (event) => exported(() => this.info(event)),
      terminate: (reason) => exported(async () => this.extras.terminate?.(reason)),
    };
  }

  private async init(key: number, body: Uint8Array): Promise<Outcome> {
    if (this.most > 1) takesSeveral();
    const own = this.initKey;
    if (own === undefined && key === 0) return NOTHING;
    const entry = key === own ? this.functions.get(key) : undefined;
    if (entry === undefined) return UNKNOWN_FUNCTION;
    const reader = reading(body);
    let answer: unknown;
    try {
      answer = await entry.call(reader, entry.handlers, NO_INPUT);
    } catch (error) {
      if (error instanceof DecodeError && reader.reads(body)) return { tag: "malformed", val: error.message };
      if (!(error instanceof Refused)) throw error;
      answer = error;
    }
    if (!(answer instanceof Refused)) return NOTHING;
    const w = writing();
    entry.refusal?.(w, answer.payload);
    return { tag: "refused", val: written(w) };
  }

  plainExports(): PlainExports {
    let outcome: Outcome = UNKNOWN_FUNCTION;
    const replyOf = (handled: Handled): Uint8Array | null => {
      if (handled instanceof Uint8Array) return handled;
      outcome = handled;
      return null;
    };
    return {
      handlePlain: (key, reference, body, streamEnd) =>
        this.handleInTask(key, reference, body, streamEnd, replyOf),
      takeOutcome: () => outcome,
    };
  }

  /** Handles a message that is no service's: of a callback. */
  handleOne(key: number, reference: number, body: Uint8Array, streamEnd: number): Handled | Promise<Handled> {
    return this.handle(hostKey(key), reference, body, streamEnd, (handled) => handled);
  }

  /** What `exported` does, without a closure: every message comes this way. */
  private handleInTask<R>(
    key: number,
    reference: number,
    body: Uint8Array,
    streamEnd: number,
    make: (handled: Handled) => R,
  ): Promise<R> {
    const own = enterTask();
    const handled = this.handle(hostKey(key), reference, body, streamEnd, make);
    return handled instanceof Promise ? leaveTask(own, handled) : Promise.resolve(handled);
  }

  /** A cast has the reference 0, and what comes without a stream has 0 for its end. */
  private handle<R>(
    key: number,
    reference: number,
    body: Uint8Array,
    streamEnd: number,
    make: (handled: Handled) => R,
  ): R | Promise<R> {
    const entry = this.functions.get(key);
    if (entry === undefined || entry.shape === "init") return make(UNKNOWN_FUNCTION);
    if (!(this.most > 1)) return this.run(entry, reference, body, streamEnd, make);
    if (this.running < this.most) return make(this.enter(entry, reference, body, streamEnd));
    // The host waits for a place, too, and takes no other message meanwhile.
    const free = new Promise<void>((resolve) => this.waiting.push(resolve));
    return free.then(() => make(this.enter(entry, reference, body, streamEnd)));
  }

  /** Runs a function beside others: what is there at once, or `later`. */
  private enter(entry: Bound, reference: number, body: Uint8Array, streamEnd: number): Handled {
    this.running++;
    const running = this.run(entry, reference, body, streamEnd, (handled) => handled);
    if (!(running instanceof Promise)) {
      this.leave();
      return running;
    }
    void running.then((handled) => {
      this.leave();
      if (reference !== 0) this.ways.send(reference, handled);
    });
    return LATER;
  }

  private leave(): void {
    this.running--;
    this.waiting.shift()?.();
  }

  /** Runs a function; a refusal may be thrown as well as returned. What else is thrown is a crash. */
  private run<R>(
    entry: Bound,
    reference: number,
    body: Uint8Array,
    streamEnd: number,
    make: (handled: Handled) => R,
  ): R | Promise<R> {
    if (entry.reads === true && streamEnd === 0) return make(WITHOUT_STREAM);
    const input = streamEnd === 0 ? NO_INPUT : inputFrom(streamEnd);
    const reader = reading(body);
    let answer: unknown;
    try {
      answer = entry.call(reader, entry.handlers, input);
    } catch (error) {
      const malformed = error instanceof DecodeError && reader.reads(body);
      if (malformed) return make({ tag: "malformed", val: error.message });
      return make(this.failed(entry, reference, error, streamEnd, input));
    }
    // What is there needs no turn of the queue.
    if (!(answer instanceof Promise)) return make(this.safelyAnswered(entry, reference, answer, streamEnd));
    return answer.then(
      (value) => make(this.safelyAnswered(entry, reference, value, streamEnd)),
      (error: unknown) => make(this.failed(entry, reference, error, streamEnd, input)),
    );
  }

  private failed(
    entry: Bound,
    reference: number,
    error: unknown,
    streamEnd: number,
    input: StreamInput,
  ): Handled {
    // The caller has sent no item, or has given up: that ends its call, and not the service.
    if (input.failure !== undefined && error === input.failure.error) {
      return { tag: "malformed", val: error instanceof Error ? error.message : String(error) };
    }
    if (error instanceof Refused) return this.safelyAnswered(entry, reference, error, streamEnd);
    return this.ways.failed(error);
  }

  private safelyAnswered(entry: Bound, reference: number, answer: unknown, streamEnd: number): Handled {
    try {
      return this.answered(entry, reference, answer, streamEnd);
    } catch (error) {
      return this.ways.failed(error);
    }
  }

  private answered(entry: Bound, reference: number, answer: unknown, streamEnd: number): Handled {
    if (answer instanceof Later) {
      answer.begin((value: unknown) => this.ways.send(reference, replyTo(entry, value)));
      return LATER;
    }
    if (entry.shape !== "stream-out") {
      if (entry.reads === true) streamClose(streamEnd);
      return replyTo(entry, answer);
    }
    if (streamEnd === 0) return WITHOUT_STREAM;
    const handle = entry.reads === true ? (streamOther(streamEnd) ?? 0) : streamEnd;
    const closeInput = (): void => {
      if (entry.reads === true) streamClose(streamEnd);
    };
    if (answer instanceof Refused) {
      closeInput();
      streamClose(handle);
      return replyTo(entry, answer);
    }
    const reply = replyToStream(entry, answer);
    // It goes on between messages; the reader sets its pace, and its end is no failure of this service.
    void guarded(async () => {
      try {
        await writeToReader(handle, reply.items, entry.value!, PATIENCE_MS);
      } catch (error) {
        if (!(error instanceof RusmError)) console.warn(`a stream of ${entry.name} failed:`, error);
      } finally {
        closeInput();
      }
    });
    return reply.bytes;
  }

  private async info(
    event: Event | { tag: "demand" | "stream-end" | "delivery"; val: unknown },
  ): Promise<void> {
    if (event.tag === "stream-end") return readerEnded((event.val as { handle: number }).handle);
    if (event.tag === "demand" || event.tag === "delivery") return;
    await this.extras.info?.(event as Event);
  }
}

function inputFrom(streamEnd: number): StreamInput {
  const input: StreamInput = {
    read: (decode) =>
      new ItemReader(
        async () => streamEnd,
        decode,
        (error) => {
          input.failure = { error };
        },
      ),
  };
  return input;
}

/** The bytes that answer a call. */
function replyTo(entry: Bound, answer: unknown): Uint8Array {
  const { value, refusal } = entry;
  const w = writing();
  if (answer instanceof Refused) {
    if (refusal === undefined) throw new TypeError(`${entry.name} cannot refuse: its contract has no error`);
    w.tag(1);
    refusal(w, answer.payload);
  } else {
    if (refusal !== undefined) w.tag(0);
    if (value !== undefined) value(w, answer);
  }
  expectNone();
  return written(w);
}

/** The bytes that answer a call that streams out, and what it streams. */
function replyToStream(
  entry: Entry<object>,
  answer: unknown,
): { bytes: Uint8Array; items: AsyncIterable<unknown> | Iterable<unknown> } {
  const { head, refusal } = entry;
  const w = writing();
  if (refusal !== undefined) w.tag(0);
  let items = answer;
  if (head !== undefined) {
    if (!Array.isArray(answer) || answer.length !== 2) {
      throw new TypeError(`${entry.name} has to return [value, stream]`);
    }
    head(w, answer[0]);
    items = answer[1];
  }
  expectNone();
  return { bytes: written(w), items: items as AsyncIterable<unknown> | Iterable<unknown> };
}

function asOutcome(handled: Handled): Outcome {
  return handled instanceof Uint8Array ? { tag: "reply", val: handled } : handled;
}

/** Answers a call later. */
function send(reference: number, handled: Handled): boolean {
  if (handled instanceof Uint8Array) return reply(reference, handled);
  switch (handled.tag) {
    case "malformed":
      return replyError(reference, { tag: "malformed", val: handled.val });
    case "later":
      return true;
    default:
      return replyError(reference, { tag: "malformed", val: "the service has no answer" });
  }
}

/** What is thrown past a function of a service is a crash. */
const OF_SERVICES: Ways = { send, failed: crash };

/** Of a call that came without a stream: the host knows no such handle. */
const NO_INPUT = inputFrom(0);

const WITHOUT_STREAM: Unanswered = { tag: "malformed", val: "the call came without a stream" };
const LATER: Unanswered = { tag: "later" };
const UNKNOWN_FUNCTION: Unanswered = { tag: "unknown-function" };
const NOTHING: Outcome = { tag: "reply", val: NO_BYTES };

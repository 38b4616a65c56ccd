/// <reference path="./host.d.ts" />
import { whereis } from "rusm:actor/names@0.1.0";
import { cast, monitor } from "rusm:actor/process@0.1.0";
import {
  call,
  callAnswerOfProcess,
  callCancel,
  callProcess,
  callStart,
  callWait,
  connect,
  spawn,
  streamClose,
} from "rusm:actor/wait-async@0.1.0";

import { Carried, expectNone, takeWritten, type Callback } from "./callback.ts";
import { describePayload, RusmError, fromHost } from "./error.ts";
import { Flow, type Input, Opening } from "./flow.ts";
import { cancelled, direct, settle, settleThen, within } from "./future.ts";
import { DEADLINE_MS, hostOptions } from "./spawn.ts";
import { ItemReader, writeBytes, writeItems } from "./stream.ts";
import { read } from "./task.ts";
import type { CallOptions, Pid, SpawnOptions, Target } from "./types.ts";
import { named } from "./well-formed.ts";
import { DecodeError } from "./wire/error.ts";
import { type Reader, readWith } from "./wire/reader.ts";
import type { Writer } from "./wire/writer.ts";

/** What is the same in the clients of all contracts. Its names begin with `_` where a contract may have the same. */
export class Client {
  /** Where its calls go. */
  readonly _target: Target;
  /** What its calls do unless they are told otherwise. */
  readonly _options: CallOptions;

  constructor(target: Target, options: CallOptions = {}) {
    this._target = target;
    this._options = options;
  }

  /** The process; undefined if nobody has the client's name now. */
  pid(): Pid | undefined {
    return this._target.tag === "process" ? this._target.val : (whereis(this._target.val) ?? undefined);
  }

  /** Whether both lead to the same process, or to whoever has the same name. */
  equals(other: Client): boolean {
    const [own, others] = [this._target, other._target];
    if (own.tag === "name") return others.tag === "name" && own.val === others.val;
    return others.tag === "process" && own.val.node === others.val.node && own.val.id === others.val.id;
  }

  toString(): string {
    return this._target.tag === "name" ? this._target.val : `<${this._target.val.id}>`;
  }

  /** Watches the service: one `down` event with this reference arrives when it ends. */
  monitor(): number {
    return spawnMonitors.get(this._target) ?? direct(() => monitor(this._target));
  }

  static async findNamed(name: string, contract: string): Promise<Target> {
    const target: Target = { tag: "name", val: named(name) };
    await settle({ tag: "later", val: connect(target, contract) });
    return target;
  }

  static async start(
    component: string,
    contract: string,
    key: number | undefined,
    body: Uint8Array,
    options: SpawnOptions,
    refusal: (reader: Reader) => unknown,
  ): Promise<{ target: Target; options: CallOptions }> {
    expectNone();
    const result = await read(spawn(component, hostOptions(contract, key, body, options)));
    if (result.tag === "err") {
      if (result.val.tag !== "refused") throw fromHost(result.val);
      const payload = decodeAll(result.val.val as Uint8Array, refusal);
      throw new RusmError("refused", `refused: ${describePayload(payload)}`, { payload });
    }
    const target: Target = { tag: "process", val: result.val.pid };
    if (result.val.monitor !== null) spawnMonitors.set(target, result.val.monitor);
    return { target, options: {} };
  }

  protected _cast(key: number, body: Uint8Array): void {
    expectNone();
    direct(() => cast(this._target, key, body));
  }

  protected _call<T>(
    key: number,
    body: Uint8Array,
    options: CallOptions | undefined,
    decode: (reader: Reader) => T,
    refusal?: (reader: Reader) => unknown,
  ): Promise<T> {
    const deadline = this._deadline(options);
    const target = this._target;
    const signal = options?.signal ?? this._options.signal;
    const carried = takeWritten();
    if (signal?.aborted === true) return Promise.reject(cancelled(signal));
    if (carried !== undefined) {
      return this.#callCarrying(carried, key, body, options, (reply) => answer(reply, decode, refusal));
    }
    let called: HostAnswer<HostResult<Uint8Array, HostError>>;
    if (target.tag === "process") {
      const reply = callProcess(target.val.node, target.val.id, key, body, deadline);
      if (reply !== null) {
        try {
          return Promise.resolve(answer(reply, decode, refusal));
        } catch (error) {
          return Promise.reject(error);
        }
      }
      called = callAnswerOfProcess();
    } else {
      called = call(target, key, body, deadline);
    }
    return settleThen(called, signal, (reply) => answer(reply, decode, refusal));
  }

  async #callCarrying<T>(
    callbacks: readonly Callback[],
    key: number,
    body: Uint8Array,
    options: CallOptions | undefined,
    decode: (reply: Uint8Array) => T,
  ): Promise<T> {
    const started = this.#start(key, body, null, options);
    const carried = new Carried().begin(started.call, callbacks);
    const signal = options?.signal ?? this._options.signal;
    try {
      return await carried.during(settleThen(callWait(started.call), signal, decode));
    } finally {
      await carried.end(signal);
    }
  }

  protected _streamOut<T, I>(
    key: number,
    body: Uint8Array,
    options: CallOptions | undefined,
    decode: (reader: Reader) => T,
    refusal?: (reader: Reader) => unknown,
    input?: Input<I>,
  ): AsyncIterable<T> {
    const opening = this.#opening(
      key,
      body,
      options,
      (reply) => answer(reply, () => undefined, refusal),
      input,
    );
    const reader = new ItemReader<T>(async () => (await opening.open()).handle, decode);
    return opening.isPlain ? reader : new Flow(reader, opening);
  }

  protected async _streamOutAfter<H, T, I>(
    key: number,
    body: Uint8Array,
    options: CallOptions | undefined,
    head: (reader: Reader) => H,
    decode: (reader: Reader) => T,
    refusal?: (reader: Reader) => unknown,
    input?: Input<I>,
  ): Promise<[H, AsyncIterable<T>]> {
    const opening = this.#opening(key, body, options, (reply) => answer(reply, head, refusal), input);
    const opened = await opening.open();
    const reader = new ItemReader<T>(opened.handle, decode);
    return [opened.head, opening.isPlain ? reader : new Flow(reader, opening)];
  }

  #opening<H, I>(
    key: number,
    body: Uint8Array,
    options: CallOptions | undefined,
    accept: (reply: Uint8Array) => H,
    input: Input<I> | undefined,
  ): Opening<H> {
    const direction = input === undefined ? "to-caller" : "both";
    return new Opening(
      () => this.#start(key, body, direction, options),
      accept,
      options?.signal ?? this._options.signal,
      takeWritten(),
      input as Input<unknown> | undefined,
    );
  }

  protected async _streamIn<T, I>(
    key: number,
    body: Uint8Array,
    items: AsyncIterable<I> | Iterable<I>,
    encode: (writer: Writer, item: I) => void,
    options: CallOptions | undefined,
    decode: (reader: Reader) => T,
    refusal?: (reader: Reader) => unknown,
  ): Promise<T> {
    const signal = options?.signal ?? this._options.signal;
    const callbacks = takeWritten();
    if (signal?.aborted === true) throw cancelled(signal);
    const deadline = this._deadline(options);
    // One that was asked for is for the whole call; the default is for each wait, since a stream may take its time.
    const isForAll = (options?.deadlineMs ?? this._options.deadlineMs) !== undefined;
    const limit = isForAll ? within(deadline) : undefined;
    const started = this.#start(key, body, "to-callee", { deadlineMs: LONGEST_MS });
    const carried = new Carried().begin(started.call, callbacks);
    const writeCarrying = (writer: Writer, item: I): void => {
      encode(writer, item);
      carried.add(takeWritten());
    };
    // Nothing among bytes is a callback.
    const write = (encode as unknown) === writeBytes ? encode : writeCarrying;
    let reply: Promise<Uint8Array> | undefined;
    const answered = (): Promise<Uint8Array> => {
      if (reply === undefined) {
        reply = settle(callWait(started.call), signal);
        reply.catch(() => undefined);
      }
      return limit === undefined ? reply : Promise.race([reply, limit.late]);
    };
    const feed = async (): Promise<Uint8Array> => {
      const ended = await writeItems(
        started.handle,
        items,
        write,
        deadline,
        signal,
        waitsBeside() ? answered : undefined,
      );
      // A reader that has seen enough answers anyway; one that does not keep up does not.
      if (ended instanceof RusmError && ended.code === "timeout") throw ended;
      return limit === undefined ? this.#soon(answered(), deadline) : answered();
    };
    try {
      const bytes = await (callbacks === undefined ? feed() : carried.during(feed()));
      return answer(bytes, decode, refusal);
    } catch (error) {
      callCancel(started.call);
      // Where the items come from may wait: what is written to the stream from now on ends it.
      if (callbacks !== undefined) streamClose(started.handle);
      throw error;
    } finally {
      limit?.clear();
      await carried.end(signal);
    }
  }

  /** A reply that has to be there before long. */
  async #soon<T>(reply: Promise<T>, deadline: number): Promise<T> {
    let settled = false;
    const settle = (): void => void (settled = true);
    reply.then(settle, settle);
    // Mostly it is there already.
    for (let turn = 0; turn < 4 && !settled; turn++) await undefined;
    if (settled) return reply;
    const limit = within(deadline);
    try {
      return await Promise.race([reply, limit.late]);
    } finally {
      limit.clear();
    }
  }

  #start(
    key: number,
    body: Uint8Array,
    direction: "to-callee" | "to-caller" | "both" | null,
    options: CallOptions | undefined,
  ): { call: number; handle: number } {
    const started = direct(() => callStart(this._target, key, body, direction, this._deadline(options)));
    return { call: started.call, handle: started.handle ?? 0 };
  }

  private _deadline(options: CallOptions | undefined): number {
    const ms = options?.deadlineMs ?? this._options.deadlineMs;
    if (ms === undefined) return DEADLINE_MS;
    return Math.min(Math.max(1, Math.round(ms)), 0xffff_ffff);
  }
}

function answer<T>(
  reply: Uint8Array,
  decode: (reader: Reader) => T,
  refusal: ((reader: Reader) => unknown) | undefined,
): T {
  if (refusal === undefined) return decodeAll(reply, decode);
  let payload: unknown;
  const value = decodeAll(reply, (r) => {
    if (r.tag(2) === 0) return { val: decode(r) };
    payload = refusal(r);
    return undefined;
  });
  if (value !== undefined) return value.val;
  throw new RusmError("refused", `refused: ${describePayload(payload)}`, { payload });
}

function decodeAll<T>(bytes: Uint8Array, decode: (reader: Reader) => T): T {
  try {
    return readWith(bytes, decode);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new RusmError("malformed", `malformed: the reply: ${error.message}`, { cause: error });
  }
}

/** Whether a call can be waited for while others go on: StarlingMonkey blocks the process. */
function waitsBeside(): boolean {
  return "__cqjs" in globalThis;
}

/** For what has a limit of its own: 49 days. */
const LONGEST_MS = 0xffff_ffff;

/** Monitors that came with a spawn. */
const spawnMonitors = new WeakMap<Target, number>();

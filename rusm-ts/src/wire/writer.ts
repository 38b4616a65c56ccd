import type { Pid, Result } from "../types.ts";
import { EncodeError } from "./error.ts";
import { encodeUtf8 } from "./utf8.ts";

/**
 * Writes values onto the wire, one after the other. What it gets is checked: JavaScript has no types at run time.
 *
 * Its fields are private to TypeScript alone: QuickJS checks each use of a `#name`, in what every call is made of.
 */
export class Writer {
  private buffer = new Uint8Array(LEAST);
  private used = 0;

  /** How many bytes were written. */
  get length(): number {
    return this.used;
  }

  /** What was written. */
  finish(): Uint8Array {
    return this.buffer.slice(0, this.used);
  }

  /** What was written, leaving the writer empty. */
  take(): Uint8Array {
    const bytes = this.finish();
    this.clear();
    return bytes;
  }

  /** Leaves the writer empty, and without what a large value made it take. */
  /** Forgets what was written past this length. */
  truncate(length: number): void {
    this.used = length;
  }

  clear(): void {
    this.used = 0;
    if (this.buffer.length > MOST_KEPT) this.buffer = new Uint8Array(LEAST);
  }

  private reserve(more: number): void {
    if (this.used + more <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(this.buffer.length * 2, this.used + more));
    grown.set(this.buffer.subarray(0, this.used));
    this.buffer = grown;
  }

  private byte(byte: number): void {
    if (this.used === this.buffer.length) this.reserve(1);
    this.buffer[this.used++] = byte;
  }

  /** Bytes as they are, without a length. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.used);
    this.used += bytes.length;
  }

  private integer(type: string, value: number, least: number, most: number): number {
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new EncodeError(`expected ${type}, from ${least} to ${most}; found ${describe(value)}`);
    }
    return value;
  }

  /** An unsigned number of at most 2^53. */
  private varint(value: number): void {
    // Nearly all are: this is what calls are made of.
    if (value < 0x80 && this.used < this.buffer.length) {
      this.buffer[this.used++] = value;
      return;
    }
    this.reserve(8);
    while (value >= 0x80) {
      this.buffer[this.used++] = (value % 0x80) | 0x80;
      value = Math.floor(value / 0x80);
    }
    this.buffer[this.used++] = value;
  }

  private bigVarint(value: bigint): void {
    if (value <= MOST_EXACT) return this.varint(Number(value));
    this.reserve(10);
    while (value >= 0x80n) {
      this.buffer[this.used++] = Number(value & 0x7fn) | 0x80;
      value >>= 7n;
    }
    this.buffer[this.used++] = Number(value);
  }

  bool(value: boolean): void {
    if (typeof value !== "boolean") throw new EncodeError(`expected bool; found ${describe(value)}`);
    this.byte(value ? 1 : 0);
  }

  u8(value: number): void {
    this.byte(this.integer("u8", value, 0, 0xff));
  }

  u16(value: number): void {
    this.varint(this.integer("u16", value, 0, 0xffff));
  }

  u32(value: number): void {
    this.varint(this.integer("u32", value, 0, 0xffff_ffff));
  }

  u64(value: bigint): void {
    // Nearly all are small, and big numbers are slow.
    if (typeof value === "bigint" && value >= 0n && value <= MOST_EXACT) return this.varint(Number(value));
    this.big("u64", value, 0n, MOST_U64);
    this.bigVarint(value);
  }

  s8(value: number): void {
    this.byte(this.integer("s8", value, -0x80, 0x7f) & 0xff);
  }

  s16(value: number): void {
    this.zigzag(this.integer("s16", value, -0x8000, 0x7fff));
  }

  s32(value: number): void {
    this.zigzag(this.integer("s32", value, -0x8000_0000, 0x7fff_ffff));
  }

  s64(value: bigint): void {
    this.big("s64", value, LEAST_S64, MOST_S64);
    this.bigVarint(value < 0n ? -value * 2n - 1n : value * 2n);
  }

  private zigzag(value: number): void {
    this.varint(value < 0 ? -value * 2 - 1 : value * 2);
  }

  private big(type: string, value: bigint, least: bigint, most: bigint): void {
    if (typeof value !== "bigint" || value < least || value > most) {
      throw new EncodeError(`expected ${type}, a bigint from ${least} to ${most}; found ${describe(value)}`);
    }
  }

  f32(value: number): void {
    this.float(value, 4);
  }

  f64(value: number): void {
    this.float(value, 8);
  }

  /** `DataView` writes every NaN alike, once it is the one NaN of this language. */
  private float(value: number, size: 4 | 8): void {
    if (typeof value !== "number") throw new EncodeError(`expected a float; found ${describe(value)}`);
    this.reserve(size);
    const view = new DataView(this.buffer.buffer, this.used, size);
    if (Number.isNaN(value)) {
      if (size === 4) view.setUint32(0, 0x7fc0_0000, true);
      else view.setBigUint64(0, 0x7ff8_0000_0000_0000n, true);
    } else if (size === 4) {
      view.setFloat32(0, value, true);
    } else {
      view.setFloat64(0, value, true);
    }
    this.used += size;
  }

  char(value: string): void {
    const [first, more] = typeof value === "string" ? [...value] : [];
    if (first === undefined || more !== undefined) {
      throw new EncodeError(`expected one character; found ${describe(value)}`);
    }
    this.string(first);
  }

  string(value: string): void {
    if (typeof value !== "string") throw new EncodeError(`expected a string; found ${describe(value)}`);
    this.bytes(encodeUtf8(value));
  }

  bytes(value: Uint8Array): void {
    if (!(value instanceof Uint8Array))
      throw new EncodeError(`expected a Uint8Array; found ${describe(value)}`);
    this.varint(value.length);
    this.raw(value);
  }

  list<T>(items: readonly T[], write: (item: T) => void): void {
    if (!Array.isArray(items)) throw new EncodeError(`expected an array; found ${describe(items)}`);
    this.varint(items.length);
    for (const item of items) write(item);
  }

  option<T>(value: T | undefined | null, write: (value: T) => void): void {
    const some = value !== undefined && value !== null;
    this.byte(some ? 1 : 0);
    if (some) write(value);
  }

  /** An option of an option, which `undefined` alone cannot tell. */
  nestedOption<T>(value: { tag: "some"; val: T } | { tag: "none" }, write: (value: T) => void): void {
    if (value?.tag === "some") {
      this.byte(1);
      write(value.val);
    } else if (value?.tag === "none") {
      this.byte(0);
    } else {
      this.unknownCase("option", value);
    }
  }

  /** A side without a value has no function that writes it. */
  result<T, E>(
    value: Result<T, E>,
    ok: ((value: T) => void) | undefined,
    error: ((value: E) => void) | undefined,
  ): void {
    if (value?.tag === "ok") {
      this.byte(0);
      ok?.(value.val as T);
    } else if (value?.tag === "err") {
      this.byte(1);
      error?.(value.val as E);
    } else {
      this.unknownCase("result", value);
    }
  }

  tuple<T extends readonly unknown[]>(value: T, write: (value: T) => void): void {
    if (!Array.isArray(value)) throw new EncodeError(`expected a tuple; found ${describe(value)}`);
    write(value);
  }

  tag(tag: number): void {
    this.varint(tag);
  }

  enum<T extends string>(type: string, cases: readonly T[], value: T): void {
    const tag = cases.indexOf(value);
    if (tag < 0) this.unknownCase(type, value);
    this.varint(tag);
  }

  flags(flags: readonly (boolean | undefined)[]): void {
    for (let at = 0; at < flags.length; at += 8) {
      let byte = 0;
      for (let bit = 0; bit < 8 && at + bit < flags.length; bit++) {
        if (flags[at + bit] === true) byte |= 1 << bit;
      }
      this.byte(byte);
    }
  }

  pid(value: Pid): void {
    this.varint(this.integer("a pid's node", value?.node, 0, Number.MAX_SAFE_INTEGER));
    this.varint(this.integer("a pid's id", value?.id, 0, Number.MAX_SAFE_INTEGER));
  }

  unknownCase(type: string, value: unknown): never {
    throw new EncodeError(`there is no such case of ${type}: ${describe(value)}`);
  }
}

/** A writer for one value, whose bytes `written` gives: two functions, for one that calls another costs as much as a varint. */
export function writing(): Writer {
  const writer = spare;
  // A getter of a value may write something itself, with a writer of its own. One that was left in the middle is not used again.
  spare = undefined;
  return writer ?? new Writer();
}

/** What was written. */
export function written(writer: Writer): Uint8Array {
  const bytes = writer.take();
  spare = writer;
  return bytes;
}

/** No arguments, or no value. */
export const NO_BYTES = new Uint8Array();

let spare: Writer | undefined;

function describe(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === "object" && value !== null) {
    const tag = "tag" in value ? ` with the tag ${JSON.stringify(value.tag)}` : "";
    return Array.isArray(value) ? "an array" : `an object${tag}`;
  }
  return String(value);
}

const MOST_EXACT = BigInt(Number.MAX_SAFE_INTEGER);
const MOST_U64 = (1n << 64n) - 1n;
const MOST_S64 = (1n << 63n) - 1n;
const LEAST_S64 = -(1n << 63n);

/** Room for a small message. */
const LEAST = 64;

/** Room that is kept for the next one. */
const MOST_KEPT = 256 * 1024;

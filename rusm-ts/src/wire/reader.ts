import type { Pid, Result } from "../types.ts";
import { DecodeError, type DecodeErrorKind } from "./error.ts";
import { decodeUtf8 } from "./utf8.ts";

/** Reads values from the wire, one after the other. */
export class Reader {
  private buffer: Uint8Array;
  private end: number;
  private at = 0;
  private where: string | undefined = undefined;

  constructor(bytes: Uint8Array) {
    this.buffer = bytes;
    this.end = bytes.length;
  }

  /** Reads these from now on. */
  begin(bytes: Uint8Array): void {
    this.buffer = bytes;
    this.at = 0;
    this.end = bytes.length;
    this.where = undefined;
  }

  /** How many bytes are left. */
  get remaining(): number {
    return this.end - this.at;
  }

  /** Ends reading: nothing may follow. For an error, it says what was read. */
  finish(what?: string): void {
    if (this.at >= this.end) return;
    this.where = what ?? this.where;
    this.fail("trailing");
  }

  /** The arguments of a call have been read: nothing may follow, and the next ones are read with this reader. */
  done(): void {
    if (this.at < this.end) this.finish("the arguments");
    this.buffer = NOTHING;
    spare = this;
  }

  /** Whether it still reads these, as long as they are not `done`. */
  reads(bytes: Uint8Array): boolean {
    return this.buffer === bytes;
  }

  /** Says what is read next, for an error. */
  argument(name: string): void {
    this.where = name;
  }

  private fail(kind: DecodeErrorKind): never {
    throw new DecodeError(kind, this.where);
  }

  private view(length: number): DataView {
    if (length > this.remaining) this.fail("truncated");
    this.at += length;
    return new DataView(this.buffer.buffer, this.buffer.byteOffset + this.at - length, length);
  }

  private raw(length: number): Uint8Array {
    if (length > this.remaining) this.fail("truncated");
    this.at += length;
    return this.buffer.subarray(this.at - length, this.at);
  }

  /** All that is left, as it is. */
  rest(): Uint8Array {
    return this.raw(this.remaining);
  }

  private byte(): number {
    if (this.at >= this.end) this.fail("truncated");
    return this.buffer[this.at++]!;
  }

  /** An unsigned number of a type of 16 or 32 bits. */
  private varint(bits: 16 | 32): number {
    const first = this.buffer[this.at];
    if (first !== undefined && first < 0x80) {
      this.at++;
      return first;
    }
    let value = 0;
    let scale = 1;
    for (let shift = 0; shift < bits; shift += 7) {
      const byte = this.byte();
      const low = byte & 0x7f;
      // What is left of the type in the last byte of its longest form.
      if (bits - shift < 7 && low >> (bits - shift) !== 0) this.fail("varint");
      value += low * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    this.fail("varint");
  }

  private bigVarint(): bigint {
    const first = this.buffer[this.at];
    if (first !== undefined && first < 0x80) {
      this.at++;
      return BigInt(first);
    }
    let value = 0;
    let scale = 1;
    // Seven bytes hold 49 bits, which a number holds exactly.
    for (let place = 0; place < 7; place++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return BigInt(value);
      scale *= 0x80;
    }
    let big = BigInt(value);
    for (let shift = 49n; shift < 64n; shift += 7n) {
      const byte = this.byte();
      const low = BigInt(byte & 0x7f);
      if (shift === 63n && low > 1n) this.fail("varint");
      big |= low << shift;
      if (byte < 0x80) return big;
    }
    this.fail("varint");
  }

  bool(): boolean {
    const byte = this.byte();
    if (byte > 1) this.fail("tag");
    return byte === 1;
  }

  u8(): number {
    return this.byte();
  }

  u16(): number {
    return this.varint(16);
  }

  u32(): number {
    return this.varint(32);
  }

  u64(): bigint {
    return this.bigVarint();
  }

  s8(): number {
    return (this.byte() << 24) >> 24;
  }

  s16(): number {
    return unzigzag(this.varint(16));
  }

  s32(): number {
    return unzigzag(this.varint(32));
  }

  s64(): bigint {
    const value = this.bigVarint();
    return value & 1n ? -(value >> 1n) - 1n : value >> 1n;
  }

  f32(): number {
    return this.view(4).getFloat32(0, true);
  }

  f64(): number {
    return this.view(8).getFloat64(0, true);
  }

  /** The number of items of a list whose items take at least one byte each. */
  private length(): number {
    const length = this.varint(32);
    if (length > this.remaining) this.fail("truncated");
    return length;
  }

  char(): string {
    const length = this.length();
    if (length > 4) this.fail("char");
    const text = decodeUtf8(this.raw(length));
    if (text === undefined || text === "" || text.length > (text.codePointAt(0)! > 0xffff ? 2 : 1)) {
      this.fail("char");
    }
    return text;
  }

  string(): string {
    const text = decodeUtf8(this.raw(this.length()));
    if (text === undefined) this.fail("utf8");
    return text;
  }

  bytes(): Uint8Array {
    return this.raw(this.length()).slice();
  }

  list<T>(read: () => T): T[] {
    const length = this.length();
    const items: T[] = [];
    for (let at = 0; at < length; at++) items.push(read());
    return items;
  }

  option<T>(read: () => T): T | undefined {
    return this.bool() ? read() : undefined;
  }

  nestedOption<T>(read: () => T): { tag: "some"; val: T } | { tag: "none" } {
    return this.bool() ? { tag: "some", val: read() } : { tag: "none" };
  }

  /** A side without a value has no function that reads it. */
  result<T, E>(ok: (() => T) | undefined, error: (() => E) | undefined): Result<T, E> {
    const isOk = this.tag(2) === 0;
    const tag = isOk ? "ok" : "err";
    const read = isOk ? ok : error;
    return (read === undefined ? { tag } : { tag, val: read() }) as Result<T, E>;
  }

  tag(cases: number): number {
    const tag = this.varint(32);
    if (tag >= cases) this.fail("tag");
    return tag;
  }

  enum<T extends string>(cases: readonly T[]): T {
    return cases[this.tag(cases.length)]!;
  }

  flags(count: number): boolean[] {
    const flags: boolean[] = [];
    for (let at = 0; at < count; at += 8) {
      const byte = this.byte();
      const here = Math.min(8, count - at);
      if (byte >> here !== 0) this.fail("flags");
      for (let bit = 0; bit < here; bit++) flags.push(((byte >> bit) & 1) === 1);
    }
    return flags;
  }

  /** Both halves are below 2^53, or they are of no process of any node. */
  pid(): Pid {
    const [node, id] = [this.bigVarint(), this.bigVarint()];
    return { node: Number(node), id: Number(id) };
  }
}

/**
 * Reads bytes to their end, with a reader that serves one after the other: it is good until `read` returns.
 */
export function readWith<T>(bytes: Uint8Array, read: (reader: Reader) => T): T {
  const reader = reading(bytes);
  try {
    const value = read(reader);
    reader.finish();
    return value;
  } finally {
    reader.begin(NOTHING);
    spare = reader;
  }
}

/** A reader of arguments until they are `done`. */
export function reading(bytes: Uint8Array): Reader {
  const reader = spare ?? new Reader(NOTHING);
  spare = undefined;
  reader.begin(bytes);
  return reader;
}

const NOTHING = new Uint8Array();
let spare: Reader | undefined;

function unzigzag(value: number): number {
  return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
}

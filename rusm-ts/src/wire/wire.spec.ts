import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { DecodeError, EncodeError } from "./error.ts";
import { Reader, reading } from "./reader.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";
import { type Writer, writing, written } from "./writer.ts";

function encodeWith(write: (w: Writer) => void): Uint8Array {
  const writer = writing();
  write(writer);
  return written(writer);
}

function roundTrip<T>(
  values: fc.Arbitrary<T>,
  write: (w: Writer, value: T) => void,
  read: (r: Reader) => T,
): void {
  fc.assert(
    fc.property(values, (value) => {
      const reader = new Reader(encodeWith((w) => write(w, value)));
      assert.deepEqual(read(reader), value);
      reader.finish();
    }),
  );
}

test("what is written reads back", () => {
  roundTrip(
    fc.nat(0xff),
    (w, v) => w.u8(v),
    (r) => r.u8(),
  );
  roundTrip(
    fc.nat(0xffff),
    (w, v) => w.u16(v),
    (r) => r.u16(),
  );
  roundTrip(
    fc.nat(0xffff_ffff),
    (w, v) => w.u32(v),
    (r) => r.u32(),
  );
  roundTrip(
    fc.bigInt(0n, (1n << 64n) - 1n),
    (w, v) => w.u64(v),
    (r) => r.u64(),
  );
  roundTrip(
    fc.integer({ min: -128, max: 127 }),
    (w, v) => w.s8(v),
    (r) => r.s8(),
  );
  roundTrip(
    fc.integer({ min: -0x8000, max: 0x7fff }),
    (w, v) => w.s16(v),
    (r) => r.s16(),
  );
  roundTrip(
    fc.integer(),
    (w, v) => w.s32(v),
    (r) => r.s32(),
  );
  roundTrip(
    fc.bigInt(-(1n << 63n), (1n << 63n) - 1n),
    (w, v) => w.s64(v),
    (r) => r.s64(),
  );
  roundTrip(
    fc.double(),
    (w, v) => w.f64(v),
    (r) => r.f64(),
  );
  roundTrip(
    fc.string({ unit: "binary" }),
    (w, v) => w.string(v),
    (r) => r.string(),
  );
  roundTrip(
    fc.uint8Array() as fc.Arbitrary<Uint8Array>,
    (w, v) => w.bytes(v),
    (r) => r.bytes(),
  );
  roundTrip(
    fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
    (w, v) => w.list(v, (b) => w.bool(b)),
    (r) => r.list(() => r.bool()),
  );
});

test("numbers are zigzag and seven bits a byte", () => {
  assert.deepEqual([...encodeWith((w) => w.u16(300))], [0xac, 0x02]);
  assert.deepEqual([...encodeWith((w) => w.s32(-1))], [1]);
  assert.deepEqual([...encodeWith((w) => w.s32(-0x8000_0000))], [0xff, 0xff, 0xff, 0xff, 0x0f]);
  assert.deepEqual(
    [...encodeWith((w) => w.u64(2n ** 53n + 1n))],
    [0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10],
  );
});

test("a value outside of its type is refused when it is written", () => {
  const refused: Array<(w: Writer) => void> = [
    (w) => w.u8(256),
    (w) => w.u8(1.5),
    (w) => w.u16(-1),
    (w) => w.u64(1 as unknown as bigint),
    (w) => w.u64(1n << 64n),
    (w) => w.s64(-(1n << 63n) - 1n),
    (w) => w.char("ab"),
    (w) => w.char(""),
    (w) => w.string("a\ud800"),
    (w) => w.enum("colour", ["red", "green"], "blue" as "red"),
    (w) => w.list("abc" as unknown as string[], () => {}),
    (w) => w.pid({ node: -1, id: 0 }),
  ];
  for (const write of refused)
    assert.throws(
      () => encodeWith(write),
      (error) => error instanceof EncodeError,
    );
});

test("a writer is used for one value after the other, never for two at once", () => {
  const outer = writing();
  outer.u8(1);
  assert.deepEqual([...encodeWith((w) => w.u8(2))], [2]);
  outer.u8(3);
  assert.deepEqual([...written(outer)], [1, 3]);
  assert.throws(
    () => encodeWith((w) => (w.u8(4), w.u8(256))),
    (error) => error instanceof EncodeError,
  );
  assert.deepEqual([...encodeWith((w) => w.u8(5))], [5]);
});

test("a reader of arguments is free once they are done, and refuses what follows them", () => {
  const bytes = new Uint8Array([7]);
  const first = reading(bytes);
  assert.equal(first.u8(), 7);
  assert.ok(first.reads(bytes));
  first.done();
  assert.ok(!first.reads(bytes));
  const second = reading(new Uint8Array([8, 9]));
  assert.equal(second, first);
  assert.equal(second.u8(), 8);
  assert.throws(
    () => second.done(),
    (error) => error instanceof DecodeError && error.message.includes("the arguments"),
  );
  const third = reading(new Uint8Array([1]));
  assert.ok(third !== second);
  assert.equal(third.u8(), 1);
  third.done();
});

test("any bytes read as a value or as a decode error", () => {
  const reads: Array<(r: Reader) => unknown> = [
    (r) => r.u64(),
    (r) => r.char(),
    (r) => r.string(),
    (r) => r.list(() => r.option(() => r.s16())),
    (r) => r.flags(11),
  ];
  fc.assert(
    fc.property(fc.uint8Array() as fc.Arbitrary<Uint8Array>, fc.nat(reads.length - 1), (bytes, which) => {
      try {
        reads[which]!(new Reader(bytes));
      } catch (error) {
        assert.ok(error instanceof DecodeError);
      }
    }),
  );
});

test("UTF-8 is that of Node", () => {
  const node = globalThis as unknown as {
    TextEncoder: new () => { encode(text: string): Uint8Array };
    TextDecoder: new (
      label: string,
      options: { fatal: boolean; ignoreBOM: boolean },
    ) => { decode(bytes: Uint8Array): string };
  };
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      assert.deepEqual([...encodeUtf8(text)], [...new node.TextEncoder().encode(text)]);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 6 }), (bytes) => {
      let expected: string | undefined;
      try {
        expected = new node.TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
      } catch {
        expected = undefined;
      }
      assert.equal(decodeUtf8(bytes), expected);
    }),
    { numRuns: 20_000 },
  );
});

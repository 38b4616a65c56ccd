import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { absent } from "./absent.ts";
import { AbortController, AbortSignal } from "./abort.ts";
import { console } from "./console.ts";
import { crypto } from "./crypto.ts";
import { TextDecoder, TextEncoder } from "./text.ts";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "./timers.ts";

// Node's own, as the oracle.
const node = globalThis as unknown as {
  TextEncoder: typeof TextEncoder;
  TextDecoder: typeof TextDecoder;
};

test("text is encoded and decoded as Node does, broken text too", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(0xffff)), (units) => {
      const text = String.fromCharCode(...units);
      assert.deepEqual([...new TextEncoder().encode(text)], [...new node.TextEncoder().encode(text)]);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 8 }), (bytes) => {
      assert.equal(new TextDecoder().decode(bytes), new node.TextDecoder().decode(bytes));
    }),
    { numRuns: 20_000 },
  );
});

test("a character that is cut in two arrives whole", () => {
  const decoder = new TextDecoder();
  const bytes = new TextEncoder().encode("a€😀");
  let text = "";
  for (const byte of bytes) text += decoder.decode(Uint8Array.of(byte), { stream: true });
  assert.equal(text + decoder.decode(), "a€😀");
});

test("timers fire once, again and again, or not at all", async () => {
  const fired: string[] = [];
  const stopped = setTimeout(() => fired.push("never"), 1);
  clearTimeout(stopped);
  await new Promise<void>((done) => {
    const interval = setInterval(() => {
      fired.push("again");
      if (fired.length === 3) {
        clearInterval(interval);
        setTimeout((text: unknown) => (fired.push(String(text)), done()), 5, "once");
      }
    }, 1);
  });
  assert.deepEqual(fired, ["again", "again", "again", "once"]);
});

test("a signal is aborted once, with its reason", () => {
  const controller = new AbortController();
  const seen: unknown[] = [];
  const any = AbortSignal.any([controller.signal, new AbortController().signal]);
  controller.signal.addEventListener("abort", ({ target }) => seen.push(target.reason));
  controller.abort("enough");
  controller.abort("again");
  assert.deepEqual(seen, ["enough"]);
  assert.equal(any.reason, "enough");
  assert.throws(
    () => any.throwIfAborted(),
    (error) => error === "enough",
  );
});

test("a UUID is of version 4", () => {
  assert.ok(
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()),
  );
  assert.throws(
    () => crypto.getRandomValues(new Uint8Array(65_537)),
    (error) => error instanceof RangeError,
  );
});

test("what is absent says so", () => {
  const fetch = absent["fetch"] as () => unknown;
  assert.throws(
    fetch,
    (error) => error instanceof Error && error.message.startsWith("fetch is not available"),
  );
});

test("the console shows objects and survives circles", () => {
  const circle: { self?: unknown } = {};
  circle.self = circle;
  console.log("circle", circle, [1n, null], new Map([["a", 1]]));
});

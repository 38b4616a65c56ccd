import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

// The stand-in for the host.
import { lines } from "rusm:actor/logging@0.1.0";

import { AbortController, AbortSignal } from "./abort.ts";
import { structuredClone } from "./clone.ts";
import { console } from "./console.ts";
import { crypto } from "./crypto.ts";
import { CustomEvent, DOMException, Event, EventTarget } from "./events.ts";
import { TextDecoder, TextEncoder } from "./text.ts";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "./timers.ts";
import { URL, URLSearchParams } from "./url.ts";

// Node's own, as the oracle.
const node = globalThis as unknown as {
  URL: typeof URL;
  URLSearchParams: typeof URLSearchParams;
  structuredClone: typeof structuredClone;
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
  controller.signal.addEventListener("abort", ({ target }) => seen.push((target as AbortSignal).reason));
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

test("the console shows objects and survives circles", () => {
  const circle: { self?: unknown } = {};
  circle.self = circle;
  console.log("circle", circle, [1n, null], new Map([["a", 1]]));
});

const isTypeError = (error: unknown): boolean => error instanceof TypeError;

test("a query is read and written as Node does", () => {
  // Node reads other letters beside a broken escape byte by byte, which the standard does not.
  const word = fc.oneof(
    fc.stringMatching(/^[a-c=&+%?# ~!'()*0-9-]{0,12}$/),
    fc.stringMatching(/^[a-c=&+é€ß]{0,12}$/),
  );
  fc.assert(
    fc.property(word, (query) => {
      const [own, nodes] = [new URLSearchParams(query), new node.URLSearchParams(query)];
      assert.deepEqual([...own], [...nodes]);
      assert.equal(own.toString(), nodes.toString());
      for (const params of [own, nodes]) {
        params.append("a", "1 2");
        params.set("b", "x&y");
        params.delete("c");
        params.sort();
      }
      assert.equal(own.toString(), nodes.toString());
      assert.deepEqual([own.getAll("a"), own.has("b"), own.get("none")], [nodes.getAll("a"), true, null]);
    }),
    { numRuns: 3000 },
  );
  assert.deepEqual(
    [...new URLSearchParams("a=é%8a&%F0%9F%98%80=%zz")],
    [
      ["a", "é\ufffd"],
      ["😀", "%zz"],
    ],
  );
  assert.equal(new URLSearchParams("\ud83d").toString(), "%EF%BF%BD=");
  assert.equal(new URLSearchParams({ a: "1", b: "2" }).toString(), "a=1&b=2");
  assert.equal(new URLSearchParams([["a", "1"]]).size, 1);
  assert.throws(() => new URLSearchParams([["a"]]), isTypeError);
});

test("a URL and its query are one", () => {
  const url = new URL("../b?x=1#h", "https://u:p@a.example/c/d");
  assert.equal(String(url), "https://u:p@a.example/b?x=1#h");
  url.searchParams.append("y", "2 3");
  assert.equal(url.search, "?x=1&y=2+3");
  url.search = "?z=1";
  assert.equal(url.searchParams.get("z"), "1");
  url.port = "8080";
  url.hash = "";
  assert.equal(JSON.stringify({ url }), '{"url":"https://u:p@a.example:8080/b?z=1"}');
  assert.throws(() => new URL("nothing"), isTypeError);
  assert.throws(() => (url.href = "nothing"), isTypeError);
  assert.deepEqual([URL.canParse("nothing"), URL.parse("nothing"), URL.canParse("x:y")], [false, null, true]);
});

test("a value is cloned as Node does", () => {
  class Point {
    x = 1;
  }
  const shared = { a: [1, , 3] };
  const circle: Record<string, unknown> = { shared, again: shared };
  circle["self"] = circle;
  const bytes = new Uint8Array([1, 2, 3, 4]);
  const values = [
    null,
    undefined,
    -0,
    10n,
    "text",
    new Date(7),
    /a/gi,
    new Map<unknown, unknown>([[shared, new Set([shared, 1])]]),
    [bytes, bytes.subarray(1, 3), new DataView(bytes.buffer, 1)],
    new Point(),
    Object("boxed"),
    circle,
    new TypeError("broken", { cause: shared }),
  ];
  for (const value of values) assert.deepEqual(structuredClone(value), node.structuredClone(value));
  const copy = structuredClone(circle);
  assert.ok(copy["self"] === copy && copy["shared"] === copy["again"] && copy["shared"] !== shared);
  const views = structuredClone([bytes, bytes.subarray(1)]);
  assert.equal(views[0]?.buffer, views[1]?.buffer);
  for (const value of [() => 1, Symbol("s"), new WeakMap(), Promise.resolve(), { f() {} }]) {
    assert.throws(
      () => structuredClone(value),
      (error: unknown) =>
        error instanceof DOMException && error.name === "DataCloneError" && error.code === 25,
    );
  }
  let deep: unknown[] = [];
  for (let at = 0; at < 100_000; at++) deep = [deep];
  assert.equal(structuredClone(deep).length, 1);
});

test("events reach their listeners in order, once where they are to", () => {
  const target = new EventTarget();
  const seen: string[] = [];
  const first = (event: Event): void => void seen.push(`first ${event.type} ${event.target === target}`);
  target.addEventListener("a", first);
  target.addEventListener("a", first);
  target.addEventListener("a", { handleEvent: () => seen.push("object") }, { once: true });
  const controller = new AbortController();
  target.addEventListener("a", () => seen.push("until"), { signal: controller.signal });
  const event = new CustomEvent("a", { detail: 7, cancelable: true });
  assert.equal(event.detail, 7);
  assert.equal(target.dispatchEvent(event), true);
  controller.abort();
  target.addEventListener("a", (event) => (event.preventDefault(), event.stopImmediatePropagation()));
  target.addEventListener("a", () => seen.push("never"));
  assert.equal(target.dispatchEvent(new Event("a", { cancelable: true })), false);
  assert.deepEqual(seen, ["first a true", "object", "until", "first a true"]);
});

test("a signal that follows others keeps nothing in them", () => {
  const long = new AbortController();
  for (let at = 0; at < 1000; at++) {
    const any = AbortSignal.any([long.signal, AbortSignal.any([new AbortController().signal])]);
    const listener = (): void => {};
    any.addEventListener("abort", listener);
    any.removeEventListener("abort", listener);
  }
  assert.equal(long.signal._listeners?.length ?? 0, 0);
  const [any, other] = [AbortSignal.any([long.signal]), AbortSignal.any([AbortSignal.abort(1), long.signal])];
  let told = 0;
  any.addEventListener("abort", () => told++);
  const byHandler = AbortSignal.any([long.signal]);
  byHandler.onabort = (): void => void (told += 10);
  long.abort(2);
  assert.deepEqual([told, any.aborted, any.reason, other.reason], [11, true, 2, 1]);
});

test("console has what Node's has", () => {
  const shown = (run: () => void): string[] => {
    lines.length = 0;
    run();
    return [...lines];
  };
  assert.deepEqual(
    shown(() => {
      console.group("a");
      console.log("b\nc");
      console.group();
      console.warn("d %s %d %i %j %% %o", "x", 1.5, 2.7, { y: 1 }, [1], "e");
      console.groupEnd();
      console.groupEnd();
      console.groupEnd();
      console.count();
      console.count();
      console.countReset();
      console.count();
      console.dir({ a: { b: 1 } });
      console.assert(false);
      console.assert(true);
      console.timeEnd("none");
    }),
    [
      "info a",
      "info   b\n  c",
      'warn     d x 1.5 2 {"y":1} % [1] e',
      "info default: 1",
      "info default: 2",
      "info default: 1",
      "info { a: { b: 1 } }",
      "error Assertion failed",
      "warn Timer 'none' does not exist",
    ],
  );
  const [table] = shown(() => console.table([{ a: 1, b: "x" }, { b: 2 }, 3]));
  assert.equal(
    table,
    [
      "info | (index) | a | b   | Values |",
      "|---------|---|-----|--------|",
      '| 0       | 1 | "x" |        |',
      "| 1       |   | 2   |        |",
      "| 2       |   |     | 3      |",
    ].join("\n"),
  );
  const [time] = shown(() => (console.time("t"), console.timeEnd("t")));
  assert.ok(/^info t: \d+\.\d{3} ms$/.test(time ?? ""));
});

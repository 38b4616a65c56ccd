import assert from "node:assert/strict";
import { test } from "node:test";

import { refuse } from "./answer.ts";
import type { Dispatch } from "./server.ts";
import { type Contract, service } from "./service.ts";

/** A contract of functions without parameters. */
function contract<S>(name: string, key: number, functions: string[], init?: number): Contract<S> {
  const entry = (method: string, shape: "init" | "call") => ({
    name: method,
    method,
    shape,
    call: (_: unknown, handlers: S) => (handlers as Record<string, () => unknown>)[method]!(),
  });
  const calls = functions.map((method, at) => [key + at, entry(method, "call")] as const);
  const inits = init === undefined ? [] : [[init, entry("init", "init")] as const];
  const dispatch: Dispatch<S> = {
    contract: name,
    functions: Object.fromEntries([...calls, ...inits]),
    ...(init === undefined ? {} : { init }),
  };
  return { dispatch };
}

const Desk = contract<{ init(): void; get(): string }>("t:t/desk", 1, ["get"], 100);
const Status = contract<{ get(): number; note(): void }>("t:t/status", 10, ["get", "note"]);
const Lamp = contract<{ toggle(): boolean }>("t:t/lamp", 20, ["toggle"]);
const Shelf = contract<{ init(): void; free(): number }>("t:t/shelf", 30, ["free"], 300);

const call = async (made: ReturnType<typeof service>, key: number): Promise<string> =>
  (
    await made.exports.handle(
      key,
      { sender: { node: 1, id: 1 }, reference: 1, kind: "call" },
      new Uint8Array(),
      null,
    )
  ).tag;

test("functions of several contracts may stand in one object", async () => {
  let on = false;
  const made = service([Lamp, Desk], {
    init() {},
    get: () => "ann",
    toggle() {
      on = !on;
      return this.get() === "ann" && on;
    },
  });
  assert.deepEqual(made.contracts, ["t:t/desk", "t:t/lamp"]);
  assert.deepEqual([await call(made, 20), await call(made, 1), on], ["reply", "reply", true]);
  assert.equal(await call(made, 99), "unknown-function");
});

test("where names are the same, each contract has an object of its own", async () => {
  const seen: string[] = [];
  const made = service(
    [Status, Desk],
    [
      {
        get() {
          this.note();
          return seen.push("status");
        },
        note: () => void seen.push("note"),
      },
      { init() {}, get: () => `${seen.push("desk")}`, info: () => void seen.push("info") },
    ],
  );
  await call(made, 10);
  await call(made, 1);
  await made.exports.info({ tag: "mail", val: { sender: { node: 1, id: 1 }, body: new Uint8Array() } });
  assert.deepEqual(seen, ["note", "status", "desk", "info"]);
});

/** What making a service says that it is not. */
function saying(make: () => unknown): string {
  try {
    make();
    return "nothing";
  } catch (error) {
    return error instanceof TypeError ? error.message : String(error);
  }
}

test("what cannot be told is an error that says how", () => {
  const get = { init() {}, get: () => "", note() {} };
  const shelf = { init() {}, free: () => 0 };
  // @ts-expect-error: no function can return both.
  let said = saying(() => service([Desk, Status], get));
  assert.ok(said.includes("both have the function get: give each contract an object of its own"), said);
  // @ts-expect-error: one object is missing.
  said = saying(() => service([Desk, Lamp], [get]));
  assert.equal(said, "2 contracts need as many objects of functions, not 1");
  // @ts-expect-error: a function is missing.
  said = saying(() => service([Desk, Lamp], [get, {}]));
  assert.equal(said, "the service has no function toggle of t:t/lamp");
  said = saying(() => service([Desk, Desk], [get, get]));
  assert.equal(said, "the contract t:t/desk is there twice");
  const later = contract<{ get(): string }>("t:t/desk@1.1.0", 1, ["get"]);
  said = saying(() => service([Desk, later], [get, get]));
  assert.ok(said.startsWith("get means the same in t:t/desk and in t:t/desk@1.1.0: a service has"), said);
  said = saying(() => service([Desk, Lamp], [{ get: () => "" }, { toggle: () => true }]));
  assert.equal(said, "the service has no function init of t:t/desk");
  said = saying(() => service([Desk, Shelf], [get, shelf]));
  assert.equal(said, "t:t/desk and t:t/shelf have constructors: say which one counts by the option `init`");
  assert.deepEqual(service([Desk, Shelf], [get, shelf], { init: Shelf }).contracts, [
    "t:t/shelf",
    "t:t/desk",
  ]);
  said = saying(() => service([Desk, Shelf], [get, { ...shelf, info() {} }], { init: Desk }));
  assert.equal(said, "info and terminate belong to the object of t:t/desk, which constructs the service");
});

test("a refusal that nobody takes says what it is", () => {
  assert.equal(String(refuse({ tag: "closed", at: 7n })), 'refused: {"tag":"closed","at":"7"}');
  assert.equal(String(refuse("late")), "refused: late");
  const circle: { own?: unknown } = {};
  circle.own = circle;
  assert.equal(String(refuse(circle)), "refused: a value of type object");
});

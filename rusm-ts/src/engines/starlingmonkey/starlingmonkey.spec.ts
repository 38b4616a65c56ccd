import assert from "node:assert/strict";
import { test } from "node:test";

import { log, mailbox, replies, room, timers } from "../../../test/blocking-host.mjs";
import { during, goOn, isWake, setOnStuck } from "./loop.ts";
import * as names from "./names.ts";
import * as process from "./process.ts";
import { frames } from "./stack.ts";
import * as supervisors from "./supervisors-async.ts";
import { decode, encode } from "./text.ts";
import * as wait from "./wait-async.ts";

const TARGET = { tag: "name", val: "other" } as const;
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** The value of an answer that was there, or that is waited for. */
const valueOf = <T>(answer: HostAnswer<T>): Promise<T> =>
  answer.tag === "now" ? Promise.resolve(answer.val) : answer.val.read();

/** What the host was asked to do while this ran. */
async function seen(run: () => Promise<void>): Promise<string[]> {
  log.length = 0;
  await during(run);
  return [...log];
}

test("numbers, none and errors have the shapes of the other engine", async () => {
  assert.deepEqual(process.self(), { node: 1, id: 2 });
  assert.equal(process.monitor(TARGET), 7);
  assert.equal(process.env("HOME"), null);
  assert.equal(process.info({ node: 1, id: 2 })?.name, null);
  assert.equal(names.whereis("nobody"), null);
  assert.deepEqual(names.whereis("here"), { node: 1, id: 3 });
  assert.throws(
    () => process.send({ tag: "name", val: "full" }, bytes()),
    (error) => error instanceof Error && (error as { payload?: HostError }).payload?.tag === "overloaded",
  );
  await during(async () => {
    const spawned = await wait.spawn("c", {} as HostSpawnOptions).read();
    assert.deepEqual(spawned, { tag: "ok", val: { pid: { node: 1, id: 4 }, monitor: null } });
    const connected = await wait.connect(TARGET, "c").read();
    const crash = { tag: "crash", val: { process: { node: 1, id: 5 } } };
    assert.deepEqual(connected, { tag: "err", val: { tag: "exited", val: crash } });
    assert.deepEqual(await valueOf(wait.streamRead(1, 0)), { tag: "ok", val: null });
    const pid = { node: 1, id: 6 };
    const children = await supervisors.whichChildren(pid).read();
    const state = { tag: "running", val: pid } as const;
    assert.deepEqual(children, { tag: "ok", val: [{ id: "a", state, supervisor: false }] });
    const counts = await supervisors.countChildren(pid).read();
    assert.equal(counts.tag === "ok" && counts.val.restarts, 3);
    const added = await supervisors.startChild(pid, {} as HostChildSpec).read();
    assert.deepEqual(added, { tag: "err", val: { tag: "too-many" } });
  });
});

test("calls are all begun before the first is waited for", async () => {
  replies.push(bytes(1), { tag: "noproc" }, bytes(3));
  const steps = await seen(async () => {
    const calls = [1, 2, 3].map(() => valueOf(wait.call(TARGET, 1, bytes(), 5_000)));
    const [first, second, third] = await Promise.all(calls);
    assert.deepEqual(first, { tag: "ok", val: bytes(1) });
    assert.deepEqual(second, { tag: "err", val: { tag: "noproc" } });
    assert.deepEqual(third, { tag: "ok", val: bytes(3) });
  });
  assert.deepEqual(
    steps.map((step) => step.split(" ")[0]),
    ["start", "start", "start", "wait", "wait", "wait"],
  );
});

test("a call that is given up before it is waited for is cancelled", async () => {
  const steps = await seen(async () => {
    const answer = wait.call(TARGET, 1, bytes(), 5_000);
    if (answer.tag !== "later") throw new Error("it is not there at once");
    const reading = answer.val.read().catch((error: Error) => error.message);
    answer.val.cancelRead();
    answer.val.drop();
    assert.equal(await reading, "future read cancelled");
  });
  assert.deepEqual(
    steps.map((step) => step.split(" ")[0]),
    ["start", "cancel"],
  );
});

test("timers fire in their order, and one that is cleared does not", async () => {
  const fired: string[] = [];
  await during(async () => {
    const timer = (ms: number, name: string): HostFuture<boolean> => {
      const future = wait.sleep(ms);
      future.read().then(
        () => fired.push(name),
        () => fired.push(`no ${name}`),
      );
      return future;
    };
    timer(30, "late");
    timer(10, "early");
    timer(20, "cleared").cancelRead();
    await wait.sleep(40).read();
  });
  assert.deepEqual(fired, ["no cleared", "early", "late"]);
});

test("a process that receives lets its timers fire", async () => {
  const steps = await seen(async () => {
    let fired = false;
    void wait
      .sleep(10)
      .read()
      .then(() => (fired = true));
    const event = await wait.receive({ tag: "any" }, 25).read();
    assert.equal(event, null);
    assert.ok(fired);
    mailbox.push({ tag: "mail", val: { sender: { node: 1n, id: 2n }, body: bytes(1) } });
    const mail = await wait.receive({ tag: "any" }, null).read();
    assert.deepEqual(mail, { tag: "mail", val: { sender: { node: 1, id: 2 }, body: bytes(1) } });
  });
  assert.deepEqual(steps, ["receive 10", "receive 15", "receive null"]);
});

test("a full stream is written to when the host tells of room, and between messages nobody waits for it", async () => {
  room.chunks = 0;
  let written: unknown;
  const steps = await seen(async () => {
    void valueOf(wait.streamWrite(9, bytes(1), 1_000)).then((result) => (written = result));
  });
  assert.deepEqual(steps, ["write 0"]);
  room.chunks = 1;
  await during(async () => wait.roomIn(9));
  assert.deepEqual(written, { tag: "ok", val: undefined });
});

test("a writer that is waited for gives up at its deadline", async () => {
  room.chunks = 0;
  await during(async () => {
    const result = await valueOf(wait.streamWrite(9, bytes(1), 50));
    assert.deepEqual(result, { tag: "err", val: { tag: "timeout" } });
  });
});

test("what a message leaves unfinished goes on with an event that the process sends itself", async () => {
  let fired = false;
  const steps = await seen(async () => {
    void wait
      .sleep(30)
      .read()
      .then(() => (fired = true));
  });
  assert.deepEqual(steps, ["sendAfter 30"]);
  assert.ok(isWake(Number(timers.at(-1))));
  await during(() => wait.sleep(30).read());
  await during(goOn);
  assert.ok(fired);
});

test("a promise that nothing can resolve ends the process instead of the engine", async () => {
  const stuck = new Promise<Error>((resolve) => setOnStuck(resolve));
  void during(() => new Promise<void>(() => {}));
  const error = await stuck;
  assert.ok(error.message.startsWith("the function waits for a promise"));
});

test("a stack reads as the host expects it", () => {
  const stack = [
    "breakDown@bundle.js:12:34",
    "async*exported/<@bundle.js:5:6",
    "@bundle.js:1:1",
    "export_server_0_1_0$handle@/x/initializer.js:10:2",
    "",
  ];
  assert.equal(
    frames(stack.join("\n")),
    "    at breakDown (bundle.js:12:34)\n    at exported/< (bundle.js:5:6)\n    at bundle.js:1:1",
  );
});

test("UTF-8 is the engine's", () => {
  assert.equal(decode(encode("ün 😀")), "ün 😀");
  assert.equal(decode(bytes(0xff)), null);
});

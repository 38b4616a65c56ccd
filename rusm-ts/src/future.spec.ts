import assert from "node:assert/strict";
import { test } from "node:test";

import { interruptible } from "./future.ts";

test("a wait ends with its promise, or with what ends all waits", async () => {
  const waits = interruptible<string>();
  assert.equal(await waits.wait(Promise.resolve(1)), 1);
  const never = new Promise<number>(() => undefined);
  const waiting = waits.wait(never);
  waits.end("over");
  waits.fail(new Error("too late"));
  assert.deepEqual([await waiting, await waits.wait(never)], ["over", "over"]);
  const failing = interruptible<never>();
  failing.fail(7);
  assert.equal(await failing.wait(never).catch((error: unknown) => error), 7);
});

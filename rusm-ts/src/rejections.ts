/// <reference path="./host.d.ts" />
import { sleep } from "rusm:actor/wait-async@0.1.0";

/** Rejections that were told of, and that may be handled before this turn ends. */
const open = new Map<unknown, unknown>();

let report: (reason: unknown) => void = () => undefined;
let confirming = false;

/** Says what becomes of a rejection that nobody handles. */
export function onUnhandledRejection(run: (reason: unknown) => void): void {
  report = run;
}

/** What the engine calls when a promise is rejected that nobody handles, and when somebody does so later. */
function tell(promise: unknown, reason: unknown, handled: number): void {
  if (handled !== 0) {
    open.delete(promise);
    return;
  }
  open.set(promise, reason);
  if (confirming) return;
  confirming = true;
  // Whoever is about to handle it does so within this turn, which ends with a real wait: one of 0 may be over at once.
  const future = sleep(1);
  void future.read().then(() => {
    future.drop();
    confirming = false;
    const reasons = [...open.values()];
    open.clear();
    for (const reason of reasons) report(reason);
  });
}

// The build of a component finds this array by its numbers (`host/rusm/src/build/js_runtime.rs`), and shows the engine the function.
const MARK = 0x5255_5300;
const MARKS = 16;
const shown: unknown[] = [tell];
for (let place = 0; place < MARKS; place++) shown.push(MARK + place);
// The engine has no reference of its own.
Object.defineProperty(globalThis, Symbol.for("rusm-ts/rejections"), { value: shown });

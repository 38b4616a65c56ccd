/// <reference path="./host.d.ts" />
import { sleep } from "rusm:actor/wait-async@0.1.0";

// Promises that are rejected while nobody handles that. QuickJS notices them; what it tells comes into an array, which the build
// of a component shows it (`host/rusm/src/build/js_runtime.rs`). Its first value counts what is written there; promise,
// reason and whether it is handled now follow. Where it was not shown, the first value stays what it is.

/** As in `js_runtime.rs`. */
const MARK = 0x5255_5300;
const PLACES = 32;

const slots: unknown[] = [];
for (let place = 0; place < 1 + 3 * PLACES; place++) slots.push(MARK + place);

/** Rejections that were told of, and that may be handled before this turn ends. */
const open = new Map<unknown, unknown>();

let report: (reason: unknown) => void = () => undefined;
let confirming = false;
let sweeping = false;

/** Says what becomes of a rejection that nobody handles. */
export function onUnhandledRejection(run: (reason: unknown) => void): void {
  report = run;
}

/** With each message: looks what has come since, and will look again when there are no more messages. */
export function lookForRejections(): void {
  if (slots[0] === MARK) return;
  if (slots[0] !== 0) take();
  if (sweeping) return;
  sweeping = true;
  after(SWEEP_MS, () => {
    sweeping = false;
    if (slots[0] !== 0) take();
  });
}

function take(): void {
  const count = slots[0] as number;
  slots[0] = 0;
  for (let place = 1; place < 1 + 3 * count; place += 3) {
    const [promise, reason, handled] = slots.slice(place, place + 3);
    slots[place] = slots[place + 1] = slots[place + 2] = 0;
    if (handled === 0) open.set(promise, reason);
    else open.delete(promise);
  }
  if (open.size === 0 || confirming) return;
  confirming = true;
  // Whoever is about to handle it does so within this turn.
  after(0, () => {
    confirming = false;
    if (slots[0] !== 0) take();
    const reasons = [...open.values()];
    open.clear();
    for (const reason of reasons) report(reason);
  });
}

/** Between messages. It is no wait of a task, which others would have to come back for. */
function after(ms: number, run: () => void): void {
  const future = sleep(ms);
  void future.read().then(() => {
    future.drop();
    run();
  });
}

/** Long enough to cost nothing, and short enough to belong to what was done. */
const SWEEP_MS = 100;

/// <reference path="../../globals.d.ts" />
// The engine has most of the web's APIs; what it has not, and what must know of messages, is installed on `globalThis`.
import { console } from "../../web/console.ts";
import { random } from "../../web/random.ts";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "../../web/timers.ts";

// The engine has it, but the host gives no HTTP.
Reflect.deleteProperty(globalThis, "fetch");

for (const [name, value] of Object.entries({
  clearInterval,
  clearTimeout,
  console,
  setInterval,
  setTimeout,
})) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

Object.defineProperty(Math, "random", {
  value: random,
  writable: true,
  configurable: true,
  enumerable: false,
});

/** The engine's own timers stand still between messages. */
AbortSignal.timeout = (ms) => {
  const controller = new AbortController();
  const reason = new Error("The operation was aborted due to timeout");
  reason.name = "TimeoutError";
  setTimeout(() => controller.abort(reason), ms);
  return controller.signal;
};

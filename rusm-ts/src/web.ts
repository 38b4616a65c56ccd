// The web APIs that QuickJS lacks, installed on `globalThis` when a service is built.
import { AbortController, AbortSignal } from "./web/abort.ts";
import { console } from "./web/console.ts";
import { crypto } from "./web/crypto.ts";
import { absent } from "./web/absent.ts";
import { random } from "./web/random.ts";
import { TextDecoder, TextEncoder } from "./web/text.ts";
import { clearInterval, clearTimeout, performance, setInterval, setTimeout } from "./web/timers.ts";

const globals: Record<string, unknown> = {
  AbortController,
  AbortSignal,
  TextDecoder,
  TextEncoder,
  clearInterval,
  clearTimeout,
  console,
  crypto,
  performance,
  setInterval,
  setTimeout,
  ...absent,
};

for (const [name, value] of Object.entries(globals)) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

Object.defineProperty(Math, "random", {
  value: random,
  writable: true,
  configurable: true,
  enumerable: false,
});

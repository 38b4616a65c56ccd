// The web APIs that QuickJS lacks, installed on `globalThis` when a service is built.
import { AbortController, AbortSignal } from "./web/abort.ts";
import { console } from "./web/console.ts";
import { crypto } from "./web/crypto.ts";
import { structuredClone } from "./web/clone.ts";
import { CustomEvent, DOMException, Event, EventTarget, reportListenerErrors } from "./web/events.ts";
import { random } from "./web/random.ts";
import { crash } from "./crash.ts";
import { TextDecoder, TextEncoder } from "./web/text.ts";
import { URL, URLSearchParams } from "./web/url.ts";
import { clearInterval, clearTimeout, performance, setInterval, setTimeout } from "./web/timers.ts";

const globals: Record<string, unknown> = {
  AbortController,
  AbortSignal,
  CustomEvent,
  DOMException,
  Event,
  EventTarget,
  TextDecoder,
  TextEncoder,
  URL,
  URLSearchParams,
  clearInterval,
  clearTimeout,
  console,
  crypto,
  performance,
  setInterval,
  setTimeout,
  structuredClone,
};

for (const [name, value] of Object.entries(globals)) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

reportListenerErrors(crash);

Object.defineProperty(Math, "random", {
  value: random,
  writable: true,
  configurable: true,
  enumerable: false,
});

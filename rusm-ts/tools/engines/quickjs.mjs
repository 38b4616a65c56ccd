// QuickJS-ng, the engine by default: the async lane.
import { pathToFileURL } from "node:url";

export const quickjs = {
  imports: ['import "rusm-ts/web";'],
  exports: [
    "export const serverAsync = serve(made);",
    "export const serverPlain = serveInPlainValues(made);",
    "export const run = start(made);",
  ],
  plugins: [],
  // Of what Node has.
  absent: [
    "fetch",
    "Request",
    "Response",
    "Headers",
    "Blob",
    "File",
    "FormData",
    "ReadableStream",
    "WritableStream",
    "TransformStream",
    "CompressionStream",
    "DecompressionStream",
    "WebSocket",
    "EventSource",
    "BroadcastChannel",
    "MessageChannel",
    "WebAssembly",
    "Intl",
    "Buffer",
    "process",
    "navigator",
    "setImmediate",
    "clearImmediate",
  ],
  worlds: { service: "service-plain", raw: "raw-async" },

  async load(require) {
    const { componentize } = await import(pathToFileURL(require.resolve("componentize-qjs")));
    return async (jsSource, witPath, world) => (await componentize({ witPath, world, jsSource })).component;
  },
};

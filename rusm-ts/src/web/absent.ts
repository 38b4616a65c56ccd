/** What is not there yet: using it says so, instead of "is not defined". */
const NAMES = [
  "fetch",
  "Request",
  "Response",
  "Headers",
  "URL",
  "URLSearchParams",
  "structuredClone",
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
  "Worker",
  "BroadcastChannel",
  "MessageChannel",
] as const;

export const absent: Record<string, unknown> = Object.fromEntries(
  NAMES.map((name) => [
    name,
    function missing(): never {
      throw new Error(`${name} is not available in rusm-ts yet; see the package's README for what is`);
    },
  ]),
);

// The engine writes `name@file:12:34`; the host, and the rest of the SDK, read `    at name (file:12:34)`.

/** A stack of SpiderMonkey in the form of the other engine, without the frames of componentize-js's bindings. */
export function frames(stack: string): string {
  return stack
    .split("\n")
    .filter((line) => line !== "" && !BINDINGS.test(line))
    .map((line) => {
      const [, name, place] = FRAME.exec(line) ?? [];
      if (place === undefined) return line;
      return name === "" ? `    at ${place}` : `    at ${name} (${place})`;
    })
    .join("\n");
}

/** `async*` says that the frame has awaited. */
const FRAME = /^(?:\w+\*)?(.*)@(.*:\d+:\d+)$/;

const BINDINGS = /@(.*\/)?initializer\.js:\d+:\d+$/;

/** Makes `stack` of every error so. */
export function install(): void {
  const own = Object.getOwnPropertyDescriptor(Error.prototype, "stack");
  if (own?.get === undefined) return;
  const { get } = own;
  Object.defineProperty(Error.prototype, "stack", {
    ...own,
    get(this: unknown): unknown {
      const stack: unknown = get.call(this);
      return typeof stack === "string" ? frames(stack) : stack;
    },
  });
}

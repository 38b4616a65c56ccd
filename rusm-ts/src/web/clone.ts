import { DOMException } from "./events.ts";

/** A value with all that it refers to, once more: what refers to one object in two places does so in the copy. */
export function structuredClone<T>(value: T, options: { transfer?: readonly unknown[] } = {}): T {
  const copies = new Map<object, object>();
  const transfer = options.transfer ?? [];
  for (const buffer of transfer) {
    if (!(buffer instanceof ArrayBuffer)) throw refusal(buffer, "cannot be transferred");
  }
  // What is still to be filled: a deep value needs no deep stack.
  const open: Array<() => void> = [];
  const copy = (from: unknown): unknown => {
    if (typeof from === "function" || typeof from === "symbol") throw refusal(from, "could not be cloned");
    if (typeof from !== "object" || from === null) return from;
    const known = copies.get(from);
    if (known !== undefined) return known;
    const made = begin(from, copy, open, transfer);
    copies.set(from, made);
    return made;
  };
  const cloned = copy(value);
  for (let fill = open.pop(); fill !== undefined; fill = open.pop()) fill();
  return cloned as T;
}

/** The copy of an object, still without what it holds: that is noted in `open`. */
function begin(
  from: object,
  copy: (value: unknown) => unknown,
  open: Array<() => void>,
  transfer: readonly unknown[],
): object {
  if (from instanceof Date) return new Date(from.getTime());
  if (from instanceof RegExp) return new RegExp(from.source, from.flags);
  if (from instanceof ArrayBuffer) {
    return transfer.includes(from)
      ? (from as ArrayBuffer & { transfer(): ArrayBuffer }).transfer()
      : from.slice(0);
  }
  if (ArrayBuffer.isView(from)) return view(from, copy(from.buffer) as ArrayBuffer);
  if (from instanceof Map) {
    const made = new Map();
    const entries = [...from];
    open.push(() => entries.forEach(([key, value]) => made.set(copy(key), copy(value))));
    return made;
  }
  if (from instanceof Set) {
    const made = new Set();
    const values = [...from];
    open.push(() => values.forEach((value) => made.add(copy(value))));
    return made;
  }
  if (from instanceof Error) return errorOf(from, copy, open);
  const kind = Object.prototype.toString.call(from).slice(8, -1);
  if (BOXED.includes(kind)) return Object((from as { valueOf(): unknown }).valueOf()) as object;
  if (!Array.isArray(from) && kind !== "Object") throw refusal(from, "could not be cloned");
  const made: object = Array.isArray(from) ? new Array(from.length) : {};
  open.push(() => {
    for (const key of Object.keys(from)) {
      const value = copy((from as Record<string, unknown>)[key]);
      Object.defineProperty(made, key, { value, writable: true, enumerable: true, configurable: true });
    }
  });
  return made;
}

/** Objects around a plain value. */
const BOXED = ["Number", "String", "Boolean", "BigInt"];

function view(from: ArrayBufferView, buffer: ArrayBuffer): ArrayBufferView {
  if (from instanceof DataView) return new DataView(buffer, from.byteOffset, from.byteLength);
  const kind = from.constructor as new (buffer: ArrayBuffer, at: number, length: number) => ArrayBufferView;
  return new kind(buffer, from.byteOffset, (from as Uint8Array).length);
}

function errorOf(from: Error, copy: (value: unknown) => unknown, open: Array<() => void>): Error {
  const kinds: Record<string, ErrorConstructor> = {
    EvalError,
    RangeError,
    ReferenceError,
    SyntaxError,
    TypeError,
    URIError,
  };
  const made = new (kinds[from.name] ?? Error)(from.message);
  const put = (key: string, value: unknown): void => {
    Object.defineProperty(made, key, { value, writable: true, enumerable: false, configurable: true });
  };
  if (typeof from.stack === "string") put("stack", from.stack);
  if ("cause" in from) open.push(() => put("cause", copy(from.cause)));
  return made;
}

function refusal(value: unknown, why: string): DOMException {
  let shown: string;
  try {
    shown = typeof value === "object" ? Object.prototype.toString.call(value) : String(value);
  } catch {
    shown = "a value";
  }
  return new DOMException(`${shown} ${why}.`, "DataCloneError");
}

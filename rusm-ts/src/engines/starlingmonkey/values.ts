/// <reference path="./host.d.ts" />

/**
 * A value of componentize-js as componentize-qjs gives it: numbers for bigints, which are below 2^53 in the actor world, and
 * null for an option's none. The bindings run in a realm of their own: what they make is no `instanceof Uint8Array` here.
 */
export function plain<T>(value: T): T {
  return convert(value) as T;
}

function convert(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return Array.from(value, convert);
  const record: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) record[name] = convert(part) ?? null;
  return record;
}

/** Calls an import that throws the error of its result; the result. */
export function resultOf<T>(run: () => T): HostResult<T, HostError> {
  try {
    return { tag: "ok", val: plain(run()) };
  } catch (thrown) {
    const { payload, message } = thrown as { payload?: HostError; message?: unknown };
    if (typeof payload?.tag === "string") return { tag: "err", val: plain(payload) };
    throw thrown instanceof Error ? thrown : new TypeError(String(message), { cause: thrown });
  }
}

/** Calls an import whose thrown error the SDK reads itself. */
export function direct<T>(run: () => T): T {
  const result = resultOf(run);
  if (result.tag === "ok") return result.val;
  throw Object.assign(new Error(result.val.tag), { payload: result.val });
}

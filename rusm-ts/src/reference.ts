import { referenceWritten } from "./callback.ts";
import type { Client } from "./client.ts";
import type { CallOptions, Pid, Target } from "./types.ts";
import { EncodeError } from "./wire/error.ts";

/** The class of a contract's client. */
type Kind<C> = new (target: Target, options?: CallOptions) => C;

/** The clients of each class that are in use, by their processes: one process has one, which may be a key of a `Map`. */
const known = new WeakMap<object, Map<string, WeakRef<Client>>>();

/** The client of a process, always the same one; of a name, or with options of its own, a new one. */
export function shared<C extends Client>(kind: Kind<C>, target: Target, options: CallOptions = {}): C {
  if (target.tag === "name" || Object.keys(options).length > 0) return new kind(target, options);
  let clients = known.get(kind);
  if (clients === undefined) known.set(kind, (clients = new Map()));
  const key = `${target.val.node}.${target.val.id}`;
  const found = clients.get(key)?.deref();
  if (found !== undefined) return found as C;
  const made = new kind(target, options);
  clients.set(key, new WeakRef(made));
  gone.register(made, [clients, key]);
  return made;
}

const gone = new FinalizationRegistry<[Map<string, WeakRef<Client>>, string]>(([clients, key]) => {
  if (clients.get(key)?.deref() === undefined) clients.delete(key);
});

/** The process that a reference leads to now. If nobody has its name, it leads to nobody. */
export function pidOf<C extends Client>(reference: C, kind: Kind<C>): Pid {
  if (!(reference instanceof kind)) {
    throw new EncodeError(`expected a client of the class ${kind.name}; found ${describe(reference)}`);
  }
  referenceWritten(reference._target);
  return reference.pid() ?? NOBODY;
}

function describe(value: unknown): string {
  return typeof value === "object" && value !== null
    ? (value.constructor?.name ?? "an object")
    : String(value);
}

/** Of no process. */
const NOBODY: Pid = { node: 0, id: 0 };

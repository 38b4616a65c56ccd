import type { Dispatch, Served } from "./server.ts";

/**
 * The contracts of a service with the object that handles each, the one that constructs it first.
 *
 * @throws TypeError if that cannot be told, or a function is missing.
 */
export function together(
  contracts: readonly { readonly dispatch: Dispatch<object> }[],
  handlers: object,
  init?: { readonly dispatch: Dispatch<object> },
): Served[] {
  const apart = Array.isArray(handlers) ? (handlers as readonly object[]) : undefined;
  if (contracts.length === 0) throw new TypeError("a service has at least one contract");
  if (apart !== undefined && apart.length !== contracts.length) {
    throw new TypeError(
      `${contracts.length} contracts need as many objects of functions, not ${apart.length}`,
    );
  }
  const served = contracts.map(({ dispatch }, at): Served => ({
    dispatch,
    handlers: apart?.[at] ?? handlers,
  }));
  if (apart === undefined && served.length > 1) {
    const text = (one: string, other: string, method: string): string =>
      `${one} and ${other} both have the function ${method}: ` +
      "give each contract an object of its own, service([A, B], [{ .. }, { .. }])";
    refuseShared(served, (_, method) => method, text);
  }
  const first = constructing(served, init?.dispatch);
  const text = (one: string, other: string, method: string): string =>
    `${method} means the same in ${one} and in ${other}: ` +
    "a service has compatible versions of one contract once, the latest one";
  refuseShared(served, (key) => key, text);
  const lost = apart && served.find((one) => one !== first && (one.handlers.info ?? one.handlers.terminate));
  if (lost !== undefined) {
    throw new TypeError(
      `info and terminate belong to the object of ${first.dispatch.contract}, which constructs the service`,
    );
  }
  for (const { dispatch, handlers } of served) {
    for (const { method, shape } of Object.values(dispatch.functions)) {
      if (shape === "init" && dispatch !== first.dispatch) continue;
      if (typeof (handlers as Record<string, unknown>)[method] !== "function") {
        throw new TypeError(`the service has no function ${method} of ${dispatch.contract}`);
      }
    }
  }
  return [first, ...served.filter((one) => one !== first)];
}

/** Refuses functions of two contracts that are one thing, by what they are told apart by; constructors are no matter. */
function refuseShared(
  served: readonly Served[],
  apart: (key: string, method: string) => string,
  text: (one: string, other: string, method: string) => string,
): void {
  const seen = new Map<string, string>();
  for (const { dispatch } of served) {
    for (const [key, { method, shape }] of Object.entries(dispatch.functions)) {
      if (shape === "init") continue;
      const mark = apart(key, method);
      const other = seen.get(mark);
      if (other !== undefined) throw new TypeError(text(other, dispatch.contract, method));
      seen.set(mark, dispatch.contract);
    }
  }
}

/** The contract that constructs the service. */
function constructing(served: readonly Served[], init: Dispatch<object> | undefined): Served {
  const own = served.map(({ dispatch }) => dispatch.contract);
  const twice = own.find((contract, at) => own.indexOf(contract) !== at);
  if (twice !== undefined) throw new TypeError(`the contract ${twice} is there twice`);
  if (init !== undefined) {
    const one = served.find(({ dispatch }) => dispatch === init);
    if (one === undefined)
      throw new TypeError(`${init.contract} is no contract of the service: ${own.join(", ")}`);
    return one;
  }
  const [one, other] = served.filter(({ dispatch }) => dispatch.init !== undefined);
  if (one !== undefined && other !== undefined) {
    throw new TypeError(
      `${one.dispatch.contract} and ${other.dispatch.contract} have constructors: ` +
        "say which one counts by the option `init`",
    );
  }
  return one ?? served[0]!;
}

import { exported, takeRejections, type UnhandledRejections } from "./crash.ts";
import { together } from "./together.ts";
import { type Dispatch, type Extras, type PlainExports, Server, type ServerExports } from "./server.ts";

/** How a service handles its messages. */
export interface ServiceOptions {
  /** How many calls it handles at once; 1 by default, as a `gen_server`. */
  concurrency?: number;
  /** What a promise is whose rejection nobody handles: a crash of the process, by default, or a line of the log. */
  unhandledRejections?: UnhandledRejections;
}

/** A service, to be exported by default. */
export interface Service {
  /** The ids of its contracts, the one that constructs it first. */
  readonly contracts: readonly string[];
  readonly exports: ServerExports;
  readonly plainExports: PlainExports;
}

/** A contract, as the module that `rusm gen` wrote has it: the class of its client. */
export interface Contract<S> {
  readonly dispatch: Dispatch<S>;
}

/** The functions of one contract beside others: `init` is there where this one constructs the service. */
type Part<S> = Omit<S, "init"> & Partial<Pick<S, keyof S & "init">> & Extras;

/** The functions of all contracts in one object. */
type All<C extends readonly Contract<never>[]> = C extends readonly [
  Contract<infer S>,
  ...infer Rest extends readonly Contract<never>[],
]
  ? S & All<Rest>
  : unknown;

/**
 * What handles the functions of a contract, or of several. It is one type: with overloads of `service`, the answers of generic
 * functions (`later`) would not be seen.
 */
type Handlers<C> = C extends readonly Contract<never>[]
  ? { readonly [K in keyof C]: C[K] extends Contract<infer S> ? Part<S> : never } | (All<C> & Extras)
  : Own<C>;

/** What `this` is in functions that stand in one object. */
type Own<C> = C extends readonly Contract<never>[]
  ? All<C> & Extras
  : C extends Contract<infer S>
    ? S & Extras
    : never;

/**
 * Makes the component a service of a contract: `export default service(Cart, { .. })`, where `Cart` comes from the
 * module that `rusm gen` wrote. What the functions keep between calls may be variables of the module: each process has
 * its own.
 *
 * Of several contracts with all their functions in one object: `service([Member, Health], { .. })`; or, where two have functions
 * of one name, with an object for each contract: `service([Member, Health], [{ .. }, { .. }])`, whose functions call each other as
 * constants of the module, for TypeScript does not know what `this` is there. One of them constructs the service: the one that has
 * `init`, or the first if none has it.
 */
export function service<const C extends Contract<never> | readonly Contract<never>[]>(
  contracts: C,
  handlers: Handlers<C> & ThisType<Own<C>>,
  options: ServiceOptions & { init?: C extends readonly (infer One)[] ? One : never } = {},
): Service {
  const several = (Array.isArray(contracts) ? contracts : [contracts]) as readonly Contract<object>[];
  const served = together(several, handlers, options.init as Contract<object> | undefined);
  const server = new Server(served, options.concurrency ?? 1);
  takeRejections(options.unhandledRejections);
  return { contracts: server.contracts, exports: server.exports(), plainExports: server.plainExports() };
}

/** A raw process, to be exported by default. */
export interface Main {
  /** Its whole life. */
  readonly run: () => Promise<void>;
}

/**
 * Makes the component a raw process, which takes its messages itself: `export default main(async () => { .. })` with
 * `process.receive`. It ends `normal` when the function is done.
 */
export function main(
  run: () => void | Promise<void>,
  options: { unhandledRejections?: UnhandledRejections } = {},
): Main {
  takeRejections(options.unhandledRejections);
  return { run: () => exported(async () => run()) };
}

/** What componentize-qjs exports of a service. */
export function serve(made: Service | Main | undefined): ServerExports | undefined {
  return made !== undefined && "exports" in made ? made.exports : undefined;
}

/** What it exports of a service besides. */
export function serveInPlainValues(made: Service | Main | undefined): PlainExports | undefined {
  return made !== undefined && "plainExports" in made ? made.plainExports : undefined;
}

/** What it exports of a raw process. */
export function start(made: Service | Main | undefined): (() => Promise<void>) | undefined {
  return made !== undefined && "run" in made ? made.run : undefined;
}

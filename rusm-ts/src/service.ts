import { exported, takeRejections, type UnhandledRejections } from "./crash.ts";
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
  /** The contract's id. */
  readonly contract: string;
  readonly exports: ServerExports;
  readonly plainExports: PlainExports;
}

/**
 * Makes the component a service of a contract: `export default service(Cart, { .. })`, where `Cart` comes from the
 * module that `rusm gen` wrote. What the functions keep between calls may be variables of the module: each process has
 * its own.
 */
export function service<S extends object>(
  contract: { readonly dispatch: Dispatch<S> },
  handlers: S & Extras & ThisType<S & Extras>,
  options: ServiceOptions = {},
): Service {
  const server = new Server(contract.dispatch, handlers, options.concurrency ?? 1);
  takeRejections(options.unhandledRejections);
  return {
    contract: contract.dispatch.contract,
    exports: server.exports(),
    plainExports: server.plainExports(),
  };
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

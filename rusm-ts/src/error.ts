import type { ExitReason, Pid } from "./types.ts";
import { DecodeError } from "./wire/error.ts";

/** What went wrong, for programs. */
export type ErrorCode =
  /** The service answered with the error of its contract, which is the `payload`. */
  | "refused"
  /** Nobody is there. */
  | "noproc"
  /** The process ended before it answered; `reason` says why. */
  | "exited"
  | "timeout"
  | "unknown-function"
  | "malformed"
  | "overloaded"
  /** A capability is missing; the message says which, and where to add it. */
  | "denied"
  | "noconnection"
  | "cancelled"
  /** The callee waits for this process, itself or through others; the message has the names. The call was not begun. */
  | "cycle"
  | "unknown-component"
  /** The bytes are no component that can be run. */
  | "invalid"
  /** The component lacks functions of the contract. */
  | "contract"
  /** The name belongs to a living process, which is the `payload`. */
  | "already-registered"
  /** The node cannot hold one more process now. */
  | "capacity"
  /** That is no name, or the process has another one; the message says which. */
  | "badarg"
  /** The other end of a stream closed early. */
  | "closed"
  /** The other end of a stream gave up. */
  | "aborted"
  | "bad-handle"
  /** A supervisor did not do as it was told; the `payload` says why. */
  | "supervisor"
  /** Not an error of this package. */
  | "unknown";

/** The one error that calls, spawns and streams reject with. */
export class RusmError<P = unknown> extends Error {
  override readonly name = "RusmError";
  readonly code: ErrorCode;
  /** The contract's typed error, with the code `refused`. */
  readonly payload: P | undefined;
  /** Why the process ended, with the code `exited`. */
  readonly reason: ExitReason | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    details: { payload?: P; reason?: ExitReason; cause?: unknown } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.payload = details.payload;
    this.reason = details.reason;
  }

  /** Any thrown value as an error of this class; one that is, unchanged. */
  static from(thrown: unknown): RusmError {
    if (thrown instanceof RusmError) return thrown;
    if (thrown instanceof DecodeError) return new RusmError("malformed", thrown.message, { cause: thrown });
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new RusmError("unknown", message, { cause: thrown });
  }
}

/** A contract's error as text. */
export function describePayload(value: unknown): string {
  if (typeof value === "string") return value;
  const plain = (_: string, part: unknown): unknown => (typeof part === "bigint" ? `${part}` : part);
  try {
    return JSON.stringify(value, plain) ?? "no reason";
  } catch {
    return `a value of type ${typeof value}`;
  }
}

/** The text of an exit reason. */
export function describeReason(reason: ExitReason): string {
  if (reason.tag !== "crash") return reason.tag;
  const { text, component, function: of } = reason.val;
  return `crash: ${component}${of === "" ? "" : ` in ${of}`}: ${text}`;
}

function cycleText(names: string[]): string {
  return `cycle: a call that comes back to its caller: ${names.join(" -> ")}`;
}

/** An error variant of the host as an error. */
export function fromHost(error: { tag: string; val?: unknown }): RusmError {
  const code = error.tag as ErrorCode;
  switch (error.tag) {
    case "exited": {
      const reason = error.val as ExitReason;
      return new RusmError(code, `the process ended: ${describeReason(reason)}`, { reason });
    }
    case "already-registered":
      return new RusmError(code, "the name belongs to a living process", { payload: error.val as Pid });
    case "timeout":
      return new RusmError(code, "timeout: no answer within the deadline");
    case "noproc":
      return new RusmError(code, "noproc: there is no such process");
    case "noconnection":
      return new RusmError(code, "noconnection: the node cannot be reached");
    case "overloaded":
      return new RusmError(code, "overloaded: the mailbox is full, or the caller has too much under way");
    case "cancelled":
      return new RusmError(code, "cancelled: the call was given up");
    case "cycle":
      return new RusmError(code, cycleText(error.val as string[]));
    case "closed":
      return new RusmError(code, "closed by the other end");
    case "bad-handle":
      return new RusmError(code, "there is no such stream");
    default:
      return new RusmError(code, `${error.tag}: ${String(error.val)}`);
  }
}

/** Why bytes are no value of the expected type. The Rust SDK has the same kinds under the same names. */
export type DecodeErrorKind = "truncated" | "varint" | "tag" | "utf8" | "char" | "flags" | "trailing";

/** Bytes that are no value of the expected type. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
  readonly kind: DecodeErrorKind;
  /** The argument that could not be read, if it was one. */
  readonly where: string | undefined;

  constructor(kind: DecodeErrorKind, where?: string) {
    super(where === undefined ? kind : `${where}: ${kind}`);
    this.kind = kind;
    this.where = where;
  }
}

/** A value that is not of the type which the contract says. */
export class EncodeError extends TypeError {
  override readonly name = "EncodeError";
}

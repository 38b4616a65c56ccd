/// <reference path="../host.d.ts" />
import { randomBytes } from "rusm:actor/process@0.1.0";

type IntegerArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

/** The part of `crypto` that services need most. */
export const crypto = {
  getRandomValues<T extends IntegerArray>(array: T): T {
    if (array.byteLength > 65_536) {
      throw new RangeError(`getRandomValues gives at most 65,536 bytes at once, not ${array.byteLength}`);
    }
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(randomBytes(array.byteLength));
    return array;
  },

  randomUUID(): string {
    const bytes = randomBytes(16);
    bytes[6] = (bytes[6]! & 0x0f) | 0x40;
    bytes[8] = (bytes[8]! & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  },
};

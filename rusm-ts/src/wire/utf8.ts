/// <reference path="../host.d.ts" />
import { decode, encode } from "rusm:actor/text@0.1.0";

import { EncodeError } from "./error.ts";

let hosted = false;

/** Says that the host is there: it is not while the component is built. */
export function becomeHosted(): void {
  hosted = true;
}

/** Whether it is there. */
export function isHosted(): boolean {
  return hosted;
}

/** The UTF-8 of a string. A lone surrogate has none. */
export function encodeUtf8(text: string): Uint8Array {
  if (hosted && text.length > SHORT && text.isWellFormed()) return encode(text);
  // Most strings are ASCII, and no string needs more than three bytes a unit.
  let bytes = new Uint8Array(text.length);
  let ascii = 0;
  for (; ascii < text.length; ascii++) {
    const unit = text.charCodeAt(ascii);
    if (unit >= 0x80) break;
    bytes[ascii] = unit;
  }
  if (ascii === text.length) return bytes;
  const long = new Uint8Array(ascii + (text.length - ascii) * 3);
  long.set(bytes.subarray(0, ascii));
  bytes = long;
  let end = ascii;
  for (let at = ascii; at < text.length; at++) {
    let point = text.charCodeAt(at);
    if (point >= 0xd800 && point < 0xe000) {
      const low = text.charCodeAt(at + 1);
      if (point >= 0xdc00 || !(low >= 0xdc00 && low < 0xe000)) {
        throw new EncodeError(`a string with a lone surrogate at ${at} has no UTF-8`);
      }
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
      at++;
    }
    if (point < 0x80) {
      bytes[end++] = point;
    } else if (point < 0x800) {
      bytes[end++] = 0xc0 | (point >> 6);
      bytes[end++] = 0x80 | (point & 0x3f);
    } else if (point < 0x10000) {
      bytes[end++] = 0xe0 | (point >> 12);
      bytes[end++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[end++] = 0x80 | (point & 0x3f);
    } else {
      bytes[end++] = 0xf0 | (point >> 18);
      bytes[end++] = 0x80 | ((point >> 12) & 0x3f);
      bytes[end++] = 0x80 | ((point >> 6) & 0x3f);
      bytes[end++] = 0x80 | (point & 0x3f);
    }
  }
  return bytes.subarray(0, end);
}

/** The string that these bytes are, or undefined if they are no UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  if (hosted && bytes.length > SHORT) return decode(bytes) ?? undefined;
  let text = "";
  let units: number[] = [];
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at++]!;
    if (first < 0x80) {
      units.push(first);
    } else {
      const more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
      if (first < 0xc2 || first > 0xf4 || at + more > bytes.length) return undefined;
      let point = first & (0x3f >> more);
      for (let left = more; left > 0; left--) {
        const next = bytes[at++]!;
        if ((next & 0xc0) !== 0x80) return undefined;
        point = (point << 6) | (next & 0x3f);
      }
      // Longer than needed, a surrogate, or past the last character.
      if (point < SHORTEST[more]! || (point >= 0xd800 && point < 0xe000) || point > 0x10ffff)
        return undefined;
      if (point < 0x10000) {
        units.push(point);
      } else {
        units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff));
      }
    }
    // As many as a call takes without a deep stack.
    if (units.length > 4096) {
      text += String.fromCharCode(...units);
      units = [];
    }
  }
  return text + String.fromCharCode(...units);
}

const SHORTEST = [0, 0x80, 0x800, 0x10000];

/** Where a call of the host begins to cost less than a loop. */
const SHORT = 24;

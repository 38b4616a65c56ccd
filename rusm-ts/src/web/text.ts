import { decodeUtf8, encodeUtf8 } from "../wire/utf8.ts";

/** `TextEncoder`: a lone surrogate becomes U+FFFD, as the standard says. */
export class TextEncoder {
  readonly encoding = "utf-8";

  encode(text = ""): Uint8Array {
    return encodeUtf8(wellFormed(text));
  }

  encodeInto(text: string, target: Uint8Array): { read: number; written: number } {
    let read = 0;
    let written = 0;
    for (const char of wellFormed(text)) {
      const bytes = encodeUtf8(char);
      if (written + bytes.length > target.length) break;
      target.set(bytes, written);
      written += bytes.length;
      read += char.length;
    }
    return { read, written };
  }
}

/** `TextDecoder`, for UTF-8 alone. */
export class TextDecoder {
  readonly encoding = "utf-8";
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  #held = new Uint8Array();

  constructor(label = "utf-8", options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    if (!["utf-8", "utf8", "unicode-1-1-utf-8"].includes(label.toLowerCase())) {
      throw new RangeError(`TextDecoder knows utf-8 only, not ${label}`);
    }
    this.fatal = options.fatal ?? false;
    this.ignoreBOM = options.ignoreBOM ?? false;
  }

  decode(input?: ArrayBuffer | ArrayBufferView, options: { stream?: boolean } = {}): string {
    const given = toBytes(input);
    let bytes = new Uint8Array(this.#held.length + given.length);
    bytes.set(this.#held);
    bytes.set(given, this.#held.length);
    this.#held = new Uint8Array();
    if (options.stream === true) {
      const whole = bytes.length - unfinished(bytes);
      this.#held = bytes.slice(whole);
      bytes = bytes.subarray(0, whole);
    }
    const start = !this.ignoreBOM && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
    const text = decodeUtf8(bytes.subarray(start));
    if (text !== undefined) return text;
    if (this.fatal) throw new TypeError("The encoded data was not valid utf-8");
    return decodeLossy(bytes.subarray(start));
  }
}

function wellFormed(text: string): string {
  if (text.isWellFormed()) return text;
  return text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd");
}

function toBytes(input?: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (input === undefined) return new Uint8Array();
  if (ArrayBuffer.isView(input)) return new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
  return new Uint8Array(input);
}

/** How many bytes at the end begin a character that is not finished. */
function unfinished(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const needs = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needs > back ? back : 0;
  }
  return 0;
}

/** Every longest piece that begins no character becomes one U+FFFD. */
function decodeLossy(bytes: Uint8Array): string {
  let text = "";
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at]!;
    const needs = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
    const char = decodeUtf8(bytes.subarray(at, at + needs));
    if (char !== undefined && at + needs <= bytes.length) {
      text += char;
      at += needs;
      continue;
    }
    text += "\ufffd";
    at++;
    for (
      let left = needs - 1;
      left > 0 && at < bytes.length && validSecond(first, needs - left, bytes[at]!);
      left--
    )
      at++;
  }
  return text;
}

/** Whether a byte can follow at this place: the second one is narrower after some first bytes. */
function validSecond(first: number, place: number, byte: number): boolean {
  if (first < 0xc2 || first > 0xf4) return false;
  if (place > 1) return (byte & 0xc0) === 0x80;
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  return byte >= least && byte <= most;
}

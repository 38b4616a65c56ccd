/// <reference path="../../globals.d.ts" />
// `rusm:actor/text`, which the sync lane's worlds do not have, by the engine's own codec.

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const encode = (text: string): Uint8Array => encoder.encode(text);

export function decode(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

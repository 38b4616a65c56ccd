/// <reference path="../host.d.ts" />
import { randomBytes } from "rusm:actor/process@0.1.0";

import { isHosted } from "../wire/utf8.ts";

/**
 * `Math.random`, seeded by the host when a process first asks: the engine's own would draw the same numbers in every process,
 * for they all begin as one picture of a heap. While the component is built, it is the engine's. The generator is sfc32, which passes the usual batteries of tests.
 */
export function random(): number {
  if (!isHosted()) return ofEngine();
  const state = (seeded ??= seed());
  // 53 bits, as a double has.
  const high = next(state) >>> 5;
  return (high * 67_108_864 + (next(state) >>> 6)) / 9_007_199_254_740_992;
}

/** While the component is built. */
const ofEngine = Math.random;

type State = [number, number, number, number];

let seeded: State | undefined;

function seed(): State {
  const bytes = randomBytes(12);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const state: State = [view.getInt32(0), view.getInt32(4), view.getInt32(8), 1];
  for (let round = 0; round < 12; round++) next(state);
  return state;
}

function next(state: State): number {
  const [a, b, c, count] = state;
  const result = (((a + b) | 0) + count) | 0;
  state[3] = (count + 1) | 0;
  state[0] = b ^ (b >>> 9);
  state[1] = (c + (c << 3)) | 0;
  state[2] = (((c << 21) | (c >>> 11)) + result) | 0;
  return result;
}

import { describePayload } from "./error.ts";

/** The contract's typed error, as a service answers it: made by `refuse`. */
export class Refused<E> {
  readonly payload: E;

  constructor(payload: E) {
    this.payload = payload;
  }

  /** What is said of one that is thrown where nobody takes it: by a generator, say, that has yielded before. */
  toString(): string {
    return `refused: ${describePayload(this.payload)}`;
  }
}

/** An answer that follows: made by `later`. */
export class Later<T, E> {
  readonly begin: (answer: (value: T | Refused<E>) => boolean) => void;

  constructor(begin: (answer: (value: T | Refused<E>) => boolean) => void) {
    this.begin = begin;
  }
}

/** What a function of a service returns: its value or a refusal, now, by a promise, or later. */
export type Answer<T, E = never> = T | Refused<E> | Later<T, E> | Promise<T | Refused<E> | Later<T, E>>;

/** What a function that streams out returns: anything that can be looped over, or a refusal. */
export type StreamAnswer<T, E = never> =
  AsyncIterable<T> | Iterable<T> | Refused<E> | Promise<AsyncIterable<T> | Iterable<T> | Refused<E>>;

/** The same with a value before the stream. */
export type HeadedStreamAnswer<H, T, E = never> =
  | [H, AsyncIterable<T> | Iterable<T>]
  | Refused<E>
  | Promise<[H, AsyncIterable<T> | Iterable<T>] | Refused<E>>;

/** Answers with the contract's typed error: `return refuse({ tag: "closed" })`. It may be thrown, too. */
export function refuse<E>(payload: E): Refused<E> {
  return new Refused(payload);
}

/**
 * Answers in a later message: `return later((answer) => waiting.push(answer))`. The answer tells whether the caller
 * still waited.
 */
export function later<T, E = never>(
  begin: (answer: (value: T | Refused<E>) => boolean) => void,
): Later<T, E> {
  return new Later(begin);
}

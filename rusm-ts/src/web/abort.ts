import { DOMException, Event, EventTarget } from "./events.ts";
import { setTimeout } from "./timers.ts";

let aborts = 0;

/** `AbortSignal`. */
export class AbortSignal extends EventTarget {
  #onabort: ((event: Event) => unknown) | null = null;
  /** When it was aborted, among all signals; 0 if it is not. */
  #aborted = 0;
  #reason: unknown;
  /** Those that it follows, of `any`. */
  #sources: readonly AbortSignal[] = [];
  /** Whether it listens to them: only while somebody listens to it, so that a long-lived one keeps nobody else. */
  #follows = false;

  get onabort(): ((event: Event) => unknown) | null {
    return this.#onabort;
  }

  set onabort(run: ((event: Event) => unknown) | null) {
    this.#onabort = typeof run === "function" ? run : null;
    this._changed();
  }

  get aborted(): boolean {
    this.#look();
    return this.#aborted > 0;
  }

  get reason(): unknown {
    this.#look();
    return this.#reason;
  }

  throwIfAborted(): void {
    if (this.aborted) throw this.#reason;
  }

  /** Not for users: what `AbortController.abort` does. */
  static signal(signal: AbortSignal, reason: unknown): void {
    if (signal.#aborted > 0) return;
    signal.#abort(++aborts, reason ?? new DOMException("This operation was aborted", "AbortError"));
    const event = new Event("abort");
    event.target = event.currentTarget = signal;
    signal.#onabort?.(event);
    signal.dispatchEvent(event);
    signal._listeners = undefined;
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal();
    AbortSignal.signal(signal, reason);
    return signal;
  }

  static timeout(ms: number): AbortSignal {
    const signal = new AbortSignal();
    const reason = (): DOMException =>
      new DOMException("The operation was aborted due to timeout", "TimeoutError");
    setTimeout(() => AbortSignal.signal(signal, reason()), ms);
    return signal;
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const all = new AbortSignal();
    all.#sources = [...signals].flatMap((signal) =>
      signal.#sources.length > 0 ? signal.#sources : [signal],
    );
    return all;
  }

  /** Whether one that it follows was aborted since. */
  #look(): void {
    if (this.#aborted > 0) return;
    let first: AbortSignal | undefined;
    for (const source of this.#sources) {
      if (source.#aborted > 0 && (first === undefined || source.#aborted < first.#aborted)) first = source;
    }
    if (first !== undefined) this.#abort(first.#aborted, first.#reason);
  }

  #abort(when: number, reason: unknown): void {
    this.#aborted = when;
    this.#reason = reason;
    this.#unfollow();
    this.#sources = [];
  }

  readonly #follow = (event: Event): void => AbortSignal.signal(this, (event.target as AbortSignal).reason);

  #unfollow(): void {
    if (this.#follows) for (const source of this.#sources) source.removeEventListener("abort", this.#follow);
    this.#follows = false;
  }

  override _changed(): void {
    const isHeard = this.#onabort !== null || (this._listeners ?? []).length > 0;
    const wanted = this.#sources.length > 0 && isHeard;
    if (wanted === this.#follows) return;
    if (!wanted) return this.#unfollow();
    this.#follows = true;
    for (const source of this.#sources) source.addEventListener("abort", this.#follow);
  }

  override get [Symbol.toStringTag](): string {
    return "AbortSignal";
  }
}

/** `AbortController`. */
export class AbortController {
  readonly signal = new AbortSignal();

  abort(reason?: unknown): void {
    AbortSignal.signal(this.signal, reason);
  }

  get [Symbol.toStringTag](): string {
    return "AbortController";
  }
}

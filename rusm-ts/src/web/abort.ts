import { clearTimeout, setTimeout } from "./timers.ts";

type Listener = (event: { type: "abort"; target: AbortSignal }) => void;

/** `AbortSignal`, as far as cancelling goes. */
export class AbortSignal {
  onabort: Listener | null = null;
  #aborted = false;
  #reason: unknown;
  #listeners = new Set<Listener>();

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  addEventListener(type: string, listener: Listener): void {
    if (type === "abort") this.#listeners.add(listener);
  }

  removeEventListener(type: string, listener: Listener): void {
    if (type === "abort") this.#listeners.delete(listener);
  }

  /** Not for users: what `AbortController.abort` does. */
  static signal(signal: AbortSignal, reason: unknown): void {
    if (signal.#aborted) return;
    signal.#aborted = true;
    signal.#reason = reason ?? domError("AbortError", "This operation was aborted");
    const event = { type: "abort", target: signal } as const;
    signal.onabort?.(event);
    for (const listener of signal.#listeners) listener(event);
    signal.#listeners.clear();
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal();
    AbortSignal.signal(signal, reason);
    return signal;
  }

  static timeout(ms: number): AbortSignal {
    const signal = new AbortSignal();
    const timer = setTimeout(() => {
      AbortSignal.signal(signal, domError("TimeoutError", "The operation was aborted due to timeout"));
    }, ms);
    signal.addEventListener("abort", () => clearTimeout(timer));
    return signal;
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const all = new AbortSignal();
    for (const signal of signals) {
      if (signal.aborted) return AbortSignal.abort(signal.reason);
      signal.addEventListener("abort", () => AbortSignal.signal(all, signal.reason));
    }
    return all;
  }
}

/** `AbortController`. */
export class AbortController {
  readonly signal = new AbortSignal();

  abort(reason?: unknown): void {
    AbortSignal.signal(this.signal, reason);
  }
}

function domError(name: string, message: string): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}

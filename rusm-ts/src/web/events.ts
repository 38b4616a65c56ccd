// `Event`, `EventTarget` and `DOMException`, as the DOM's standard has them for objects that are in no tree.

/** A listener: a function, or an object with one. */
type Listener = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };

interface Registered {
  readonly type: string;
  readonly listener: Listener;
  readonly capture: boolean;
  readonly once: boolean;
  removed: boolean;
}

export class Event {
  static readonly NONE = 0;
  static readonly CAPTURING_PHASE = 1;
  static readonly AT_TARGET = 2;
  static readonly BUBBLING_PHASE = 3;

  readonly type: string;
  readonly bubbles: boolean;
  readonly cancelable: boolean;
  readonly composed: boolean;
  readonly isTrusted = false;
  readonly timeStamp = 0;
  target: EventTarget | null = null;
  currentTarget: EventTarget | null = null;
  eventPhase = Event.NONE;
  defaultPrevented = false;
  cancelBubble = false;
  /** Not for users: whether the listeners after this one are left out. */
  _stopped = false;
  /** Not for users: whether it is under way. */
  _dispatched = false;

  constructor(type: string, init: { bubbles?: boolean; cancelable?: boolean; composed?: boolean } = {}) {
    this.type = String(type);
    this.bubbles = Boolean(init.bubbles);
    this.cancelable = Boolean(init.cancelable);
    this.composed = Boolean(init.composed);
  }

  get srcElement(): EventTarget | null {
    return this.target;
  }

  get returnValue(): boolean {
    return !this.defaultPrevented;
  }

  composedPath(): EventTarget[] {
    return this.currentTarget === null ? [] : [this.currentTarget];
  }

  preventDefault(): void {
    if (this.cancelable) this.defaultPrevented = true;
  }

  stopPropagation(): void {
    this.cancelBubble = true;
  }

  stopImmediatePropagation(): void {
    this.cancelBubble = true;
    this._stopped = true;
  }

  get [Symbol.toStringTag](): string {
    return "Event";
  }
}

export class CustomEvent<T = unknown> extends Event {
  readonly detail: T;

  constructor(
    type: string,
    init: { bubbles?: boolean; cancelable?: boolean; composed?: boolean; detail?: T } = {},
  ) {
    super(type, init);
    this.detail = (init.detail ?? null) as T;
  }

  override get [Symbol.toStringTag](): string {
    return "CustomEvent";
  }
}

/** What a listener throws ends nobody else's turn; it is a crash of the process, as what a timer's function throws. */
let report: (error: unknown) => void = (error) => {
  throw error;
};

/** Says what becomes of errors that listeners throw. */
export function reportListenerErrors(to: (error: unknown) => void): void {
  report = to;
}

export class EventTarget {
  /** Not for users. Made with the first listener: most targets have none. */
  _listeners: Registered[] | undefined;

  addEventListener(
    type: string,
    listener: Listener | null,
    options?: boolean | { capture?: boolean; once?: boolean; passive?: boolean; signal?: AbortSignalLike },
  ): void {
    if (listener === null || listener === undefined) return;
    const given = typeof options === "object" && options !== null ? options : { capture: Boolean(options) };
    if (given.signal?.aborted === true) return;
    const capture = Boolean(given.capture);
    this._listeners ??= [];
    if (
      this._listeners.some((own) => own.type === type && own.listener === listener && own.capture === capture)
    ) {
      return;
    }
    const once = "once" in given && Boolean(given.once);
    this._listeners.push({ type: String(type), listener, capture, once, removed: false });
    if ("signal" in given && given.signal !== undefined) {
      given.signal.addEventListener("abort", () => this.removeEventListener(type, listener, capture), {
        once: true,
      });
    }
    this._changed();
  }

  removeEventListener(
    type: string,
    listener: Listener | null,
    options?: boolean | { capture?: boolean },
  ): void {
    const capture =
      typeof options === "object" && options !== null ? Boolean(options.capture) : Boolean(options);
    const place = (this._listeners ?? []).findIndex(
      (own) => own.type === type && own.listener === listener && own.capture === capture,
    );
    if (place < 0) return;
    const [gone] = (this._listeners as Registered[]).splice(place, 1);
    (gone as Registered).removed = true;
    this._changed();
  }

  dispatchEvent(event: Event): boolean {
    if (event._dispatched)
      throw new DOMException("The event is already being dispatched.", "InvalidStateError");
    event._dispatched = true;
    event.target = event.currentTarget = this;
    event.eventPhase = Event.AT_TARGET;
    for (const own of [...(this._listeners ?? [])]) {
      if (own.type !== event.type || own.removed) continue;
      if (own.once) this.removeEventListener(own.type, own.listener, own.capture);
      try {
        if (typeof own.listener === "function") own.listener.call(this, event);
        else own.listener.handleEvent(event);
      } catch (error) {
        report(error);
      }
      if (event._stopped) break;
    }
    event._dispatched = false;
    event._stopped = event.cancelBubble = false;
    event.currentTarget = null;
    event.eventPhase = Event.NONE;
    return !event.defaultPrevented;
  }

  /** Not for users: a listener came or went. */
  _changed(): void {}

  get [Symbol.toStringTag](): string {
    return "EventTarget";
  }
}

interface AbortSignalLike {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
}

/** An error of the web's APIs: known by its name. */
export class DOMException extends Error {
  override readonly name: string;

  constructor(message = "", nameOrOptions: string | { name?: string; cause?: unknown } = "Error") {
    const options = typeof nameOrOptions === "object" ? nameOrOptions : { name: nameOrOptions };
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.name = options.name ?? "Error";
  }

  get code(): number {
    return CODES.indexOf(this.name) + 1;
  }

  get [Symbol.toStringTag](): string {
    return "DOMException";
  }
}

/** The legacy codes, from 1 on; a name without one has 0. */
const CODES = [
  "IndexSizeError",
  "",
  "HierarchyRequestError",
  "WrongDocumentError",
  "InvalidCharacterError",
  "",
  "NoModificationAllowedError",
  "NotFoundError",
  "NotSupportedError",
  "InUseAttributeError",
  "InvalidStateError",
  "SyntaxError",
  "InvalidModificationError",
  "NamespaceError",
  "InvalidAccessError",
  "",
  "TypeMismatchError",
  "SecurityError",
  "NetworkError",
  "AbortError",
  "URLMismatchError",
  "QuotaExceededError",
  "TimeoutError",
  "InvalidNodeTypeError",
  "DataCloneError",
];

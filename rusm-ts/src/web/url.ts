/// <reference path="../host.d.ts" />
import { change, parse } from "rusm:actor/url@0.1.0";

import { wellFormed } from "../well-formed.ts";
import { TextDecoder, TextEncoder } from "./text.ts";

/** `URL`: the host reads and changes it, by the standard. */
export class URL {
  #parts: HostUrl;
  #params: URLSearchParams | undefined;

  constructor(url: string | URL, base?: string | URL) {
    const parts = read(url, base);
    if (parts !== null) {
      this.#parts = parts;
      return;
    }
    const error = new TypeError(`Invalid URL: ${String(url)}`);
    throw Object.assign(error, { code: "ERR_INVALID_URL", input: String(url) });
  }

  static canParse(url: string | URL, base?: string | URL): boolean {
    return read(url, base) !== null;
  }

  static parse(url: string | URL, base?: string | URL): URL | null {
    return URL.canParse(url, base) ? new URL(url, base) : null;
  }

  #change(part: Exclude<keyof HostUrl, "origin">, value: unknown): void {
    const parts = change(this.#parts.href, part, wellFormed(String(value)));
    if (parts === null) {
      if (part === "href") throw new TypeError(`Invalid URL: ${String(value)}`);
      return;
    }
    this.#parts = parts;
    this.#params?._read(parts.search);
  }

  get href(): string {
    return this.#parts.href;
  }
  set href(value: string) {
    this.#change("href", value);
  }
  get origin(): string {
    return this.#parts.origin;
  }
  get protocol(): string {
    return this.#parts.protocol;
  }
  set protocol(value: string) {
    this.#change("protocol", value);
  }
  get username(): string {
    return this.#parts.username;
  }
  set username(value: string) {
    this.#change("username", value);
  }
  get password(): string {
    return this.#parts.password;
  }
  set password(value: string) {
    this.#change("password", value);
  }
  get host(): string {
    return this.#parts.host;
  }
  set host(value: string) {
    this.#change("host", value);
  }
  get hostname(): string {
    return this.#parts.hostname;
  }
  set hostname(value: string) {
    this.#change("hostname", value);
  }
  get port(): string {
    return this.#parts.port;
  }
  set port(value: string) {
    this.#change("port", value);
  }
  get pathname(): string {
    return this.#parts.pathname;
  }
  set pathname(value: string) {
    this.#change("pathname", value);
  }
  get search(): string {
    return this.#parts.search;
  }
  set search(value: string) {
    this.#change("search", value);
  }
  get hash(): string {
    return this.#parts.hash;
  }
  set hash(value: string) {
    this.#change("hash", value);
  }

  get searchParams(): URLSearchParams {
    if (this.#params === undefined) {
      this.#params = new URLSearchParams(this.#parts.search);
      this.#params._write = (search) => {
        this.#parts = change(this.#parts.href, "search", search) ?? this.#parts;
      };
    }
    return this.#params;
  }

  toString(): string {
    return this.#parts.href;
  }

  toJSON(): string {
    return this.#parts.href;
  }

  get [Symbol.toStringTag](): string {
    return "URL";
  }
}

function read(url: string | URL, base: string | URL | undefined): HostUrl | null {
  return parse(wellFormed(String(url)), base === undefined ? null : wellFormed(String(base)));
}

type Pairs = Iterable<readonly [string, string] | readonly string[]> | Record<string, string>;

/** `URLSearchParams`: pairs in the form `application/x-www-form-urlencoded`. */
export class URLSearchParams {
  #pairs: Array<[string, string]> = [];
  /** Not for users: where a change is written to, if it belongs to a URL. */
  _write: ((search: string) => void) | undefined;

  constructor(init?: string | URLSearchParams | Pairs | null) {
    if (init === undefined || init === null) return;
    if (typeof init !== "object" && typeof init !== "function") {
      this._read(text(init));
    } else if (typeof (init as Iterable<unknown>)[Symbol.iterator] === "function") {
      for (const pair of init as Iterable<readonly string[]>) {
        const both = [...pair];
        if (both.length !== 2) throw new TypeError("Each query pair must be an iterable [name, value] tuple");
        this.#pairs.push([text(both[0]), text(both[1])]);
      }
    } else {
      for (const [name, value] of Object.entries(init)) this.#pairs.push([text(name), text(value)]);
    }
  }

  /** Not for users: takes the pairs of a query. */
  _read(query: string): void {
    const parts = query.replace(/^\?/, "").split("&");
    this.#pairs = parts
      .filter((part) => part !== "")
      .map((part) => {
        const at = part.indexOf("=");
        return at < 0 ? [decode(part), ""] : [decode(part.slice(0, at)), decode(part.slice(at + 1))];
      });
  }

  #changed(): void {
    this._write?.(this.toString());
  }

  get size(): number {
    return this.#pairs.length;
  }

  append(name: string, value: string): void {
    this.#pairs.push([text(name), text(value)]);
    this.#changed();
  }

  delete(name: string, value?: string): void {
    const goes = (pair: [string, string]): boolean =>
      pair[0] === text(name) && (value === undefined || pair[1] === text(value));
    this.#pairs = this.#pairs.filter((pair) => !goes(pair));
    this.#changed();
  }

  get(name: string): string | null {
    return this.#pairs.find((pair) => pair[0] === text(name))?.[1] ?? null;
  }

  getAll(name: string): string[] {
    return this.#pairs.filter((pair) => pair[0] === text(name)).map((pair) => pair[1]);
  }

  has(name: string, value?: string): boolean {
    return this.#pairs.some(
      (pair) => pair[0] === text(name) && (value === undefined || pair[1] === text(value)),
    );
  }

  set(name: string, value: string): void {
    const first = this.#pairs.findIndex((pair) => pair[0] === text(name));
    if (first < 0) return this.append(name, value);
    (this.#pairs[first] as [string, string])[1] = text(value);
    this.#pairs = this.#pairs.filter((pair, place) => place <= first || pair[0] !== text(name));
    this.#changed();
  }

  /** By the units of the names; pairs of one name keep their order. */
  sort(): void {
    this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    this.#changed();
  }

  forEach(run: (value: string, name: string, all: URLSearchParams) => void, self?: unknown): void {
    for (const [name, value] of this) run.call(self, value, name, this);
  }

  /** What is added while it is gone through is met, too. */
  *entries(): IterableIterator<[string, string]> {
    for (let place = 0; place < this.#pairs.length; place++) {
      const [name, value] = this.#pairs[place] as [string, string];
      yield [name, value];
    }
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }

  toString(): string {
    return this.#pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&");
  }

  get [Symbol.toStringTag](): string {
    return "URLSearchParams";
  }
}

function text(value: unknown): string {
  return wellFormed(String(value));
}

/** What `encodeURIComponent` leaves and the form does not; a space is a plus sign. */
function encode(value: string): string {
  return encodeURIComponent(value)
    .replace(/[!'()~]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%20/g, "+");
}

/** Percent signs that stand for no byte stay, and bytes that are no UTF-8 become U+FFFD. */
function decode(value: string): string {
  const spaced = value.replace(/\+/g, " ");
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return new TextDecoder().decode(bytesOf(spaced));
  }
}

function bytesOf(value: string): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  const out: number[] = [];
  for (let at = 0; at < bytes.length; at++) {
    const pair = bytes[at] === PERCENT ? digits(bytes, at + 1) : undefined;
    out.push(pair ?? (bytes[at] as number));
    if (pair !== undefined) at += 2;
  }
  return Uint8Array.from(out);
}

function digits(bytes: Uint8Array, at: number): number | undefined {
  const both = String.fromCharCode(bytes[at] ?? 0, bytes[at + 1] ?? 0);
  return /^[0-9a-f]{2}$/i.test(both) ? Number.parseInt(both, 16) : undefined;
}

const PERCENT = 0x25;

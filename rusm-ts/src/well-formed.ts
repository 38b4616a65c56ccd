/** The same text with U+FFFD in the place of each lone surrogate: the host takes no other. */
export function wellFormed(text: string): string {
  return text.isWellFormed() ? text : text.toWellFormed();
}

/** A name for the host; one that it cannot have is the caller's mistake. */
export function named(name: string): string {
  if (typeof name !== "string") throw new TypeError(`a name is a string, not ${typeof name}`);
  if (!name.isWellFormed()) throw new TypeError("a name has no lone surrogates");
  return name;
}

/** Whole milliseconds for the host, from 0; a time that no clock reaches is the longest there is. */
export function milliseconds(ms: number): number {
  const rounded = Math.round(Number(ms));
  return rounded > 0 ? Math.min(rounded, Number.MAX_SAFE_INTEGER) : 0;
}

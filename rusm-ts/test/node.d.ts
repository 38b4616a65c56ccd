// The little of Node that the tests use; its own types would bring globals that guests do not have.
declare module "node:test" {
  export function test(name: string, run: () => void | Promise<void>): Promise<void>;
}

declare module "node:assert/strict" {
  const assert: {
    equal(actual: unknown, expected: unknown, message?: string): void;
    deepEqual(actual: unknown, expected: unknown, message?: string): void;
    ok(value: unknown, message?: string): asserts value;
    throws(run: () => unknown, expected: (error: unknown) => boolean): void;
  };
  export default assert;
}

declare module "*/blocking-host.mjs" {
  export const log: string[];
  export const replies: unknown[];
  export const mailbox: unknown[];
  export const room: { chunks: number };
  export const timers: bigint[];
}

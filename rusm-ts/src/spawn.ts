/// <reference path="./host.d.ts" />
import type { SpawnOptions } from "./types.ts";

/** How a process is started, as the host takes it. */
export function hostOptions(
  contract: string | undefined,
  key: number | undefined,
  body: Uint8Array,
  options: SpawnOptions,
): HostSpawnOptions {
  return {
    init: key === undefined ? null : hostKey(key),
    body,
    contract: contract ?? null,
    link: options.link ?? false,
    monitor: options.monitor ?? false,
    name: options.name ?? null,
    capabilities: options.capabilities === undefined ? null : [...options.capabilities],
    arguments: options.arguments === undefined ? [] : [...options.arguments],
    deadlineMs: options.deadlineMs ?? DEADLINE_MS,
  };
}

/** The binding of a `u32` takes numbers past 2^31 for negative ones, as it gives them. */
export function hostKey(key: number): number {
  return key | 0;
}

/** As long as Erlang's. */
export const DEADLINE_MS = 5_000;

import { process, refuse, RusmError, service } from "rusm-ts";

import { Talk } from "./gen/talk.ts";
import { Talker } from "./gen/talker.ts";

let goingOn = 0;

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const read = [];
  for await (const item of items) read.push(item);
  return read;
}

async function some<T>(items: AsyncIterable<T>, count: number): Promise<T[]> {
  const read = [];
  for await (const item of items) if (read.push(item) === count) break;
  return read;
}

function joined(chunks: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    return `nothing: ${String(await promise)}`;
  } catch (error) {
    if (!(error instanceof RusmError)) return (error as Error).message;
    return error.code === "refused" ? `refused: ${String(error.payload)}` : error.message;
  }
}

function* lines(): Generator<string> {
  for (let line = 0; ; line++) yield String(line);
}

function* breaks(): Generator<Uint8Array> {
  yield new TextEncoder().encode("some");
  throw new Error("no more paper");
}

async function tryAll(other: string): Promise<string[]> {
  const talk = await Talk.named(other);
  const echoed = await all(talk.echo(["a", "b", "c"]));
  const many = await all(talk.echo(Array.from({ length: 20_000 }, (_, line) => `line ${line}`)));
  const long = "x".repeat(1000);
  let much = 0;
  for await (const line of talk.echo(Array.from({ length: 2000 }, () => long))) much += line.length;
  const [head, rest] = await talk.open("t", ["x", "y", "z"]);
  const others = await all(rest);
  const refused = await failure(talk.open("", ["x"]));
  const [to, counting] = await talk.count(3);
  const counted = await all(counting);
  const [, endless] = await talk.count(1_000_000);
  const few = await some(endless, 2);
  const later = talk.count(2);
  const toCome = await talk.goingOn();
  const [two, begun] = await later;
  const both = await all(begun);

  const bytes = Uint8Array.from({ length: 1_000_000 }, (_, at) => at);
  const copied = joined(await all(talk.copy([bytes])));
  const [count, sum] = await talk.weigh([bytes.subarray(0, 7), bytes.subarray(7)]);
  const filled = joined(await all(talk.fill(300n)));
  const unfilled = await failure(all(talk.fill(0n)));
  const nothing = await all(talk.copy([]));

  const first = await all(talk.first(2, lines()));
  const deaf = await all(talk.deaf(3, lines()));
  const heard = await all(talk.hear(many));
  const broken = await some(talk.echo(lines()), 2);
  while ((await talk.goingOn()) > 0);
  const crashed = await failure(all(talk.crash(2, lines())));
  const same = copied.length === bytes.length && copied.every((byte, at) => byte === bytes[at]);
  return [
    echoed.join(" "),
    String(many.length),
    String(much),
    `${head} ${others.join(" ")}`,
    refused,
    `${to} [${counted.join(", ")}]`,
    `[${few.join(", ")}]`,
    `${toCome} ${two} [${both.join(", ")}]`,
    String(same),
    `(${count}, ${sum})`,
    `[${filled.subarray(0, 4).join(", ")}] ${filled.length}`,
    unfilled,
    String(nothing.length === 0),
    first.join(" "),
    deaf.join(" "),
    heard.join(" "),
    broken.join(" "),
    crashed.startsWith("the process ended") ? "the process at the other end ended" : crashed,
  ];
}

async function converse(other: string): Promise<string[]> {
  const talk = await Talk.named(other);
  let giveUp: (error: Error) => void = () => undefined;
  async function* waits(): AsyncGenerator<string> {
    yield await new Promise<string>((_, reject) => (giveUp = reject));
  }
  const waiting = talk.echo(waits())[Symbol.asyncIterator]().next();
  let say: (line: string) => void = () => undefined;
  const said: string[] = ["one", "two", "three"];
  async function* turns(): AsyncGenerator<string> {
    for (const line of said) {
      yield line;
      await new Promise<string>((resolve) => (say = resolve));
    }
  }
  const heard: string[] = [];
  for await (const line of talk.echo(turns())) {
    heard.push(line);
    say("go on");
  }
  heard.push("true");
  giveUp(new Error("no longer"));
  heard.push(await failure(waiting));
  return heard;
}

async function sendThrough(other: string, mebibytes: number): Promise<[bigint, bigint]> {
  const talk = await Talk.named(other);
  const begun = performance.now();
  const chunk = new Uint8Array(65_536).fill(7);
  function* chunks(): Generator<Uint8Array> {
    for (let sent = 0; sent < mebibytes * 16; sent++) yield chunk;
  }
  let count = 0;
  for await (const bytes of talk.copy(chunks())) count += bytes.length;
  return [BigInt(count), BigInt(Math.round(performance.now() - begun))];
}

async function fail(other: string): Promise<string[]> {
  const talk = await Talk.named(other);
  const item = [1] as unknown as Uint8Array[];
  return [
    await failure(all(talk.copy(breaks()))),
    await failure(talk.weigh(breaks())),
    await failure(all(talk.copy(item))),
  ];
}

export default service([Talk, Talker], {
  async *echo(lines) {
    goingOn++;
    try {
      for await (const line of lines) yield line.toUpperCase();
    } finally {
      goingOn--;
    }
  },
  copy: (bytes) => bytes,
  async open(title, lines) {
    if (title === "") return refuse("no title");
    const rest = lines[Symbol.asyncIterator]();
    const first = await rest.next();
    const text = first.done === true ? "" : first.value;
    return [`${title}: ${text}`, { [Symbol.asyncIterator]: () => rest }];
  },
  count: (to) => [to, Array.from({ length: Math.min(to, 1000) }, (_, number) => number)],
  async weigh(bytes) {
    let [count, sum] = [0, 0];
    for await (const chunk of bytes) {
      count += chunk.length;
      for (const byte of chunk) sum += byte;
    }
    return [BigInt(count), BigInt(sum)];
  },
  fill(count) {
    if (count === 0n) return refuse("nothing to fill");
    return [Uint8Array.from({ length: Number(count) }, (_, at) => at)];
  },
  async *first(count, lines) {
    if (count === 0) return;
    let said = 0;
    for await (const line of lines) {
      yield line;
      if (++said === count) return;
    }
  },
  deaf: (count) => Array.from({ length: count }, (_, line) => String(line)),
  async *hear(lines) {
    let count = 0;
    for await (const _ of lines) count++;
    yield `${count}, the end`;
  },
  async *crash(after, lines) {
    let said = 0;
    for await (const line of lines) {
      if (said++ === after) process.exit({ tag: "killed" });
      yield line;
    }
  },
  goingOn: () => goingOn,
  tryAll,
  converse,
  sendThrough,
  fail,
});

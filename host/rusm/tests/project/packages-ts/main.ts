// Packages from npm, as users take them.
import Ajv from "ajv";
import { add, format } from "date-fns";
import { Decimal } from "decimal.js";
import { produce } from "immer";
import { chunk, debounce, groupBy } from "lodash-es";
import ms from "ms";
import { customAlphabet, nanoid } from "nanoid";
import { service } from "rusm-ts";
import superjson from "superjson";
import { v4, v5, validate } from "uuid";
import * as v from "valibot";
import { createActor, createMachine } from "xstate";
import { z } from "zod";

import { Packages } from "./gen/packages.ts";

const Person = z.object({
  email: z.email(),
  age: z.number().int().positive().default(3),
  site: z.url().optional(),
  born: z.iso.datetime().optional(),
});

const Page = v.object({ name: v.pipe(v.string(), v.minLength(2)), at: v.pipe(v.string(), v.url()) });

const light = createMachine({
  initial: "green",
  states: { green: { on: { next: "red" } }, red: { after: { 5: "green" } } },
});

export default service(Packages, {
  async run() {
    const lines: string[] = [];
    const put = (name: string, ...values: unknown[]): void => void lines.push(`${name} ${values.map(String).join(" ")}`);

    const person = Person.safeParse({ email: "x@y.de", site: "https://example.com/x", born: "2026-01-01T00:00:00Z" });
    const nobody = Person.safeParse({ email: "x", site: "no" });
    put("zod", person.success, person.data?.age, nobody.error?.issues.map((issue) => issue.path.join()).join());
    const page = v.safeParse(Page, { name: "ab", at: "https://example.com/x" });
    put("valibot", page.success, v.safeParse(Page, { name: "a", at: "no" }).issues?.length);
    put("nanoid", nanoid().length, /^[ab]{4}$/.test(customAlphabet("ab", 4)()), nanoid() !== nanoid());
    put("uuid", validate(v4()), v5("a", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"));
    const before = { list: [1, 2], map: { x: 1 } };
    const after = produce(before, (draft) => {
      draft.list.push(3);
      draft.map.x = 2;
    });
    put("immer", JSON.stringify([before, after]), Object.isFrozen(after));
    put("date-fns", format(add(new Date(2026, 0, 31), { months: 1 }), "yyyy-MM-dd"));
    put("lodash", JSON.stringify([chunk([1, 2, 3], 2), groupBy([1.2, 1.8, 2.1], Math.floor)]));
    const text = superjson.stringify({ at: new Date(7), set: new Set([1n]), url: new URL("https://a.example/b") });
    const back = superjson.parse<{ at: Date; set: Set<bigint>; url: URL }>(text);
    put("superjson", back.at.getTime(), back.set.has(1n), back.url.href);
    put("decimal", new Decimal("0.1").plus("0.2"), Decimal.sqrt(2).toFixed(20));
    put("ms", ms("2 days"), ms(60_000));
    const actor = createActor(light).start();
    actor.send({ type: "next" });
    const red = actor.getSnapshot().value;
    let bounced = 0;
    const bounce = debounce(() => bounced++, 5);
    bounce();
    bounce();
    await new Promise<void>((resolve) => setTimeout(resolve, 30));
    put("xstate", red, actor.getSnapshot().value);
    put("debounce", bounced);
    // It makes code of text.
    const check = new Ajv().compile({ type: "object", properties: { a: { type: "integer" } }, required: ["a"] });
    put("ajv", check({ a: 1 }), check({ a: "x" }), check.errors?.[0]?.message);
    return lines;
  },

  async churn(count) {
    const controller = new AbortController();
    const round = async (): Promise<void> => {
      await new Promise<void>((resolve) => {
        const fired = setTimeout(() => (clearTimeout(fired), resolve()), 0);
        clearTimeout(setTimeout(() => undefined, 60_000));
        const any = AbortSignal.any([controller.signal]);
        any.addEventListener("abort", () => undefined, { signal: AbortSignal.abort() });
        const own = new AbortController();
        AbortSignal.any([own.signal, controller.signal]).addEventListener("abort", () => undefined);
        own.abort();
      });
    };
    await round();
    const before = held();
    for (let at = 0; at < count; at++) await round();
    return BigInt(held() - before);
  },
});

function held(): number {
  const engine = (globalThis as unknown as { __cqjs: { runGc(): void; getMemoryUsage(): { mallocSize: number } } })
    .__cqjs;
  engine.runGc();
  return engine.getMemoryUsage().mallocSize;
}

import { refuse, RusmError, service } from "rusm-ts";

import { Adviser } from "./gen/adviser.ts";
import { Caller } from "./gen/caller.ts";
import { Job } from "./gen/job.ts";
import { Progress } from "./gen/progress.ts";

let kept: Adviser | undefined;

const notes: string[] = [];

/** An adviser that takes the last one, and notes what it hears. */
function last(): Adviser {
  return Adviser.callback({
    note: (text) => void notes.push(text),
    choose: (among) => among.at(-1) ?? refuse("there is none"),
    *lines(count) {
      for (let line = 0; line < count; line++) yield `line ${line}`;
    },
    async sum(numbers) {
      let sum = 0n;
      for await (const number of numbers) sum += BigInt(number);
      return sum;
    },
  });
}

async function tryAll(other: string): Promise<string[]> {
  const job = await Job.named(other);
  const seen: number[] = [];
  const steps = await job.run(3, Progress.callback({ percent: (done) => void seen.push(done) }));
  const nobody = (): Progress => Progress.callback({ percent: () => undefined });
  const refused = await failure(job.run(0, nobody()));
  const consulted = await job.consult(last());
  const passed = await job.passOn("callback-third", last());
  const told: number[] = [];
  const staffed = await job.withStaff({
    told: [
      Progress.callback({ percent: (done) => void told.push(done) }),
      Progress.callback({ percent: (done) => void told.push(done + 1) }),
    ],
    asked: last(),
  });
  const each = await job.each(["a", "b"], last());
  const counted: number[] = [];
  let items = 0;
  const counting = job.count(3, Progress.callback({ percent: (done) => void counted.push(done) }));
  for await (const item of counting) items += item;
  const answered = await job.keep(last());
  const late = await job.late();
  const adviser = last();
  await job.keep(adviser);
  let twice = "";
  try {
    await job.keep(adviser);
  } catch (error) {
    twice = `malformed: ${(error as Error).message}`;
  }
  const asks = Adviser.callback({
    note: () => undefined,
    async choose() {
      return refuse(await failure(job.late()));
    },
    lines: () => [],
    sum: () => 0n,
  });
  const circle = await job.advise(["x"], asks);
  let begun = 0;
  const pending = job.run(2, Progress.callback({ percent: () => void begun++ }));
  const meanwhile = await job.late();
  const done = await pending;
  const failed = await failure(job.fail(nobody()));
  return [
    `Ok(${steps}) [${seen.join(", ")}]`,
    refused,
    `${consulted.join(", ")} [${notes.slice(0, 1).map((note) => `"${note}"`).join(", ")}]`,
    passed.join(", "),
    `${staffed} [${told.sort().join(", ")}]`,
    each.join(", "),
    `${items} [${counted.join(", ")}]`,
    `${answered} ${late}`,
    twice,
    circle,
    `("${meanwhile}", Ok(${done})) ${begun}`,
    failed.startsWith("the process ended") ? "the process ended before it answered" : failed,
  ];
}

async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "nothing";
  } catch (error) {
    const { code, message, payload } = RusmError.from(error);
    return code === "refused" ? `refused: ${String(payload)}` : message;
  }
}

export default service(
  [Caller, Job, Progress, Adviser],
  [
    {
      tryAll,
      async break(other) {
        const job = await Job.named(other);
        const broken = Progress.callback({
          percent() {
            throw new Error("the callback broke");
          },
        });
        return failure(job.run(1, broken));
      },
      async time(other, times) {
        const job = await Job.named(other);
        const begun = performance.now();
        await job.each(new Array<string>(times).fill("x"), last());
        return BigInt(Math.round(((performance.now() - begun) * 1e6) / Math.max(times, 1)));
      },
    },
    {
      run(steps, told) {
        if (steps === 0) return refuse("there is nothing to do");
        for (let step = 0; step < steps; step++) told.percent(step);
        return steps;
      },
      async advise(among, adviser) {
        let chosen = "";
        const choosing = adviser.choose(among).then((choice) => void (chosen = choice));
        const failed = await failure(choosing);
        return failed === "nothing" ? chosen : failed;
      },
      consult,
      async passOn(to, adviser) {
        return (await Job.named(to)).consult(adviser);
      },
      async withStaff({ told, asked }) {
        told.forEach((one, place) => one.percent((place + 1) * 10));
        return asked === undefined ? "nobody" : asked.choose(["first", "last"]);
      },
      async each(names, adviser) {
        const chosen = [];
        for await (const name of names) chosen.push(await adviser.choose([name]));
        return chosen;
      },
      *count(steps, told) {
        for (let step = 0; step < steps; step++) {
          told.percent(step);
          yield step;
        }
      },
      async keep(adviser) {
        kept = adviser;
        return (await failure(adviser.choose(["one"]))) === "nothing";
      },
      async late() {
        if (kept === undefined) return "nobody";
        try {
          return await kept.choose(["one"]);
        } catch (error) {
          return (error as Error).message;
        }
      },
      fail(told) {
        told.percent(1);
        throw new Error("told to");
      },
    },
    { percent: () => undefined },
    { note: () => undefined, choose: () => refuse("it is no callback"), lines: () => [], sum: () => 0n },
  ],
);

async function consult(adviser: Adviser): Promise<string[]> {
  adviser.note("begun");
  const lines: string[] = [];
  for await (const line of adviser.lines(3)) lines.push(line);
  let many = 0;
  for await (const _ of adviser.lines(20_000)) many++;
  let few = 0;
  for await (const _ of adviser.lines(20_000)) if (++few === 2) break;
  return [
    await adviser.choose(["a", "b"]),
    await failure(adviser.choose([])),
    lines.join("+"),
    String(many),
    String(few),
    String(await adviser.sum(Array.from({ length: 1000 }, (_, number) => number))),
    String(adviser.pid() !== undefined),
  ];
}

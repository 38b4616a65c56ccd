import { later, refuse, RusmError, service } from "rusm-ts";

import { Desk } from "./gen/desk.ts";
import { Status } from "./gen/status.ts";
import { Store as OldStore } from "./gen/store.ts";
import { Store as NewStore } from "./gen/store@2.0.0.ts";

let owner = "";
let notes = 0;
const waiting: Array<(count: number) => void> = [];

export default service(
  [Status, Desk, OldStore, NewStore],
  [
    {
      get: () => notes,
      note() {
        notes++;
        for (const answer of waiting.splice(0)) answer(notes);
      },
      noted: () => later((answer) => waiting.push(answer)),
      *below(count) {
        for (let number = 0; number < count; number++) yield number;
      },
    },
    {
      init(whose) {
        if (whose === "") return refuse("whose?");
        owner = whose;
      },
      get: () => owner,
      ask,
    },
    { get: (key) => `old ${key}`, size: () => 1 },
    { get: (key) => `new ${key}`, size: () => 2n },
  ],
);

async function ask(other: string): Promise<string[]> {
  const desk = await Desk.named(other);
  const status = await Status.named(other);
  const one = await OldStore.named(other);
  const two = await NewStore.named(other);
  const noted = status.noted();
  status.note();
  let sum = 0;
  for await (const number of status.below(4)) sum += number;
  return [
    await desk.get(),
    String((await noted) > 0),
    String((await status.get()) > 0),
    String(sum),
    await one.get("k"),
    await two.get("k"),
    String(await one.size()),
    String(await two.size()),
    await failure(Status.spawn(other)),
    await failure(Desk.spawn(other, "")),
    await (await Desk.spawn(other, "eve")).get(),
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

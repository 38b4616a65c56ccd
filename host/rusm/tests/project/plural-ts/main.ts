import { later, refuse, RusmError, service } from "rusm-ts";

import { Desk } from "./gen/desk.ts";
import { Listener } from "./gen/listener.ts";
import { type Member, Room } from "./gen/room.ts";
import { Status } from "./gen/status.ts";
import { Store as OldStore } from "./gen/store.ts";
import { Store as NewStore } from "./gen/store@2.0.0.ts";
import { Visitor } from "./gen/visitor.ts";

let owner = "";
let notes = 0;
const waiting: Array<(count: number) => void> = [];
const heard: string[] = [];
const listeners = new Map<Listener, string>();

export default service(
  [Status, Desk, OldStore, NewStore, Listener, Room, Visitor],
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
    { notify: (line) => void heard.push(line), heard: () => heard },
    {
      join(who, nick) {
        if (listeners.has(who)) return refuse(`${nick} is there`);
        listeners.set(who, nick);
        return listeners.size;
      },
      find: (nick) => members().find((member) => member.nick === nick)?.who,
      look(nick) {
        const found = members().filter((member) => member.nick === nick);
        const [first] = found;
        if (first === undefined) return { tag: "nobody" };
        return found.length === 1 ? { tag: "one", val: first.who } : { tag: "more", val: found };
      },
      members,
      say(line) {
        for (const who of listeners.keys()) who.notify(line);
      },
    },
    { enter },
  ],
);

function members(): Member[] {
  return Array.from(listeners, ([who, nick]) => ({ who, nick }));
}

async function enter(place: Room, nick: string): Promise<string[]> {
  const me = Listener.this();
  const first = await place.join(me, nick);
  const second = await failure(place.join(me, nick));
  const found = await place.find(nick);
  const seen = await place.look(nick);
  let count = 0;
  for await (const member of place.members()) if (member.who === me && member.nick === nick) count++;
  return [
    String(first),
    second,
    String(found === me && me.equals(found) && `${found}` === `${me}`),
    String((await place.find("nobody")) === undefined),
    String(seen.tag === "one" && seen.val === me),
    String(count),
  ];
}

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

import { refuse, service } from "rusm-ts";

import { Greeter } from "./gen/greeter.ts";

// Every process has its own copy of these.
let words = "";
const greeted: string[] = [];
const banned = new Set<string>();

export default service(Greeter, {
  init(given) {
    if (given === "") return refuse("I need words to greet with");
    words = given;
  },

  greet(name) {
    if (name === "") return refuse({ tag: "nameless" });
    if (banned.has(name)) return refuse({ tag: "banned", val: name });
    const greeting = `${words}, ${name}!`;
    console.info(greeting);
    greeted.push(name);
    return greeting;
  },

  ban(name) {
    banned.add(name);
  },

  greeted() {
    return [...greeted];
  },

  async greetAll(names) {
    let count = 0;
    for await (const name of names) {
      if (typeof (await this.greet(name)) === "string") count++;
    }
    return count;
  },
});

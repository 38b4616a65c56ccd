import { process, refuse, RusmError, service } from "rusm-ts";

import { Counter } from "./gen/counter.ts";
import { type Chunk, Merger, type Tally } from "./gen/merger.ts";

let totals = new Map<string, number>();

export default service(Merger, {
  async collect(chunks, counters, crashes) {
    totals = new Map();
    const summary = { chunks: 0, words: 0n, distinct: 0, retries: 0 };
    const source = chunks[Symbol.asyncIterator]();

    let planned = 0;

    // Each counter has one chunk at a time; whoever is done takes the next one.
    const work = async (name: string): Promise<void> => {
      const counter = await Counter.named(name);
      for (;;) {
        const next = await source.next();
        if (next.done === true) return;
        summary.chunks++;
        const crash = planned < crashes && summary.chunks % 3 === 2;
        if (crash) planned++;
        for (const { word, count } of await countSurely(counter, next.value, crash)) {
          totals.set(word, (totals.get(word) ?? 0) + count);
          summary.words += BigInt(count);
        }
      }
    };

    /** A chunk's words are added once, from the one call that answered: a counter that broke has left nothing. */
    const countSurely = async (counter: Counter, chunk: Chunk, crash: boolean): Promise<Tally[]> => {
      for (let attempt = 0; ; attempt++) {
        try {
          return await counter.count(chunk, crash && attempt === 0);
        } catch (error) {
          const { code } = RusmError.from(error);
          if ((code !== "exited" && code !== "noproc") || attempt >= MOST_ATTEMPTS) throw error;
          if (code === "exited") summary.retries++;
          // Its supervisor is starting it again.
          await process.sleep(1);
        }
      }
    };

    try {
      await Promise.all(counters.map(work));
    } catch (error) {
      return refuse(RusmError.from(error).message);
    }
    summary.distinct = totals.size;
    return summary;
  },

  *ranking(top) {
    const ranked = [...totals].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
    for (const [word, count] of ranked.slice(0, top)) yield { word, count };
  },
});

const MOST_ATTEMPTS = 1000;

// A raw process: it takes its messages by itself.
import { main, process } from "rusm-ts";

import { Job } from "./gen/job.ts";
import { Progress } from "./gen/progress.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Sends what it gets back to its sender, until it is told to stop. */
export default main(async () => {
  for (;;) {
    const event = await process.receive();
    if (event?.tag === "delivery") process.reply(event.val.request.reference, event.val.body);
    if (event?.tag !== "mail") continue;
    const { sender, body } = event.val;
    switch (text(body)) {
      case "stop":
        return;
      case "fail":
        throw new Error("told to fail");
      case "wait": {
        // What comes meanwhile waits.
        process.sendAfter(1, bytes("rings"));
        const rings = await process.receive({ tag: "system" }, 60_000);
        if (rings?.tag !== "timer") throw new Error(`${rings?.tag}`);
        process.send(sender, rings.val.body);
        break;
      }
      case "job": {
        const job = await Job.named("callback-rust");
        const seen: number[] = [];
        const steps = await job.run(3, Progress.callback({ percent: (done) => void seen.push(done) }));
        process.send(sender, bytes(`Ok(${steps}) [${seen.join(", ")}]`));
        break;
      }
      case "look": {
        const none = (await process.receive({ tag: "mail" }, 0)) === undefined;
        process.send(sender, bytes(`${none}`));
        break;
      }
      default:
        process.send(sender, body);
    }
  }
});

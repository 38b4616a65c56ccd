// A service by other hands: `jco componentize` or componentize-qjs and the published WIT, and nothing of RUSM's SDK.
import { reply, send } from "rusm:actor/process@0.1.0";

let kept = 0;

// QuickJS has no TextEncoder.
const text = (letters) => Uint8Array.from(letters, (letter) => letter.charCodeAt(0));

export const server = {
  init(key, body) {
    if (body.length > 1) return { tag: "refused", val: text("too many") };
    kept = body[0] ?? 0;
    return { tag: "reply", val: new Uint8Array() };
  },

  handle(key, request, body) {
    switch (key) {
      case 1:
        return { tag: "reply", val: body };
      case 2:
        return { tag: "reply", val: new Uint8Array([++kept]) };
      case 3:
        reply(request.reference, text("later"));
        return { tag: "later" };
      case 4:
        throw new Error("told to");
      default:
        return { tag: "unknown-function" };
    }
  },

  info(event) {
    if (event.tag === "mail") send({ tag: "process", val: event.val.sender }, event.val.body);
  },

  terminate() {},
};

// The same in the async lane.
const inTask = (name) => async (...values) => server[name](...values);

export const serverAsync = {
  init: inTask("init"),
  handle: inTask("handle"),
  info: inTask("info"),
  terminate: inTask("terminate"),
};

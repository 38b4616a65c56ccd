// A stand-in for the host's blocking functions, in the shapes of componentize-js's bindings: bigints, bare values, undefined
// for none, errors thrown with a `payload`. Time is its own, and passes only while something blocks.
class ComponentError extends Error {
  constructor(payload) {
    super(`${payload} (see error.payload)`);
    this.payload = payload;
  }
}

/** What the stand-in has been asked to do, in order. */
export const log = [];
/** The replies of calls to come: bytes, or an error. */
export const replies = [];
/** What the mailbox holds. */
export const mailbox = [];
/** How many chunks a stream takes before it is full. */
export const room = { chunks: 0 };
/** The references of the timer events that were asked for. */
export const timers = [];
let clock = 0;
let last = 0n;

const failing = (payload) => {
  throw new ComponentError(payload);
};

export const now = () => BigInt(clock) * 1_000_000n;
export const sleep = (ms) => {
  clock += Number(ms);
  log.push(`sleep ${ms}`);
};
export const sendAfter = (ms) => {
  log.push(`sendAfter ${ms}`);
  timers.push(++last);
  return last;
};
export const cancel = () => undefined;
export const self = () => ({ node: 1n, id: 2n });
export const monitor = () => 7n;
export const whereis = (name) => (name === "here" ? { node: 1n, id: 3n } : undefined);
export const info = () => ({
  component: "c",
  name: undefined,
  mailbox: 0,
  links: 0,
  monitors: 1,
  trapExit: false,
});
export const env = (name) => (name === "HOME" ? undefined : failing({ tag: "denied", val: name }));
export const send = (to) => (to.val === "full" ? failing({ tag: "overloaded" }) : undefined);
export const cast = () => {};
export const exit = (reason) => {
  throw new Error(`exit: ${reason.val?.text}`);
};
export const callStart = () => {
  log.push("start");
  return { call: ++last, handle: undefined };
};
export const callWait = (call) => {
  log.push(`wait ${call}`);
  const reply = replies.shift();
  return reply instanceof Uint8Array ? reply : failing(reply);
};
export const callCancel = (call) => {
  log.push(`cancel ${call}`);
  return true;
};
export const receive = (_, limit) => {
  log.push(`receive ${limit}`);
  if (mailbox.length === 0 && limit !== null) clock += Number(limit);
  return mailbox.shift();
};
export const streamWrite = (_handle, _chunk, deadline) => {
  log.push(`write ${deadline}`);
  if (room.chunks-- > 0) return;
  room.chunks = 0;
  clock += deadline;
  failing({ tag: "timeout" });
};
export const streamRead = (_handle, deadline) => {
  log.push(`read ${deadline}`);
  return undefined;
};
export const streamOther = () => undefined;
export const streamClose = () => {};
export const streamAbort = () => {};
export const spawn = () => ({ pid: { node: 1n, id: 4n }, monitor: undefined });
export const connect = () =>
  failing({ tag: "exited", val: { tag: "crash", val: { process: { node: 1n, id: 5n } } } });
export const load = () => "loaded";
export const start = () => ({ node: 1n, id: 6n });
export const startUnder = start;
export const startChild = () => failing({ tag: "too-many" });
export const terminateChild = () => {};
export const terminate = () => {};
export const restartChild = start;
export const deleteChild = () => {};
export const whichChildren = () => [
  { id: "a", state: { tag: "running", val: { node: 1n, id: 6n } }, supervisor: false },
];
export const countChildren = () => ({ specs: 1, active: 1, supervisors: 0, workers: 1, restarts: 3n });
export const stop = () => {};
export const unregister = () => true;
export const register = () => {};
export const alive = () => true;
export const demonitor = () => true;
export const exitProcess = () => {};
export const kill = () => {};
export const link = () => {};
export const unlink = () => {};
export const reply = () => true;
export const replyError = () => true;
export const reportCrash = () => {};
export const takesSeveral = () => {};
export const trapExit = () => false;
export const randomBytes = (length) => new Uint8Array(length);
export const open = () => failing({ tag: "overloaded" });
export const carry = () => false;
export const waitAny = () => undefined;
export const close = () => false;

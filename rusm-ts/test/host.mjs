// A stand-in for the host: just enough for tests without a node. Time passes for real; calls are not there.
const absent = (name) => () => {
  throw new Error(`the stand-in host has no ${name}`);
};

export const lines = [];
export const log = (level, message) => lines.push(`${level} ${message}`);
export const now = () => Math.round(performance.now() * 1e6);
export const randomBytes = (length) => Uint8Array.from({ length }, (_, at) => (at * 37 + 11) & 0xff);
export const sleep = (ms) => {
  let cancel = () => {};
  return {
    read: () =>
      new Promise((resolve, reject) => {
        const timer = globalThis.setTimeout(() => resolve(true), ms);
        cancel = () => {
          globalThis.clearTimeout(timer);
          reject(new Error("future read cancelled"));
        };
      }),
    cancelRead: () => cancel(),
    drop: () => {},
  };
};
export const exit = (reason) => {
  throw new Error(`exit: ${reason.tag} ${reason.val?.text ?? ""}`);
};
export const self = () => ({ node: 1, id: 2 });
export const reply = absent("reply");
export const replyError = absent("replyError");
export const takesSeveral = () => {};
export const streamRead = absent("streamRead");
export const streamWrite = absent("streamWrite");
export const streamOther = () => null;
export const streamClose = () => {};
export const streamAbort = () => {};
export const call = absent("call");
export const callStart = absent("callStart");
export const callWait = absent("callWait");
export const callCancel = () => false;
export const connect = absent("connect");
export const spawn = absent("spawn");
export const cast = absent("cast");
export const monitor = absent("monitor");
export const whereis = () => null;

const parked = new Map();
export const park = (id) => ({
  read: () => new Promise((resolve) => parked.set(id, resolve)),
  cancelRead: () => {},
  drop: () => {},
});
export const unpark = (id) => {
  parked.get(id)?.(true);
  return parked.delete(id);
};
const utf8 = new globalThis.TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
export const encode = (text) => new globalThis.TextEncoder().encode(text);
export const decode = (bytes) => {
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
};
export const send = absent("send");
export const open = absent("open");
export const carry = absent("carry");
export const next = absent("next");
export const finish = absent("finish");
export const close = () => false;
export const load = absent("load");
export const receive = absent("receive");
export const start = absent("start");
export const startUnder = absent("startUnder");
export const startChild = absent("startChild");
export const join = absent("join");

const parts = (url) => {
  const names = [
    "href",
    "origin",
    "protocol",
    "username",
    "password",
    "host",
    "hostname",
    "port",
    "pathname",
    "search",
  ];
  return Object.fromEntries([...names, "hash"].map((name) => [name, url[name]]));
};
export const parse = (text, base) => {
  try {
    return parts(new globalThis.URL(text, base ?? undefined));
  } catch {
    return null;
  }
};
export const change = (href, part, value) => {
  try {
    const url = new globalThis.URL(href);
    url[part] = value;
    return parts(url);
  } catch {
    return null;
  }
};

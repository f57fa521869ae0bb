// The connection to the sidecar: opened again whenever it ends, closed while nobody looks at this page.

const SILENT = 4000; // ms without a moment, which come each second
const AGAIN = [500, 1000, 2000, 4000]; // ms; a sidecar that restarts is back in a second or two

/** Calls told(event, what it says), and lost(why) each time there is no connection. Returns at once. */
export function watch(told, lost) {
  let failures = 0;
  let abort = null;
  let timer = null;

  async function connect() {
    abort = new AbortController();
    const mine = abort;
    let why = "the sidecar does not answer";
    try {
      await read(mine, (name, what) => {
        failures = 0;
        why = name === "closing" ? "the sidecar has drained, and has ended" : "the sidecar closed the connection, or is gone";
        told(name, what);
      });
    } catch (error) {
      if (error instanceof Refused) why = error.message;
    }
    mine.abort();
    if (document.hidden) return;
    lost(why);
    timer = setTimeout(connect, AGAIN[Math.min(failures, AGAIN.length - 1)]);
    failures += 1;
  }

  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.hidden) abort?.abort();
    else connect();
  });
  if (!document.hidden) connect();
}

class Refused extends Error {}

async function read(abort, told) {
  let silence = setTimeout(() => abort.abort(), SILENT);
  try {
    const answer = await fetch("live", { signal: abort.signal, cache: "no-store" });
    if (!answer.ok) throw new Refused((await answer.text()).trim());
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(silence);
      silence = setTimeout(() => abort.abort(), SILENT);
      const frames = (rest + value).split("\n\n");
      rest = frames.pop();
      for (const frame of frames) {
        const [event, text] = frame.split("\n");
        told(event.slice("event: ".length), JSON.parse(text.slice("data: ".length)));
      }
    }
  } finally {
    clearTimeout(silence);
  }
}

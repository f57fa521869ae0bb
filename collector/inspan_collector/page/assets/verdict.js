// The first line: is anything lost? And what is on its way to be.

import { byId, each, el, say, tell } from "./dom.js";
import { came, clock, percent, spans, sum, time, whole } from "./numbers.js";
import { dropped } from "./past.js";
import { GATE } from "./words.js";

const LINES = 5; // about gates; a line for each of twenty destinations would push the page off the screen
const FULL = 0.8; // of capacity; above it people have minutes, or less

/** Say it, and tell the tab: its title is all that is seen of a page behind others. */
export function verdict(past, status) {
  const lost = status.destinations.map((d) => ({ name: d.name, count: dropped(status.ledger.destinations[d.name]) })).filter((d) => d.count);
  const all = lost.reduce((n, d) => n + d.count, 0);
  const before = Object.values(status.agents.services).reduce((n, service) => n + sum(service.dropped), 0);
  const wary = cares(status);
  const section = byId("verdict");
  const head = byId("verdict-head");
  let tone = "good";
  if (status.ledger.imbalance) {
    tone = "bad";
    tell(head, tone, "✕", `The books are wrong by ${spans(status.ledger.imbalance)}: a defect of inspan. Keep /status, /events and the log, and report it.`);
  } else if (all + before) {
    tone = "bad";
    tell(head, tone, "✕", `Yes: ${spans(all + before)} ${all + before === 1 ? "is" : "are"} lost.`);
  } else if (wary.length) {
    tone = "care";
    tell(head, tone, "!", "Nothing is lost so far, but something needs care.");
  } else {
    tell(head, tone, "✓", "Nothing is lost.");
  }
  section.className = tone;
  const more = [...where(past, lost, before), ...wary, ...calm(status)];
  each(byId("verdict-more"), more, (line) => line.key, () => el("li"), (li, line) => say(li, line.words));
  say(byId("news"), news(tone, status));
  document.title = `${{ good: "✓", care: "!", bad: "✕" }[tone]} ${status.life.host} · inspan`;
}

/** There is no connection: say of when it is, until there is one again. */
export function asOf(at) {
  const said = byId("verdict-head").querySelector(".said");
  say(said, `At ${clock(at)}: ${said.textContent}`);
}

function where(past, lost, before) {
  const lines = [];
  if (lost.length) {
    const last = past.lastDrop();
    const when = last === null ? "none in the last 10 minutes" : `the last at ${clock(last)}`;
    const names = lost.slice(0, 5).map((d) => `${whole(d.count)} at ${d.name}`).join(", ");
    lines.push({ key: "lost", words: `Dropped here: ${names}${lost.length > 5 ? ", and more" : ""}; ${when}.` });
  }
  if (before) lines.push({ key: "before", words: `Lost by agents, before the socket: ${whole(before)}.` });
  return lines;
}

/** What is read aloud when it changes: states, and no numbers, which change each second. */
function news(tone, { destinations }) {
  const closed = destinations.filter((d) => d.gate.state !== "open").map((d) => `${d.name} is ${d.gate.state}.`);
  return [{ good: "Nothing is lost.", care: "Nothing is lost so far.", bad: "Spans are lost." }[tone], ...closed].join(" ");
}

/** What is not lost, and may be. */
function cares(status) {
  const lines = status.destinations.flatMap((d) => gate(d, status.ledger.destinations[d.name]));
  if (lines.length > LINES) {
    const counts = { paused: 0, shut: 0, open: 0 };
    for (const { state } of lines) counts[state] += 1;
    const rest = [counts.paused && `${counts.paused} are paused`, counts.shut && `${counts.shut} are shut`, counts.open && `${counts.open} are nearly full`];
    lines.splice(LINES - 1, lines.length, { key: "gates", words: `Of ${status.destinations.length} destinations, ${rest.filter(Boolean).join(", ")}: see below.` });
  }
  if (status.spool?.trouble) lines.push({ key: "disk", words: `! The disk: ${status.spool.trouble}` });
  if (status.agents.states.lost) lines.push({ key: "agents", words: `! ${whole(status.agents.states.lost)} registered agents are lost: killed, stopped or starved.` });
  const kept = status.destinations.reduce((n, d) => n + d.quarantine.spans, 0);
  if (kept) lines.push({ key: "quarantine", words: `! ${spans(kept)} in quarantine: the upstream refused them for good. See inspan quarantine ls.` });
  const refused = Object.values(status.ledger.dialects).reduce((n, books) => n + sum(books.refused), 0);
  if (refused) lines.push({ key: "refused", words: `! ${spans(refused)} were refused; agents were told to keep them.` });
  return lines;
}

/** A line where a destination is not open, or nearly full. */
export function gate(d, books) {
  const fill = Math.max(d.queue.spans / d.queue.capacity_spans, d.queue.bytes / Math.max(1, d.queue.capacity_bytes));
  const full = fill >= FULL ? ` Its queue is ${percent(fill)} full.` : "";
  const { mark, word } = GATE[d.gate.state];
  if (d.gate.state === "open" && !full) return [];
  const since = d.gate.seconds === null ? "" : ` for ${time(d.gate.seconds)}`;
  // Without a span there is no attempt, so what the gate says may be long over.
  const held = (books.queued ?? 0) + (books.in_flight ?? 0) + (books.spooled ?? 0);
  const kept = !held ? "Nothing waits; the next span tries it." : d.gate.state === "paused" ? "Everything is kept." : "Spans wait.";
  const words = d.gate.state === "open" ? `! ${d.name} is slower than the agents.${full}` : `${mark} ${d.name} is ${word}${since}: ${d.gate.reason}. ${kept}${full}`;
  return [{ key: `gate ${d.name}`, state: d.gate.state, words }];
}

function calm(status) {
  const accepted = Object.values(status.ledger.dialects).reduce((n, books) => n + books.accepted, 0);
  const held = status.destinations.reduce((n, d) => n + d.queue.spans, 0);
  if (!accepted) return [{ key: "calm", words: "No span has come yet in this life of the sidecar." }];
  return [{ key: "calm", words: `${came(accepted, status.ledger.dialects)} accepted in this life of ${time(status.life.seconds)}; ${whole(held)} copies wait for their fate.` }];
}

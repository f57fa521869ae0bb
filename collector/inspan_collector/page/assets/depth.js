// A card for each destination: the state of its gate in words, its depth over ten minutes, its numbers.

import { byId, each, el, say, tell } from "./dom.js";
import { bytes, clock, percent, rate, short, spans, tick, time, whole } from "./numbers.js";
import { drops } from "./past.js";
import { GATE } from "./words.js";

const MINUTES = 600; // s
const TOPS = [0.001, 0.01, 0.05, 0.2, 0.5, 1]; // of capacity: the axis ends at the first that is above what is to be shown
const [HIGH, LEFT, RIGHT] = [104, 52, 30]; // px of a drawing, and of what stands beside it: ticks, and a gauge of all
const FEW = 6; // destinations; of more the numbers are folded away, so that all their charts can be seen
const FACTS = ["held", "bytes", "oldest", "slots", "attempt p50 · p99", "arrival to delivered", "batch, on average", "connections"];

/** Show every destination. */
export function depth(past, status) {
  const make = (d) => {
    const facts = el("dl", {}, ...FACTS.map((name) => el("div", {}, el("dt", {}, name), el("dd"))));
    const gate = el("p", { class: "gate" }, el("span", { class: "mark", "aria-hidden": "true" }), el("span", { class: "said" }));
    return el("article", { class: "card" }, el("h3", {}, d.name), el("p", { class: "to" }), gate,
      el("p", { class: "todo" }), el("div", { class: "chart" }), el("p", { class: "quiet peak" }),
      el("details", { open: status.destinations.length <= FEW ? "" : null }, el("summary", {}, "in numbers"), facts));
  };
  each(byId("destinations"), status.destinations, (d) => d.name, make, (card, d) => show(card, d, past, status));
}

function show(card, d, past, status) {
  const { tone, mark, word, todo } = GATE[d.gate.state];
  const since = d.gate.seconds === null ? "" : ` for ${time(d.gate.seconds)}`;
  say(card.querySelector(".to"), `${d.kind} to ${d.to}`);
  tell(card.querySelector(".gate"), tone, mark, d.gate.state === "open" ? "gate open" : `gate ${word}${since}: ${d.gate.reason}`);
  say(card.querySelector(".todo"), todo);
  const samples = past.samples(d);
  const place = card.querySelector(".chart");
  place.replaceChildren(chart(samples, status, place.clientWidth || 320));
  say(card.querySelector(".peak"), peak(samples, d, past));
  facts(d, past).forEach((fact, at) => say(card.querySelectorAll("dd")[at], fact));
}

function facts(d, past) {
  const of = (s) => s.destinations.find((other) => other.name === d.name);
  const quantiles = (what) => [0.5, 0.99].map((share) => bound(past.quantile((s) => of(s).durations[what].counts, share), past));
  const sent = d.batches.sent;
  return [
    `${whole(d.queue.spans)} of ${whole(d.queue.capacity_spans)}`,
    `${bytes(d.queue.bytes)} of ${bytes(d.queue.capacity_bytes)}`,
    d.queue.oldest_age_seconds === null ? "–" : time(Math.max(0, d.queue.oldest_age_seconds)),
    `${d.slots.used} of ${d.slots.of} in use`,
    quantiles("attempt").join(" · "),
    quantiles("delivery").join(" · "),
    sent ? `${short(d.batches.spans / sent)} spans, ${bytes(d.batches.bytes / sent)}` : "–",
    `${d.connections.open} open, ${whole(d.connections.opened)} opened`,
  ];
}

function bound(seconds, past) {
  if (seconds === null) return "–";
  const bounds = past.moments.at(-1).status.life.duration_bounds;
  return seconds === Infinity ? `> ${time(bounds.at(-1))}` : `< ${time(seconds)}`;
}

function peak(samples, d, past) {
  const most = samples.reduce((found, sample) => (sample.filled >= found.filled ? sample : found), samples[0]);
  const lost = drops(samples);
  const said = [`Now ${percent(samples.at(-1).filled)} of capacity.`];
  if (most.filled > samples.at(-1).filled) said.push(`At most ${percent(most.filled)}, at ${clock(most.at)}.`);
  const soon = untilFull(samples, d);
  if (soon !== null) said.push(`Full in about ${time(soon)}, if it goes on like this.`);
  if (samples.at(-1).spooled) said.push(`${spans(samples.at(-1).spooled)} on disk.`);
  if (lost.length) said.push(`Dropped in ${lost.length} of these seconds, last at ${clock(lost.at(-1))}.`);
  const delivered = past.rate((s) => s.ledger.destinations[d.name].delivered ?? 0);
  if (delivered) said.push(`${rate(delivered)} delivered.`);
  return said.join(" ");
}

/** Seconds until the queue is full, at the pace of the last half minute; null where it does not fill. */
function untilFull(samples) {
  const last = samples.at(-1);
  const first = samples.find((sample) => sample.at >= last.at - 30);
  const pace = (last.filled - first.filled) / (last.at - first.at);
  return last.at - first.at >= 10 && last.filled > 0.02 && last.filled < 1 && pace > 0.0005 ? (1 - last.filled) / pace : null;
}

function chart(samples, status, wide) {
  const end = samples.at(-1).at;
  const most = Math.max(...samples.map((sample) => sample.filled));
  const top = TOPS.find((one) => most <= one * 0.95) ?? 1;
  const edge = wide - RIGHT;
  const x = (at) => LEFT + (1 - Math.min(1, (end - at) / MINUTES)) * (edge - LEFT);
  const y = (filled) => 8 + (1 - Math.min(1.03, filled / top)) * (HIGH - 28);
  const line = samples.map((sample, i) => `${i ? "L" : "M"}${x(sample.at).toFixed(1)} ${y(sample.filled).toFixed(1)}`).join("");
  const word = (text, px, py, anchor) => el("svg:text", { x: px, y: py, class: "small", "text-anchor": anchor }, text);
  const grid = (filled) => [
    el("svg:path", { class: filled === 1 ? "capacity" : "grid", d: `M${LEFT} ${y(filled)}H${edge}` }),
    word(tick(filled), LEFT - 8, y(filled) + 4, "end"),
  ];
  return el("svg:svg", { viewBox: `0 0 ${wide} ${HIGH}`, height: HIGH, "aria-hidden": "true" },
    ...grid(0), ...grid(top / 2), ...grid(top),
    el("svg:path", { class: "depth-area", d: `${line}V${y(0)}H${x(samples[0].at).toFixed(1)}Z` }), el("svg:path", { class: "depth-line", d: line }),
    ...drops(samples).map((at) => el("svg:path", { class: "drop", d: `M${(x(at) - 3).toFixed(1)} ${y(0) - 3}l6 6m0 -6l-6 6` })),
    word("10 min ago", LEFT, HIGH - 3, "start"), word(status.life.ready ? "now" : "now, not ready", edge, HIGH - 3, "end"),
    ...gauge(samples.at(-1).filled, wide - 13));
}

/** All of the queue, whatever the axis shows: how much of it is taken. */
function gauge(filled, x) {
  const high = HIGH - 28;
  const level = Math.min(1, filled) * high;
  const tone = filled >= 0.9 ? " bad" : filled >= 0.5 ? " care" : "";
  return [
    el("svg:rect", { class: "tank", x, y: 8, width: 12, height: high, rx: 2 }),
    el("svg:rect", { class: `level${tone}`, x: x + 1, y: 8 + high - level, width: 10, height: level }),
    el("svg:text", { x: x + 12, y: HIGH - 3, class: "small", "text-anchor": "end" }, "all"),
  ];
}

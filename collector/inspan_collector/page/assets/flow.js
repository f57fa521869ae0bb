// The picture of the flow: dialects on the left, a queue and a gate for each destination, its upstream on the right.

import { byId, el, say } from "./dom.js";
import { cut, percent, rate, short, spans } from "./numbers.js";
import { dropped } from "./past.js";
import { GATE } from "./words.js";

const NARROW = 620; // px; below, the name of a destination stands above its pipe
const LETTER = 8.6; // px, the width of a bold one where the fonts are wide
const STEP = 5; // px of width for each ten times as many spans

/** Pixels of a pipe: 3 for 1 span a second, and 5 more for each ten times as many; so that 3/s and 30,000/s both show. */
const width = (perSecond) => (perSecond > 0 ? Math.max(1.5, 3 + STEP * Math.log10(perSecond)) : 1);

/** Draw this moment. */
export function flow(past, status) {
  const parts = measure(past, status);
  const place = byId("flow-picture");
  const wide = place.clientWidth || 320;
  place.replaceChildren(wide < NARROW ? narrow(parts, wide) : broad(parts, wide));
  say(byId("flow-words"), inWords(parts));
}

/** What the widths mean, once. */
export function legend() {
  const line = (perSecond, label) =>
    el("span", {}, el("svg:svg", { viewBox: "0 0 34 26", "aria-hidden": "true" }, pipe("M0 13H34", perSecond, false)), label);
  byId("flow-legend").replaceChildren(
    line(0, "nothing"), line(1, "1/s"), line(10, "10/s"), line(100, "100/s"), line(1000, "1k/s"), line(10000, "10k/s"),
    el("span", {}, "each step in width is ten times as many"),
  );
}

function measure(past, status) {
  const dialects = Object.entries(status.ledger.dialects)
    .filter(([, books]) => books.received > 0)
    .map(([name, books]) => ({
      name,
      rate: past.rate((s) => s.ledger.dialects[name]?.accepted ?? 0),
      refusing: past.rate((s) => s.ledger.dialects[name]?.received - s.ledger.dialects[name]?.accepted),
      accepted: books.accepted,
    }));
  const destinations = status.destinations.map((d) => ({
    ...d,
    incoming: past.rate((s) => s.ledger.destinations[d.name].enqueued ?? 0),
    outgoing: past.rate((s) => s.ledger.destinations[d.name].delivered ?? 0),
    merging: past.rate((s) => s.ledger.destinations[d.name].merged ?? 0),
    dropping: past.rate((s) => dropped(s.ledger.destinations[d.name])),
    spooled: status.ledger.destinations[d.name].spooled ?? 0,
    fill: Math.max(d.queue.spans / d.queue.capacity_spans, d.queue.bytes / Math.max(1, d.queue.capacity_bytes)),
  }));
  return { dialects, destinations, all: past.rate((s) => Object.values(s.ledger.dialects).reduce((n, b) => n + b.accepted, 0)) };
}

function inWords({ dialects, destinations }) {
  const came = dialects.map((d) => `${d.name} ${rate(d.rate)}`).join(", ") || "nothing has come yet";
  const goes = destinations.map((d) =>
    `${d.name}: in ${rate(d.incoming)}, ${spans(d.queue.spans)} held, ${percent(d.fill)} full, gate ${d.gate.state}, delivered ${rate(d.outgoing)}, dropped ${rate(d.dropping)}`);
  return `Accepted: ${came}. ${goes.join(". ")}.`;
}

// Drawing

function pipe(path, perSecond, moves = true) {
  const idle = !perSecond;
  const thick = el("svg:path", { d: path, class: idle ? "pipe idle" : "pipe", "stroke-width": width(perSecond ?? 0).toFixed(1) });
  return moves && !idle && width(perSecond) >= 3
    ? el("svg:g", {}, thick, el("svg:path", { d: path, class: "moves" }))
    : thick;
}

const text = (x, y, words, kind = "", anchor = "start", whole = "") =>
  el("svg:text", { x, y, class: kind || null, "text-anchor": anchor }, words, whole && whole !== words ? el("svg:title", {}, whole) : null);

const bend = (x, y, toX, toY) => `M${x} ${y}C${(x + toX) / 2} ${y} ${(x + toX) / 2} ${toY} ${toX} ${toY}`;

function picture(wide, high, ...children) {
  return el("svg:svg", { viewBox: `0 0 ${wide} ${high}`, height: high, "aria-hidden": "true" }, ...children);
}

function tank(d, x, y, wide) {
  const tone = d.fill >= 0.9 ? " bad" : d.fill >= 0.5 ? " care" : "";
  const level = Math.min(1, d.fill) * (wide - 2);
  return el("svg:g", {},
    el("svg:rect", { class: "tank", x, y: y - 15, width: wide, height: 30, rx: 4 }),
    el("svg:rect", { class: `level${tone}`, x: x + 1, y: y - 14, width: level, height: 28, rx: 3 }),
    el("svg:rect", { class: "tank", x, y: y - 15, width: wide, height: 30, rx: 4, "fill-opacity": 0 }),
    text(x + 8, y + 4.5, `${short(d.queue.spans)} held`), text(x + wide - 8, y + 4.5, percent(d.fill), "", "end"));
}

function valve(d, x, y) {
  const { tone } = GATE[d.gate.state];
  const bars = { open: "M-3.5 -4L3.5 0L-3.5 4", shut: "M0 -6V6", paused: "M-3 -5V5M3 -5V5" }[d.gate.state];
  return el("svg:g", { transform: `translate(${x} ${y})` },
    el("svg:circle", { r: 10, class: `valve ${tone}` }), el("svg:path", { d: bars, class: `bars ${tone}` }));
}

/** What leaves otherwise than by the gate: a word below the queue. */
function asides(d, x, y, anchor = "start") {
  const more = [d.spooled ? `+ ${short(d.spooled)} on disk` : "", d.merging ? `${rate(d.merging)} merged` : ""].filter(Boolean).join(", ");
  if (!d.dropping) return more ? text(x, y, more, "small", anchor) : null;
  const lost = text(x, y, `✕ ${rate(d.dropping)} dropped`, "bad small strong", anchor);
  if (more) lost.append(el("svg:tspan", { class: "small rest" }, `  ${more}`));
  return lost;
}

function broad({ dialects, destinations, all }, wide) {
  const ROW = destinations.length > 8 ? 46 : 62;
  const lines = dialects.length ? dialects : [{ name: "agents", rate: 0, refusing: 0 }];
  const high = Math.max(lines.length * 48, destinations.length * ROW) + 34;
  const middle = (high + 24) / 2;
  const [labels, bar, queue] = [150, Math.min(270, wide * 0.27), Math.min(380, wide * 0.39)];
  const gate = queue + 198;
  const longest = Math.max(...destinations.map((d) => Math.min(27, d.name.length)), 8);
  const end = Math.max(gate + 50, wide - longest * LETTER - 14);
  const room = Math.floor((wide - end - 12) / LETTER);
  const made = [text(0, 12, "agents, by dialect", "small"), text(bar, 12, "accepted", "small", "middle"), text(queue, 12, "queue", "small"),
    text(gate, 12, "gate", "small", "middle"), text(end + 10, 12, "upstream", "small")];
  lines.forEach((d, i) => {
    const y = middle + (i - (lines.length - 1) / 2) * 48;
    made.push(pipe(bend(labels - 40, y, bar - 4, middle + (i - (lines.length - 1) / 2) * 14), d.rate));
    made.push(text(0, y - 2, cut(d.name, 13), "strong", "start", d.name), text(0, y + 14, rate(d.rate), "small"));
    if (d.refusing) made.push(text(46, y + 14, `✕ ${rate(d.refusing)} refused`, "bad small"));
  });
  const tall = Math.max(44, Math.min(high - 60, destinations.length * 18));
  made.push(el("svg:rect", { class: "tank", x: bar - 5, y: middle - tall / 2, width: 10, height: tall, rx: 5 }),
    text(bar, middle - tall / 2 - 8, rate(all), "strong", "middle"));
  destinations.forEach((d, i) => {
    const y = middle + (i - (destinations.length - 1) / 2) * ROW;
    const from = middle + (i - (destinations.length - 1) / 2) * Math.min(14, (tall - 14) / Math.max(1, destinations.length - 1));
    made.push(pipe(bend(bar + 5, from, queue, y), d.incoming), pipe(`M${queue + 170} ${y}H${end}`, d.outgoing),
      tank(d, queue, y, 170), valve(d, gate, y), asides(d, queue, y + (ROW < 60 ? 26 : 28)));
    made.push(text(end + 10, y - 2, cut(d.name, room), "strong", "start", d.name), text(end + 10, y + 14, rate(d.outgoing), "small"));
    if (d.gate.state !== "open") made.push(text(gate, y + 25, GATE[d.gate.state].word, `${GATE[d.gate.state].tone} small strong`, "middle"));
  });
  return picture(wide, high, ...made);
}

function narrow({ dialects, destinations, all }, wide) {
  const trunk = 10;
  const lines = dialects.length ? dialects : [{ name: "agents", rate: 0, refusing: 0 }];
  const made = [];
  let y = 14;
  for (const d of lines) {
    made.push(pipe(`M${wide * 0.62} ${y - 4}H${trunk + 20}Q${trunk} ${y - 4} ${trunk} ${y + 16}`, d.rate));
    made.push(text(wide, y, `${cut(d.name, 9)} ${rate(d.rate)}`, "", "end", d.name));
    if (d.refusing) made.push(text(wide, y + 15, `✕ ${rate(d.refusing)} refused`, "bad small", "end"));
    y += 32;
  }
  const from = y - 20;
  made.push(text(trunk + 14, y + 2, `accepted ${rate(all)}`, "strong"));
  y += 26;
  const branches = [];
  for (const d of destinations) {
    made.push(text(trunk + 24, y + 2, cut(d.name, Math.floor((wide - 100) / LETTER)), "strong", "start", d.name));
    y += 26;
    branches.push(pipe(`M${trunk} ${y - 22}Q${trunk} ${y} ${trunk + 24} ${y}`, d.incoming));
    made.push(pipe(`M${trunk + 160} ${y}H${wide - 62}`, d.outgoing), tank(d, trunk + 24, y, 146), valve(d, trunk + 192, y));
    made.push(text(wide, y + 4, rate(d.outgoing), "", "end"));
    if (d.gate.state !== "open") made.push(text(wide, y - 22, GATE[d.gate.state].word, `${GATE[d.gate.state].tone} small strong`, "end"));
    const aside = asides(d, trunk + 24, y + 28);
    if (aside) made.push(aside);
    y += aside ? 52 : 38;
  }
  const last = y - (destinations.length ? 58 : 30);
  return picture(wide, y, pipe(`M${trunk} ${from}V${Math.max(from, last)}`, all), ...branches, ...made);
}

// The tables: losses with what to do, the books with their sums, memory and disk, agents, events.

import { byId, each, el, rows, say } from "./dom.js";
import { ago, bytes, percent, spans, sum, when, whole } from "./numbers.js";
import { AGENT, BEFORE, DROPPED, REFUSED } from "./words.js";

const SOURCES = ["enqueued", "recovered", "replayed", "synthesized"];
const PLACES = ["queued", "in_flight", "spooled"];
const UNKNOWN = "this page has not been open for a minute";
const SHOWN = 100; // events

export function losses(past, status) {
  rows("dropped", status.destinations.flatMap(({ name }) =>
    Object.entries(status.ledger.destinations[name]).filter(([account]) => account.startsWith("dropped_")).map(([account, count]) => {
      const reason = account.slice("dropped_".length);
      const lately = past.lately(name, account);
      const text = `${lately.exact ? "" : "at most "}${whole(lately.count)}`;
      return { key: `${name} ${reason}`, cells: [name, reason, whole(count), { text, tone: lately.count ? "bad" : "" }, DROPPED[reason] ?? ""] };
    })));
  rows("refused", Object.entries(status.receptions).flatMap(([name, reception]) => {
    const books = status.ledger.dialects[name].refused;
    const reasons = new Set([...Object.keys(books), ...Object.keys(reception.requests_refused)]);
    return [...reasons].map((reason) => ({
      key: `${name} ${reason}`,
      cells: [name, reason, whole(books[reason] ?? 0), whole(reception.requests_refused[reason] ?? 0), REFUSED[reason] ?? ""],
    }));
  }));
  rows("before", Object.entries(status.agents.services).flatMap(([name, service]) =>
    Object.entries(service.dropped).map(([reason, count]) => {
      const lately = past.grown((s) => s.agents.services[name]?.dropped[reason] ?? 0);
      return { key: `${reason} ${name}`, cells: [name, reason, whole(count), { text: lately === null ? "–" : whole(lately), tone: lately ? "bad" : "", title: lately === null ? UNKNOWN : "" }, BEFORE[reason] ?? ""] };
    })));
}

export function books(status) {
  const wrong = status.ledger.imbalance;
  const line = byId("imbalance");
  line.className = wrong ? "bad" : "good";
  say(line, wrong ? `✕ off by ${spans(wrong)}: a defect, please report it` : "✓ recounted: books and stages agree");
  rows("dialects", Object.entries(status.ledger.dialects).filter(([, one]) => one.received).map(([name, one]) => {
    const refused = sum(one.refused);
    return { key: name, cells: [name, whole(one.received), whole(one.accepted), { text: whole(refused), small: parts(one.refused) }, balance(one.received, one.accepted + refused)] };
  }));
  rows("accounts", status.destinations.map(({ name }) => {
    const one = status.ledger.destinations[name];
    const came = pick(one, (account) => SOURCES.includes(account));
    const here = pick(one, (account) => PLACES.includes(account));
    const fates = pick(one, (account) => !SOURCES.includes(account) && !PLACES.includes(account));
    const cell = (found) => ({ text: whole(sum(found)), small: parts(found) });
    return { key: name, cells: [name, cell(came), cell(here), cell(fates), balance(sum(came), sum(here) + sum(fates))] };
  }));
}

const pick = (counts, wanted) => Object.fromEntries(Object.entries(counts).filter(([name]) => wanted(name)));
const parts = (counts) => Object.entries(counts).map(([name, count]) => `${whole(count)} ${name.replaceAll("_", " ")}`).join(" + ");
const balance = (left, right) =>
  left === right ? { text: "✓ equal", tone: "good" } : { text: `✕ ${whole(left)} is not ${whole(right)}`, tone: "bad" };

export function kept(status) {
  const { memory, spool, patchable } = status;
  const meters = [
    { name: "memory of spans", used: memory.bytes, of: memory.limit_bytes },
    ...(spool ? [{ name: "spool on disk", used: spool.bytes, of: spool.limit_bytes }] : []),
    { name: "patchable spans", used: patchable.bytes, of: patchable.limit_bytes },
  ];
  const make = ({ name }) => el("div", { class: "meter" }, el("p", {}, el("span", {}, name), el("span", { class: "used" })),
    el("div", { class: "bar" }, el("svg:svg", { viewBox: "0 0 100 1", preserveAspectRatio: "none", "aria-hidden": "true" },
      el("svg:rect", { class: "level", height: 1, width: 0 }))));
  each(byId("meters"), meters, (meter) => meter.name, make, (shown, { used, of }) => {
    say(shown.querySelector(".used"), `${bytes(used)} of ${bytes(of)}, ${percent(used / Math.max(1, of))}`);
    shown.querySelector("rect").setAttribute("width", Math.min(100, (100 * used) / Math.max(1, of)));
  });
  each(byId("kept-words"), keptWords(status), (line) => line.key, () => el("li"), (li, line) => say(li, line.words));
}

function keptWords({ spool, destinations, ledger }) {
  const lines = [];
  if (!spool) lines.push({ key: "spool", words: "No spool is configured: what is in memory alone is lost if the process is killed." });
  else {
    const risk = ledger.at_risk ? `, ${whole(ledger.at_risk)} of them at risk: the volume goes with its ${spool.lifetime}` : "";
    lines.push({ key: "spool", words: `Spool ${spool.path}, mode ${spool.mode}: ${spans(ledger.spooled)} on disk without a fate${risk}.` });
    if (spool.trouble) lines.push({ key: "trouble", words: `! ${spool.trouble}` });
    for (const [name, count] of Object.entries(spool.strangers)) {
      lines.push({ key: `stranger ${name}`, words: `${spans(count)} on disk are of ${name}, which is not configured: inspan spool replay gives them to another destination.` });
    }
  }
  const held = destinations.filter((d) => d.quarantine.spans || d.quarantine.evicted);
  for (const { name, quarantine } of held) {
    const evicted = quarantine.evicted ? `; ${whole(quarantine.evicted)} older ones made room and are gone` : "";
    lines.push({ key: `quarantine ${name}`, words: `Quarantine of ${name}: ${spans(quarantine.spans)}, ${bytes(quarantine.bytes)}${evicted}. Look with inspan quarantine ls; replay when it is mended.` });
  }
  if (!held.length) lines.push({ key: "quarantine", words: "Quarantine is empty." });
  return lines;
}

export function agents({ agents: known, connections }) {
  const { running, completed, lost } = known.states;
  const all = running + completed + lost;
  const more = all > known.last.length ? `; the ${known.last.length} heard last are shown` : "";
  say(byId("agents-count"), `${whole(connections)} connections open; registered: ${whole(running)} running, ${whole(completed)} completed, ${whole(lost)} lost${more}`);
  rows("agents-table", known.last.map((agent) => {
    const { tone, mark, word } = AGENT[agent.state];
    const count = (value, bad) => ({ text: whole(value), tone: value && bad ? "bad" : "" });
    return {
      key: `${agent.id} ${agent.pid}`,
      cells: [agent.service, `${agent.id}${agent.pid ? `, pid ${agent.pid}` : ""}`, { text: `${mark} ${word}`, tone }, ago(agent.silent_seconds),
        whole(agent.recorded), whole(agent.accepted), count(sum(agent.dropped), true), whole(agent.queued), count(agent.missing, true)],
    };
  }));
}

export function events(list) {
  rows("events-table", folded(list).slice(0, SHOWN).map(({ event, spans: count, times }) => ({
    key: `${event.kind} ${event.destination} ${event.message}`,
    cells: [when(event.at), event.kind, event.destination, count ? whole(count) : "", { text: event.message, small: times > 1 ? `${whole(times)} times` : "" }],
  })));
}

/** The newest first; what happened again at the same destination is one, with how often and all of its spans. */
export function folded(list) {
  const found = new Map();
  for (const event of list.toReversed()) {
    const key = JSON.stringify([event.kind, event.destination, event.message]);
    const one = found.get(key) ?? { event, spans: 0, times: 0 };
    found.set(key, { event: one.event, spans: one.spans + (event.spans ?? 0), times: one.times + 1 });
  }
  return [...found.values()];
}

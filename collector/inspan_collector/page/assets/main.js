// Wires the feed to the page. What it knows is in `past`; every moment is drawn anew from it.

import { byId, say, tell } from "./dom.js";
import { depth } from "./depth.js";
import { watch } from "./feed.js";
import { flow, legend } from "./flow.js";
import { clock, time, when } from "./numbers.js";
import { Past } from "./past.js";
import { agents, books, events, kept, losses } from "./sections.js";
import { asOf, verdict } from "./verdict.js";

const EVENTS = 100; // kept here, as the feed begins with

const past = new Past();
let recent = [];
let lostSince = null;

function told(name, what) {
  if (name === "history") past.begin(what);
  else if (name === "moment") moment(what);
}

function moment(what) {
  if (past.add(what)) recent = [];
  const last = recent.at(-1)?.sequence ?? 0;
  recent = [...recent, ...what.events.filter((event) => event.sequence > last)].slice(-EVENTS);
  lostSince = null;
  byId("main").classList.remove("stale");
  draw();
}

function draw() {
  const { status } = past.moments.at(-1);
  const { life } = status;
  const again = past.restarts ? `, seen to restart ${past.restarts === 1 ? "once" : `${past.restarts} times`}` : "";
  say(byId("host"), life.host);
  say(byId("life"), `inspan ${life.version}, up since ${when(life.began_at)} (${time(life.seconds)})${again}`);
  tell(byId("link"), life.ready ? "good" : "care", life.ready ? "●" : "◐", life.ready ? "live" : "live; starting or draining");
  verdict(past, status);
  flow(past, status);
  depth(past, status);
  losses(past, status);
  books(status);
  kept(status);
  agents(status);
  events(recent);
}

function lost(why) {
  if (lostSince === null && past.moments.length) asOf(past.moments.at(-1).at);
  lostSince ??= Date.now() / 1000;
  byId("main").classList.add("stale");
  const seen = past.moments.length ? ` What is shown is of ${clock(past.moments.at(-1).at)}.` : "";
  tell(byId("link"), "bad", "✕", `No connection since ${clock(lostSince)}: ${why}. Trying again.${seen}`);
  document.title = `✕ no connection · ${byId("host").textContent || "inspan"}`;
}

legend();
watch(told, lost);
new ResizeObserver(() => past.moments.length && flow(past, past.moments.at(-1).status)).observe(byId("flow-picture"));

// What is put on the page: whatever is foreign, as text and as nothing else.

const SVG = "http://www.w3.org/2000/svg";

/** The element of this id. */
export const byId = (id) => document.getElementById(id);

/** An element, or `svg:` one. attrs: null and undefined are left out. children: elements and text. */
export function el(tag, attrs = {}, ...children) {
  const made = tag.startsWith("svg:") ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
  for (const [name, value] of Object.entries(attrs)) {
    if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Set the text where it differs: what is selected or read aloud is left alone where nothing changed. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A mark and words, in a tone: good, care or bad. */
export function tell(element, tone, mark, words) {
  element.classList.remove("good", "care", "bad");
  if (tone) element.classList.add(tone);
  say(element.querySelector(".mark"), mark);
  say(element.querySelector(".said"), words);
}

/** Make the children of `parent` one for each key, in order. make(key) builds one; show(child, each) fills it. */
export function each(parent, list, key, make, show) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const one of list) {
    const name = String(key(one));
    let child = old.get(name);
    if (child) old.delete(name);
    else {
      child = make(one);
      child.dataset.key = name;
    }
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
    show(child, one);
  }
  for (const gone of old.values()) gone.remove();
}

/** Rows of a table. rows: {key, cells}; a cell is text, or {text, small, tone, title}; the first is the row's head. */
export function rows(id, list) {
  const table = byId(id);
  const heads = [...table.tHead.rows[0].cells];
  table.closest(".wide").hidden = list.length === 0;
  const none = byId(`${id.replace("-table", "")}-none`);
  if (none) none.hidden = list.length > 0;
  const make = ({ cells }) =>
    el("tr", {}, ...cells.map((_, at) => {
      const label = heads[at].textContent;
      const kind = heads[at].className || (label === "at" ? "time" : null);
      return at === 0 && label !== "at"
        ? el("th", { scope: "row" })
        : el("td", { class: kind, "data-label": at ? label : null });
    }));
  each(table.tBodies[0], list, (row) => row.key, make, (tr, row) => row.cells.forEach((cell, at) => fill(tr.cells[at], cell)));
}

function fill(td, cell) {
  const { text, small = "", tone = "", title = "" } = typeof cell === "object" ? cell : { text: cell };
  const shown = `${tone}|${text}|${small}`;
  if (td.dataset.shown === shown) return;
  td.dataset.shown = shown;
  td.replaceChildren(el("span", { class: tone || null, title: title || null }, String(text)), ...(small ? [el("small", {}, small)] : []));
}

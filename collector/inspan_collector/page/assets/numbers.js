// How numbers are written. The same words for the same size everywhere, whatever the browser's language.

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** 1234567 as 1,234,567. */
export const whole = (count) => WHOLE.format(count);

/** Spans, in words. */
export const spans = (count) => `${whole(count)} ${count === 1 ? "span" : "spans"}`;

/** What came, in words: where starts and ends come by themselves, each is counted. */
export const came = (count, dialects) => {
  const twice = Object.entries(dialects).some(([name, books]) => name !== "otlp" && books.accepted);
  return twice ? `${whole(count)} ${count === 1 ? "copy" : "copies"} of spans` : spans(count);
};

/** Three digits that matter: 0.4, 12, 3.4k, 12M, 1.2G. */
export function short(value) {
  if (value > 0 && value < 0.05) return "<0.1";
  if (value < 9.95) return String(Math.round(value * 10) / 10);
  if (value < 999.5) return String(Math.round(value));
  const step = Math.min(4, Math.floor(Math.log10(value * 1.0005) / 3));
  const scaled = value / 1000 ** step;
  return `${scaled < 9.95 ? scaled.toFixed(1) : Math.round(scaled)}${["", "k", "M", "G", "T"][step]}`;
}

/** A rate as it is read: 3.4k/s. */
export const rate = (value) => (value === null ? "–" : `${short(value)}/s`);

/** Bytes, in powers of 1024. */
export function bytes(count) {
  let step = 0;
  for (; count >= 1023.5 && step < 4; step += 1) count /= 1024;
  return `${step && count < 9.95 ? count.toFixed(1) : Math.round(count)} ${["B", "KiB", "MiB", "GiB", "TiB"][step]}`;
}

/** A time that has passed or will: 40 ms, 3.2 s, 4 min, 2 h, 3 d. */
export function time(seconds) {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 119.5) return `${Math.round(seconds)} s`;
  if (seconds < 7170) return `${Math.round(seconds / 60)} min`;
  return seconds < 172000 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}

/** How long ago something was, in whole seconds. */
export const ago = (seconds) => (seconds < 1 ? "now" : `${seconds < 120 ? `${Math.floor(seconds)} s` : time(seconds)} ago`);

/** A share of 1. Nothing that is less than full is called 100 %. */
export function percent(share) {
  if (share > 0 && share < 0.001) return "<0.1 %";
  if (share < 0.0995) return `${Math.round(share * 1000) / 10} %`;
  return `${share < 1 ? Math.min(99, Math.round(share * 100)) : Math.round(share * 100)} %`;
}

/** A share of 1 as an axis has it. */
export const tick = (share) => `${Number((share * 100).toPrecision(2))} %`;

/** The time of day, of seconds since the epoch. */
export const clock = (at) => new Date(at * 1000).toLocaleTimeString("en-GB");

/** A text of at most so many characters. What goes is in the middle: names differ at their ends. */
export function cut(text, most) {
  const tail = Math.floor((most - 1) / 2);
  return text.length <= most ? text : `${text.slice(0, most - 1 - tail)}…${text.slice(text.length - tail)}`;
}

/** The same, with the day where that is another than today. */
export function when(at) {
  const date = new Date(at * 1000);
  const today = date.toDateString() === new Date().toDateString();
  return today ? clock(at) : `${date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" })}, ${clock(at)}`;
}

/** The sum of an object's numbers. */
export const sum = (counts) => Object.values(counts).reduce((all, count) => all + count, 0);

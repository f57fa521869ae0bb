// What was: ten minutes of depth, and the moments of the last minute, from which rates are made.

const MINUTES = 600; // s of depth, as the sidecar keeps
const MINUTE = 60; // s of moments
const NOW = 5; // s over which a rate is called "now": a batch is delivered at once, and its spans came one by one

/** The past of one sidecar. A new life of it begins a new past of rates: totals begin at 0 again. */
export class Past {
  constructor() {
    this.moments = [];
    this.depth = new Map(); // destination: [{at, filled, held, spooled, dropped}], the oldest first
    this.restarts = 0;
  }

  /** The sidecar tells its history: it knows better than we do, but for the life before. */
  begin({ at, destinations }) {
    for (const [name, columns] of Object.entries(destinations)) {
      const told = at.map((when, i) => ({
        at: when,
        filled: columns.filled[i] / 1000, // of the fuller bound, which may be that of bytes
        held: columns.queued[i] + columns.in_flight[i],
        spooled: columns.spooled[i],
        dropped: columns.dropped[i],
      }));
      if (told.length && told.length < MINUTES) told[0].first = true; // of its life: what it has dropped, it has just dropped
      const before = (this.depth.get(name) ?? []).filter((sample) => !told.length || sample.at < told[0].at);
      this.depth.set(name, [...before, ...told]);
    }
  }

  /** A moment. Returns whether it is the first of another life. */
  add(moment) {
    const last = this.moments.at(-1);
    const seconds = moment.status.life.seconds;
    const reborn = last !== undefined && moment.status.life.began_at !== last.status.life.began_at;
    if (reborn) {
      this.moments = [];
      this.restarts += 1;
    }
    this.moments.push(moment);
    while (this.moments[0].status.life.seconds < seconds - MINUTE) this.moments.shift();
    for (const d of moment.status.destinations) this.#deepen(moment, d);
    return reborn;
  }

  /** The last samples of a destination, with `filled` as fine as its spans allow. */
  samples({ name, queue }) {
    return this.depth.get(name).map((sample) => ({ ...sample, filled: Math.max(sample.filled, sample.held / queue.capacity_spans) }));
  }

  #deepen({ at, status }, { name, queue }) {
    const books = status.ledger.destinations[name];
    const samples = this.depth.get(name) ?? [];
    samples.push({
      at,
      filled: Math.max(queue.spans / queue.capacity_spans, queue.bytes / Math.max(1, queue.capacity_bytes)),
      held: queue.spans,
      spooled: books.spooled ?? 0,
      dropped: dropped(books),
    });
    const first = samples.findIndex((sample) => sample.at >= at - MINUTES);
    this.depth.set(name, samples.slice(Math.max(0, first)));
  }

  /** Units a second of what read(status) counts, over the last seconds; null until two moments are known. */
  rate(read) {
    const last = this.moments.at(-1);
    const first = this.#since(NOW);
    const seconds = last.status.life.seconds - first.status.life.seconds;
    return seconds < 0.5 ? null : Math.max(0, read(last.status) - read(first.status)) / seconds;
  }

  /** By how much it grew in the last minute; null where neither this page nor the life of the sidecar is as old. */
  grown(read) {
    return this.#young() || this.#watched() ? this.#seen(read) : null;
  }

  /** Spans that a destination dropped for a reason in the last minute: {count, exact}; where not exact, at most so many. */
  lately(name, account) {
    const seen = this.#seen((s) => s.ledger.destinations[name][account] ?? 0);
    if (this.#young() || this.#watched()) return { count: seen, exact: true };
    // The history has the sum of all reasons, and from before this page looked.
    const books = this.moments[0].status.ledger.destinations[name];
    const before = this.depth.get(name).findLast((sample) => sample.at <= this.moments.at(-1).at - MINUTE);
    const unseen = Math.max(0, dropped(books) - (before?.dropped ?? 0));
    const most = Math.min(books[account] ?? 0, unseen);
    const reasons = Object.keys(books).filter((one) => one.startsWith("dropped_") && books[one]);
    return { count: seen + most, exact: most === 0 || reasons.length === 1 };
  }

  /** Totals of a life begin at 0: in its first minute, all of it was in the last minute. */
  #young() {
    return this.moments.at(-1).status.life.seconds < MINUTE;
  }

  /** Whether the moments are of a whole minute, but for the second that is running. */
  #watched() {
    return this.moments.at(-1).status.life.seconds - this.moments[0].status.life.seconds >= MINUTE - 2;
  }

  #seen(read) {
    return Math.max(0, read(this.moments.at(-1).status) - (this.#young() ? 0 : read(this.moments[0].status)));
  }

  /** The bound below which this share of a histogram's last minute lies; null without any, Infinity above all. */
  quantile(read, share) {
    const last = this.moments.at(-1);
    const now = read(last.status);
    const then = read(this.moments[0].status);
    const counts = now.map((count, i) => count - then[i]);
    const wanted = share * counts.reduce((all, count) => all + count, 0);
    if (wanted <= 0) return null;
    let seen = 0;
    const at = counts.findIndex((count) => (seen += count) >= wanted && seen > 0);
    return last.status.life.duration_bounds[at] ?? Infinity;
  }

  /** When a span was dropped last in the last ten minutes, at any destination; null where none was. */
  lastDrop() {
    const times = [...this.depth.values()].flatMap((samples) => drops(samples));
    return times.length ? Math.max(...times) : null;
  }

  #since(seconds) {
    const end = this.moments.at(-1).status.life.seconds;
    return this.moments.find((moment) => moment.status.life.seconds >= end - seconds - 0.5);
  }
}

/** Spans of a destination's books that were dropped, for whatever reason. */
export function dropped(books) {
  return Object.entries(books).reduce((all, [name, count]) => (name.startsWith("dropped_") ? all + count : all), 0);
}

/** The times of those samples at which more had been dropped than at the one before. */
export function drops(samples) {
  const before = (i) => (samples[i].first ? 0 : i > 0 ? samples[i - 1].dropped : samples[i].dropped);
  return samples.filter((sample, i) => sample.dropped > before(i)).map((sample) => sample.at);
}

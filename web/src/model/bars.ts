// The bars of one chart: the newest form of each, by start.

import type { Bar, Gap } from "./types.js";

export type Change =
  | { readonly kind: "nothing" }
  /** Only the newest bar changed, or newer ones came. */
  | { readonly kind: "tail"; readonly bars: readonly Bar[] }
  /** Something before the newest bar changed: draw all. */
  | { readonly kind: "all" };

export class BarSeries {
  private byStart = new Map<number, Bar>();
  private sorted: Bar[] = [];
  private dirty = false;

  /** Keeps the newest `limit` bars once it holds a tenth more. */
  constructor(private readonly limit: number) {}

  clear(): void {
    this.byStart.clear();
    this.sorted = [];
    this.dirty = false;
  }

  /** Bars replace those with the same start; order of arrival does not matter. */
  upsert(bars: readonly Bar[]): Change {
    if (bars.length === 0) return { kind: "nothing" };
    const newest = this.newest()?.start_ms ?? Number.NEGATIVE_INFINITY;
    let tail = true;
    for (const bar of bars) {
      if (bar.start_ms < newest) tail = false;
      this.byStart.set(bar.start_ms, bar);
    }
    this.dirty = true;
    this.trim();
    if (!tail || newest === Number.NEGATIVE_INFINITY) return { kind: "all" };
    return { kind: "tail", bars: [...bars].sort((a, b) => a.start_ms - b.start_ms) };
  }

  all(): readonly Bar[] {
    if (this.dirty) {
      this.sorted = [...this.byStart.values()].sort((a, b) => a.start_ms - b.start_ms);
      this.dirty = false;
    }
    return this.sorted;
  }

  newest(): Bar | undefined {
    return this.all().at(-1);
  }

  oldest(): Bar | undefined {
    return this.all()[0];
  }

  at(startMs: number): Bar | undefined {
    return this.byStart.get(startMs);
  }

  private trim(): void {
    if (this.byStart.size <= this.limit * 1.1) return;
    for (const bar of this.all().slice(0, this.byStart.size - this.limit)) this.byStart.delete(bar.start_ms);
    this.dirty = true;
  }
}

/** Empty windows inside gaps that deserve a place on the time axis, so that an interruption is as
 * wide as it was long; at most `most` of each gap (both its ends are kept). */
export function windowsInGaps(
  bars: readonly Bar[],
  gaps: readonly Gap[],
  intervalMs: number,
  most: number,
): number[] {
  const first = bars[0];
  const last = bars.at(-1);
  if (!first || !last) return [];
  const have = new Set(bars.map((bar) => bar.start_ms as number));
  const starts = new Set<number>();
  for (const gap of gaps) {
    const from = Math.max(Math.floor(gap.from_ms / intervalMs) * intervalMs, first.start_ms);
    const to = Math.min(gap.to_ms, last.start_ms);
    const windows = Math.ceil((to - from) / intervalMs);
    for (let i = 0; i < windows; ++i) {
      if (windows > most && i > most / 2 && i < windows - most / 2) continue;
      const start = from + i * intervalMs;
      if (!have.has(start)) starts.add(start);
    }
  }
  return [...starts].sort((a, b) => a - b);
}

/** Change of the newest close against the first open, in per cent. */
export function change(first: Bar | undefined, last: Bar | undefined): number | null {
  if (!first?.open || !last?.close) return null;
  const from = Number(first.open);
  return from > 0 ? (Number(last.close) / from - 1) * 100 : null;
}

/** Gaps of one cause that touch are one interruption to people (its ends are known one by one). */
export function joinGaps(gaps: readonly Gap[]): readonly Gap[] {
  const joined: Gap[] = [];
  for (const gap of [...gaps].sort((a, b) => a.from_ms - b.from_ms || a.to_ms - b.to_ms)) {
    const last = joined.at(-1);
    if (last && last.cause === gap.cause && last.symbol === gap.symbol && gap.from_ms <= last.to_ms)
      joined[joined.length - 1] = { ...last, to_ms: Math.max(last.to_ms, gap.to_ms) };
    else joined.push(gap);
  }
  return joined;
}

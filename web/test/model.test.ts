import assert from "node:assert/strict";
import { test } from "node:test";

import { BarSeries, change, joinGaps, windowsInGaps } from "../src/model/bars.js";
import { conditionsInWords } from "../src/model/conditions.js";
import { bytes, clock, decimals, duration, grouped, percent, shortened } from "../src/model/format.js";
import type { Bar, Decimal, EventTimeMs } from "../src/model/types.js";
import { formatView, parseView } from "../src/model/view.js";

const d = (text: string) => text as Decimal;

function bar(start: number, close = "2"): Bar {
  return {
    symbol: "A",
    interval: "1s",
    start_ms: start as EventTimeMs,
    end_ms: (start + 1000) as EventTimeMs,
    priced_by: "trades",
    open: d("1"),
    high: d(close),
    low: d("1"),
    close: d(close),
    volume: d("1"),
    notional: d("1"),
    vwap: d("1"),
    trade_count: 1,
    price_update_count: 0,
    coverage: { kind: "assumed", ms: 1000 },
    gap: false,
    revision: 0,
    final: false,
  };
}

test("decimals keep every digit and get a real minus sign", () => {
  assert.equal(grouped(d("61828.02"), 4), "61,828.0200");
  assert.equal(grouped(d("-1234567.123456789012345678")), "−1,234,567.123456789012345678");
  assert.equal(grouped(null), "–");
  assert.equal(decimals("0.00012"), 5);
  assert.equal(shortened(d("12345.67899")), "12,345.67");
  assert.equal(shortened(d("0.00234")), "0.00234");
  assert.equal(shortened(d("5")), "5");
});

test("small numbers read well", () => {
  assert.equal(percent(-0.144), "−0.14 %");
  assert.equal(percent(-0.001), "+0.00 %");
  assert.equal(percent(null), "–");
  assert.equal(bytes(1536), "1.5 KiB");
  assert.equal(duration(14_000), "14 s");
  assert.equal(duration(200_000), "3 min 20 s");
  assert.equal(clock(1_533_772_455_342, "utc", true), "23:54:15.342");
});

test("a series tells whether only its tail changed", () => {
  const series = new BarSeries(100);
  assert.equal(series.upsert([bar(1000), bar(2000)]).kind, "all");
  assert.equal(series.upsert([bar(2000, "3")]).kind, "tail");
  assert.equal(series.upsert([bar(3000)]).kind, "tail");
  assert.equal(series.upsert([bar(1000, "9")]).kind, "all");
  assert.equal(series.upsert([]).kind, "nothing");
  assert.deepEqual(
    series.all().map((b) => [b.start_ms, b.close]),
    [
      [1000, "9"],
      [2000, "3"],
      [3000, "2"],
    ],
  );
});

test("a series stays within its limit and loses the oldest", () => {
  const series = new BarSeries(10);
  for (let i = 0; i < 50; ++i) series.upsert([bar(i * 1000)]);
  assert.ok(series.all().length <= 11);
  assert.equal(series.newest()?.start_ms, 49_000);
});

test("windows of a gap get a place, long gaps only at their ends", () => {
  const bars = [bar(0), bar(10_000)];
  const gap = { source: "x", symbol: null, from_ms: 2_500, to_ms: 5_500, cause: "crash" };
  assert.deepEqual(windowsInGaps(bars, [gap], 1000, 100), [2000, 3000, 4000, 5000]);
  const long = { ...gap, from_ms: 0, to_ms: 10_000_000 };
  assert.ok(windowsInGaps([bar(0), bar(10_000_000)], [long], 1000, 20).length <= 22);
  assert.deepEqual(windowsInGaps([], [gap], 1000, 20), []);
});

test("gaps of one cause that touch are one", () => {
  const gap = (from_ms: number, to_ms: number, cause: string) => ({ source: "x", symbol: null, from_ms, to_ms, cause });
  assert.deepEqual(joinGaps([gap(50, 60, "crash"), gap(10, 50, "crash"), gap(60, 70, "frozen"), gap(80, 90, "frozen")]), [
    gap(10, 60, "crash"),
    gap(60, 70, "frozen"),
    gap(80, 90, "frozen"),
  ]);
});

test("change is in per cent of the first open", () => {
  assert.equal(change(bar(0), bar(1000, "1.5")), 50);
  assert.equal(change(undefined, bar(0)), null);
});

test("the view survives the address bar, and nonsense in it does not harm", () => {
  const view = { symbol: "IC MARKETS:1", interval: "5m" } as const;
  assert.deepEqual(parseView(formatView(view)), view);
  assert.deepEqual(parseView("#interval=7y"), { symbol: null, interval: "1s" });
});

test("conditions are words; unknown codes stay", () => {
  assert.equal(conditionsInWords(["1", "8", "24", "12"]), "intermarket sweep, extended hours, odd lot");
  assert.equal(conditionsInWords(["1"]), "regular");
  assert.equal(conditionsInWords(["tape:X"]), "tape:X");
});

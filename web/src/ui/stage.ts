// The chart with its headline, legend and the facts of one bar.

import { fetchBars, fetchGaps } from "../api/client.js";
import type { Stream } from "../api/stream.js";
import { BarSeries, change, joinGaps, type Change } from "../model/bars.js";
import { clock, count, day, decimals, duration, grouped, percent, shortened, type Zone } from "../model/format.js";
import { kIntervalMs, type Bar, type Gap, type Interval } from "../model/types.js";
import { CandleChart } from "../render/chart.js";
import type { Palette } from "../render/palette.js";
import { byId, element, setFacts, setText, tint, type Fact } from "./dom.js";

const kBarsMax = 5_000;
const kPage = 1_000;
const kGapsMax = 200;

export class Stage {
  private readonly chart: CandleChart;
  private readonly series = new BarSeries(kBarsMax);
  private readonly pending: Bar[] = [];
  private symbol: string | null = null;
  private interval: Interval = "1s";
  private gaps: readonly Gap[] = [];
  private redraw: Change = { kind: "nothing" };
  private pointed: number | null = null;
  private chosen: number | null = null;
  private loadingOlder = false;
  private noOlder = false;
  private digits = 0;
  zone: Zone = "local";

  constructor(
    private readonly stream: Stream,
    palette: Palette,
  ) {
    this.chart = new CandleChart(byId("chart"), palette);
    this.chart.onPoint = (start) => {
      this.pointed = start;
      this.drawLegend();
    };
    this.chart.onClick = (start) => this.choose(start);
    this.chart.onNearBeginning(() => void this.loadOlder());
  }

  setPalette(palette: Palette): void {
    this.chart.setPalette(palette);
    this.redraw = { kind: "all" };
  }

  show(symbol: string, interval: Interval): void {
    if (symbol === this.symbol && interval === this.interval) return;
    if (this.symbol !== null)
      this.stream.unsubscribe({ channel: "bars", symbol: this.symbol, interval: this.interval });
    const other = symbol !== this.symbol;
    this.symbol = symbol;
    this.interval = interval;
    this.series.clear();
    this.pending.length = 0;
    this.noOlder = false;
    this.chosen = null;
    this.pointed = null;
    if (other) this.digits = 0;
    this.redraw = { kind: "all" };
    setText(byId("chart-symbol"), symbol);
    this.message(`Waiting for the first ${interval} bar of ${symbol}…`);
    this.drawFacts();
    this.stream.subscribe({ channel: "bars", symbol, interval });
    void this.loadGaps();
  }

  takeBars(symbol: string, interval: Interval, bars: readonly Bar[]): void {
    if (symbol === this.symbol && interval === this.interval) this.pending.push(...bars);
  }

  async loadGaps(): Promise<void> {
    const symbol = this.symbol;
    if (symbol === null) return;
    const gaps = await fetchGaps(symbol).catch(() => null);
    if (gaps === null || symbol !== this.symbol) return;
    const joined = joinGaps(gaps).slice(-kGapsMax);
    if (JSON.stringify(joined) !== JSON.stringify(this.gaps)) this.redraw = { kind: "all" };
    this.gaps = joined;
    this.drawGaps();
  }

  /** Once an animation frame. */
  draw(): void {
    if (this.pending.length > 0) {
      const change = this.series.upsert(this.pending.splice(0));
      if (this.redraw.kind !== "all") this.redraw = change;
    }
    if (this.redraw.kind === "nothing") return;
    const bars = this.series.all();
    const revised = this.redraw.kind === "tail" && this.redraw.bars.some((bar) => bar.revision > 0);
    this.chart.draw(bars, revised ? { kind: "all" } : this.redraw, this.gaps, this.interval);
    this.redraw = { kind: "nothing" };
    if (bars.length > 0) this.message(null);
    byId("chart").dataset["bars"] = String(bars.length);
    byId("chart").dataset["newest"] = `${bars.at(-1)?.start_ms ?? ""}:${bars.at(-1)?.trade_count ?? ""}:${bars.at(-1)?.close ?? ""}`;
    this.drawHeadline();
    this.drawLegend();
    if (this.chosen !== null) this.drawFacts();
  }

  walk(by: number): void {
    const bars = this.series.all();
    if (bars.length === 0) return;
    const at = bars.findIndex((bar) => bar.start_ms === this.chosen);
    const next = bars[at < 0 ? bars.length - 1 : Math.min(Math.max(at + by, 0), bars.length - 1)];
    this.choose(next?.start_ms ?? null);
  }

  /** The next bar (from the chosen one, then from the beginning) that misses something. */
  nextGap(): void {
    const bars = this.series.all();
    const touched = bars.filter((bar) => bar.gap);
    const next = touched.find((bar) => bar.start_ms > (this.chosen ?? -1)) ?? touched[0];
    if (next) this.choose(next.start_ms);
  }

  now(): void {
    this.choose(null);
    this.chart.scrollToNow();
  }

  private choose(startMs: number | null): void {
    this.chosen = startMs !== null && this.series.at(startMs) ? startMs : null;
    this.drawFacts();
    this.drawLegend();
  }

  private async loadOlder(): Promise<void> {
    const oldest = this.series.oldest();
    if (!oldest || this.loadingOlder || this.noOlder || this.symbol === null) return;
    this.loadingOlder = true;
    const { symbol, interval } = this;
    try {
      const span = kIntervalMs[interval] * kPage;
      const bars = await fetchBars(symbol, interval, { from: oldest.start_ms - span, to: oldest.start_ms, limit: kPage });
      if (symbol !== this.symbol || interval !== this.interval) return;
      this.noOlder = bars.length === 0;
      if (bars.length > 0) {
        this.series.upsert(bars);
        this.redraw = { kind: "all" };
      }
    } catch {
      this.noOlder = true;
    } finally {
      this.loadingOlder = false;
    }
  }

  private drawHeadline(): void {
    const newest = this.series.newest();
    if (!newest) return;
    if (newest.close) this.digits = Math.max(this.digits, decimals(newest.close));
    const last = byId("chart-last");
    if (setText(last, grouped(newest.close, this.digits))) tint(last);
    const moved = change(this.series.oldest(), newest);
    const node = byId("chart-change");
    setText(node, percent(moved));
    node.className = `number ${moved === null ? "" : moved < 0 ? "down" : "up"}`;
    node.title = "Against the first bar of the chart";
  }

  private drawLegend(): void {
    const bar = this.bar();
    const legend = byId("legend");
    if (!bar) {
      legend.replaceChildren();
      return;
    }
    const entries: [string, string][] = [
      ["", this.start(bar)],
      ["O", grouped(bar.open, this.digits)],
      ["H", grouped(bar.high, this.digits)],
      ["L", grouped(bar.low, this.digits)],
      ["C", grouped(bar.close, this.digits)],
      ["V", shortened(bar.volume)],
      ["VWAP", grouped(cut(bar.vwap, this.digits + 2) as Bar["vwap"])],
      ["n", count(bar.trade_count + bar.price_update_count)],
    ];
    legend.replaceChildren(
      ...entries.map(([name, value]) =>
        element("div", {}, element("dt", { text: name }), element("dd", { text: value })),
      ),
    );
  }

  private drawFacts(): void {
    const bar = this.chosen === null ? undefined : this.series.at(this.chosen);
    byId("bar-hint").hidden = bar !== undefined;
    const list = byId("bar");
    list.hidden = bar === undefined;
    if (!bar) return;
    const window = bar.end_ms - bar.start_ms;
    const coverage =
      bar.coverage.ms === null
        ? "unknown (recording)"
        : `${count(bar.coverage.ms)} of ${count(window)} ms, ${bar.coverage.kind}`;
    const facts: Fact[] = [
      { name: "Window", value: `${clock(bar.start_ms, this.zone, false)} – ${clock(bar.end_ms, this.zone, false)} ${this.zone === "utc" ? "UTC" : ""}` },
      { name: "State", value: bar.final ? (bar.revision > 0 ? `final, revised ${bar.revision}×` : "final") : "open" },
      { name: "Open", value: grouped(bar.open, this.digits) },
      { name: "High", value: grouped(bar.high, this.digits) },
      { name: "Low", value: grouped(bar.low, this.digits) },
      { name: "Close", value: grouped(bar.close, this.digits) },
      { name: "Volume", value: grouped(bar.volume) },
      { name: "Notional", value: grouped(bar.notional) },
      { name: "VWAP", value: grouped(bar.vwap) },
      { name: "Trades", value: count(bar.trade_count) },
      { name: "Price updates", value: count(bar.price_update_count) },
      { name: "Priced by", value: bar.priced_by },
      { name: "Coverage", value: coverage },
      bar.gap ? { name: "Gap", value: "data is missing in this window", class: "warn" } : { name: "Gap", value: "none" },
    ];
    setFacts(list, facts);
  }

  private drawGaps(): void {
    const list = byId("gaps");
    const newest = [...this.gaps].reverse().slice(0, 50);
    list.replaceChildren(
      ...newest.map((gap) =>
        element(
          "li",
          { title: `${new Date(gap.from_ms).toISOString()} to ${new Date(gap.to_ms).toISOString()}` },
          element("span", { text: `${day(gap.from_ms, this.zone)} ${clock(gap.from_ms, this.zone, false)}` }),
          element("span", { text: duration(gap.to_ms - gap.from_ms) }),
          element("span", { class: "quiet", text: gap.cause }),
        ),
      ),
    );
    if (newest.length === 0) list.append(element("li", { class: "quiet", text: "None known for this symbol." }));
    const since = Date.now() - 86_400_000;
    const today = this.gaps.filter((gap) => gap.to_ms > since);
    const total = today.reduce((sum, gap) => sum + gap.to_ms - Math.max(gap.from_ms, since), 0);
    setText(byId("strip-gaps"), today.length === 0 ? "no gaps in 24 h" : `gaps in 24 h: ${today.length} (${duration(total)})`);
  }

  /** The day where bars are long, else the time. */
  private start(bar: Bar): string {
    const time = clock(bar.start_ms, this.zone, false);
    return kIntervalMs[this.interval] >= kIntervalMs["1h"] ? `${day(bar.start_ms, this.zone)} ${time}` : time;
  }

  private bar(): Bar | undefined {
    const start = this.pointed ?? this.chosen;
    return (start === null ? undefined : this.series.at(start)) ?? this.series.newest();
  }

  private message(text: string | null): void {
    const node = byId("chart-message");
    node.hidden = text === null;
    if (text !== null) setText(node, text);
  }
}

/** VWAP has 18 digits; the legend shows a few, the facts all. */
function cut(text: string | null, digits: number): string | null {
  if (text === null) return null;
  const point = text.indexOf(".");
  return point < 0 ? text : text.slice(0, point + 1 + digits);
}

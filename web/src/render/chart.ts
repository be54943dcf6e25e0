// The candle chart: bars, volume, VWAP, gaps and revisions on a canvas. Knows no network.

import {
  CandlestickSeries,
  ColorType,
  createChart,
  createSeriesMarkers,
  CrosshairMode,
  HistogramSeries,
  LineSeries,
  type CandlestickData,
  type IChartApi,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  type ISeriesPrimitive,
  type LineData,
  type IPrimitivePaneRenderer,
  type IPrimitivePaneView,
  type SeriesAttachedParameter,
  type Time,
  type UTCTimestamp,
  type WhitespaceData,
} from "lightweight-charts";

import { windowsInGaps, type Change } from "../model/bars.js";
import { decimals } from "../model/format.js";
import { kIntervalMs, type Bar, type Gap, type Interval } from "../model/types.js";
import type { Palette } from "./palette.js";

const kGapWindowsMax = 120;

function seconds(ms: number): UTCTimestamp {
  return (ms / 1000) as UTCTimestamp;
}

/** Hatches the times of gaps over the whole height of the chart. */
class GapHatching implements ISeriesPrimitive<Time> {
  private chart: IChartApi | null = null;
  private spans: readonly { from: number; to: number }[] = [];
  color = "#888";

  /** Called after each painting with how many spans were hatched, those in view. */
  onPainted: (spans: number) => void = () => {};

  attached(param: SeriesAttachedParameter<Time>): void {
    this.chart = param.chart as unknown as IChartApi;
  }

  detached(): void {
    this.chart = null;
  }

  /** Starts of the first and the last bar window that a gap touches, in seconds. */
  show(spans: readonly { from: number; to: number }[]): void {
    this.spans = spans;
  }

  paneViews(): readonly IPrimitivePaneView[] {
    const renderer: IPrimitivePaneRenderer = { draw: () => {}, drawBackground: (target) => this.draw(target) };
    return [{ zOrder: () => "bottom", renderer: () => renderer }];
  }

  private draw(target: Parameters<NonNullable<IPrimitivePaneRenderer["drawBackground"]>>[0]): void {
    const chart = this.chart;
    if (!chart) return;
    const scale = chart.timeScale();
    const half = scale.options().barSpacing / 2;
    let painted = 0;
    target.useMediaCoordinateSpace(({ context, mediaSize }) => {
      context.save();
      context.strokeStyle = this.color;
      context.lineWidth = 1;
      for (const span of this.spans) {
        const left = scale.timeToCoordinate(span.from as UTCTimestamp);
        const right = scale.timeToCoordinate(span.to as UTCTimestamp);
        if (left === null || right === null) continue;
        const from = Math.max(left - half, 0);
        const to = Math.min(right + half, mediaSize.width);
        if (to <= from) continue;
        context.beginPath();
        context.rect(from, 0, to - from, mediaSize.height);
        context.save();
        context.clip();
        context.beginPath();
        for (let x = from - mediaSize.height; x < to; x += 7) {
          context.moveTo(x, mediaSize.height);
          context.lineTo(x + mediaSize.height, 0);
        }
        context.stroke();
        context.restore();
        ++painted;
      }
      context.restore();
    });
    this.onPainted(painted);
  }
}

export class CandleChart {
  private readonly chart: IChartApi;
  private readonly candles: ISeriesApi<"Candlestick">;
  private readonly volumes: ISeriesApi<"Histogram">;
  private readonly vwap: ISeriesApi<"Line">;
  private readonly markers: ISeriesMarkersPluginApi<Time>;
  private readonly hatching = new GapHatching();
  private palette: Palette;
  private interval: Interval = "1s";
  private precision = -1;
  /** Starts of the bars that are drawn faint. */
  private readonly faint = new Set<number>();

  /** Called with the start of the bar below the pointer, or null. */
  onPoint: (startMs: number | null) => void = () => {};
  onClick: (startMs: number | null) => void = () => {};

  /** Says on `container` what is marked: data-gap-bars drawn faint, data-gap-spans hatched in view. */
  constructor(
    private readonly container: HTMLElement,
    palette: Palette,
  ) {
    this.palette = palette;
    this.chart = createChart(container, {
      autoSize: true,
      layout: { attributionLogo: true, panes: { enableResize: false } },
      crosshair: { mode: CrosshairMode.Normal },
      timeScale: { timeVisible: true, secondsVisible: true, rightOffset: 4, barSpacing: 9, shiftVisibleRangeOnNewBar: true },
      localization: { locale: "en-GB" },
    });
    this.candles = this.chart.addSeries(CandlestickSeries, { priceLineVisible: true });
    this.vwap = this.chart.addSeries(LineSeries, {
      lineWidth: 1,
      priceLineVisible: false,
      lastValueVisible: false,
      crosshairMarkerVisible: false,
    });
    this.volumes = this.chart.addSeries(
      HistogramSeries,
      { priceFormat: { type: "volume" }, priceLineVisible: false, lastValueVisible: false },
      1,
    );
    this.chart.panes()[1]?.setStretchFactor(0.22);
    this.chart.panes()[0]?.setStretchFactor(0.78);
    this.hatching.onPainted = (spans) => (container.dataset["gapSpans"] = String(spans));
    this.candles.attachPrimitive(this.hatching);
    this.markers = createSeriesMarkers(this.candles, []);
    this.chart.subscribeCrosshairMove((event) => {
      this.onPoint(event.time === undefined ? null : (event.time as number) * 1000);
    });
    this.chart.subscribeClick((event) => {
      this.onClick(event.time === undefined ? null : (event.time as number) * 1000);
    });
    this.setPalette(palette);
  }

  setPalette(palette: Palette): void {
    this.palette = palette;
    this.hatching.color = palette.hatch;
    this.chart.applyOptions({
      layout: {
        background: { type: ColorType.Solid, color: palette.surface },
        textColor: palette.muted,
        fontSize: 11,
        panes: { separatorColor: palette.line },
      },
      grid: { vertLines: { color: palette.grid }, horzLines: { color: palette.grid } },
      rightPriceScale: { borderColor: palette.line },
      timeScale: { borderColor: palette.line },
    });
    this.vwap.applyOptions({ color: palette.accent });
  }

  /** Draws `bars` after `change`; all of them when the interval is another or gaps changed. */
  draw(bars: readonly Bar[], change: Change, gaps: readonly Gap[], interval: Interval): void {
    this.drawSeries(bars, change, gaps, interval);
    this.container.dataset["gapBars"] = String(this.faint.size);
  }

  scrollToNow(): void {
    this.chart.timeScale().scrollToRealTime();
  }

  /** Called when the left edge comes near the oldest bar. */
  onNearBeginning(handler: () => void): void {
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range && range.from < 10) handler();
    });
  }

  private drawSeries(bars: readonly Bar[], change: Change, gaps: readonly Gap[], interval: Interval): void {
    if (interval !== this.interval) {
      this.interval = interval;
      this.chart.timeScale().applyOptions({ secondsVisible: kIntervalMs[interval] < 60_000 });
    }
    this.adjustPrecision(bars);
    if (change.kind === "tail") {
      for (const bar of change.bars) {
        this.candles.update(this.candle(bar));
        this.volumes.update(this.volume(bar));
        if (bar.vwap !== null) this.vwap.update({ time: seconds(bar.start_ms), value: Number(bar.vwap) });
      }
      return;
    }
    this.faint.clear();
    const ms = kIntervalMs[interval];
    const empty: WhitespaceData<Time>[] = windowsInGaps(bars, gaps, ms, kGapWindowsMax).map((start) => ({
      time: seconds(start),
    }));
    const data = [...bars.map((bar) => this.candle(bar)), ...empty].sort(
      (a, b) => (a.time as number) - (b.time as number),
    );
    this.candles.setData(data);
    this.volumes.setData(bars.map((bar) => this.volume(bar)));
    this.vwap.setData(this.vwapLine(bars, gaps));
    this.markers.setMarkers(
      bars
        .filter((bar) => bar.revision > 0)
        .slice(-200)
        .map((bar) => ({
          time: seconds(bar.start_ms),
          position: "aboveBar" as const,
          shape: "circle" as const,
          size: 0.4,
          color: this.palette.accent,
        })),
    );
    this.showGaps(data, gaps, ms);
  }

  /** The line of VWAP, not drawn from the last bar before a gap: nothing is known between. */
  private vwapLine(bars: readonly Bar[], gaps: readonly Gap[]): LineData<Time>[] {
    const line: LineData<Time>[] = [];
    let before = Number.NEGATIVE_INFINITY;
    for (const bar of bars) {
      if (bar.vwap === null) continue;
      const behind = before + kIntervalMs[this.interval];
      const broken = gaps.some((gap) => gap.from_ms < bar.start_ms && gap.to_ms > behind);
      const last = line.at(-1);
      // A point's colour is that of the line from it to the next.
      if (last && broken && bar.start_ms > behind) line[line.length - 1] = { ...last, color: "transparent" };
      line.push({ time: seconds(bar.start_ms), value: Number(bar.vwap) });
      before = bar.start_ms;
    }
    return line;
  }

  private showGaps(data: readonly { time: Time }[], gaps: readonly Gap[], ms: number): void {
    const times = data.map((item) => item.time as number);
    const spans = [];
    for (const gap of gaps) {
      const inside = times.filter((t) => t * 1000 + ms > gap.from_ms && t * 1000 < gap.to_ms);
      const from = inside[0];
      const to = inside.at(-1);
      if (from !== undefined && to !== undefined) spans.push({ from, to });
    }
    this.hatching.show(spans);
  }

  private adjustPrecision(bars: readonly Bar[]): void {
    const texts = bars.slice(-50).flatMap((bar) => [bar.open, bar.high, bar.low, bar.close]);
    const precision = Math.min(10, Math.max(2, ...texts.map((text) => (text === null ? 0 : decimals(text)))));
    if (precision === this.precision) return;
    this.precision = precision;
    const priceFormat = { type: "price" as const, precision, minMove: 10 ** -precision };
    this.candles.applyOptions({ priceFormat });
    this.vwap.applyOptions({ priceFormat });
  }

  private candle(bar: Bar): CandlestickData<Time> | WhitespaceData<Time> {
    const time = seconds(bar.start_ms);
    if (bar.open === null || bar.high === null || bar.low === null || bar.close === null) return { time };
    const up = Number(bar.close) >= Number(bar.open);
    const strong = up ? this.palette.up : this.palette.down;
    const faint = up ? this.palette.upFaint : this.palette.downFaint;
    const edge = bar.gap ? faint : strong;
    if (edge === faint) this.faint.add(bar.start_ms);
    else this.faint.delete(bar.start_ms);
    return {
      time,
      open: Number(bar.open),
      high: Number(bar.high),
      low: Number(bar.low),
      close: Number(bar.close),
      // A bar that is not final is hollow; one that misses data is faint.
      color: bar.final ? edge : this.palette.surface,
      borderColor: edge,
      wickColor: edge,
    };
  }

  private volume(bar: Bar): { time: Time; value: number; color: string } {
    const up = bar.open === null || bar.close === null || Number(bar.close) >= Number(bar.open);
    return {
      time: seconds(bar.start_ms),
      value: Number(bar.volume ?? 0),
      color: up ? this.palette.upFaint : this.palette.downFaint,
    };
  }
}

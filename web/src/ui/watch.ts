// The watch list: one row a symbol, last price, change over the bars held, course, staleness.

import { addSymbol, ApiError, fetchSymbols, removeSymbol, searchSymbols, type SymbolInfo } from "../api/client.js";
import type { Stream } from "../api/stream.js";
import { BarSeries, change } from "../model/bars.js";
import { decimals, duration, grouped, percent } from "../model/format.js";
import type { Bar } from "../model/types.js";
import { drawSpark } from "../render/spark.js";
import type { Palette } from "../render/palette.js";
import { byId, element, setText, tint } from "./dom.js";

const kStaleMs = 30_000;
const kSparkBars = 60;
const kSparkBarsFew = 10;
const kSearchDelayMs = 250;

interface Row {
  info: SymbolInfo;
  readonly bars: BarSeries;
  newestMs: number;
  digits: number;
  changed: boolean;
  /** Closes as they were seen, for as long as there are few bars. */
  readonly seen: number[];
  readonly node: HTMLTableRowElement;
  readonly last: HTMLElement;
  readonly moved: HTMLElement;
  readonly age: HTMLElement;
  readonly spark: HTMLCanvasElement;
}

function sentence(error: unknown): string {
  return error instanceof ApiError ? error.message : String(error);
}

export class WatchList {
  private readonly rows = new Map<string, Row>();
  private readonly body = byId<HTMLTableSectionElement>("watch-rows");
  private selected: string | null = null;
  private searchTimer = 0;

  onSelect: (symbol: string) => void = () => {};

  constructor(
    private readonly stream: Stream,
    private palette: Palette,
    private readonly now: () => number,
  ) {
    const form = byId<HTMLFormElement>("add");
    const input = byId<HTMLInputElement>("add-input");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (input.value.trim()) void this.add(input.value.trim());
    });
    input.addEventListener("input", () => {
      clearTimeout(this.searchTimer);
      this.searchTimer = setTimeout(() => void this.search(input.value.trim()), kSearchDelayMs);
    });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        this.hideResults();
        input.blur();
      } else if (event.key === "ArrowDown") {
        byId("add-results").querySelector("button")?.focus();
        event.preventDefault();
      }
    });
  }

  symbols(): readonly string[] {
    return [...this.rows.keys()];
  }

  setPalette(palette: Palette): void {
    this.palette = palette;
    for (const row of this.rows.values()) row.changed = true;
  }

  async refresh(): Promise<void> {
    const infos = await fetchSymbols();
    const wanted = infos.filter((info) => info.state !== "unsubscribed");
    for (const info of wanted) {
      const row = this.rows.get(info.symbol);
      if (row) row.info = info;
      else this.insert(info);
    }
    for (const symbol of [...this.rows.keys()])
      if (!wanted.some((info) => info.symbol === symbol)) this.drop(symbol);
    byId("watch-empty").hidden = this.rows.size > 0;
  }

  select(symbol: string): void {
    this.selected = symbol;
    for (const [name, row] of this.rows) row.node.setAttribute("aria-selected", String(name === symbol));
    this.rows.get(symbol)?.node.scrollIntoView({ block: "nearest" });
  }

  step(by: number): void {
    const names = this.symbols();
    if (names.length === 0) return;
    const at = this.selected === null ? -1 : names.indexOf(this.selected);
    const next = names[(at + by + names.length) % names.length];
    if (next !== undefined) this.onSelect(next);
  }

  /** `live`: the bars have just changed, so that a trade has just come. */
  takeBars(symbol: string, bars: readonly Bar[], live: boolean): void {
    const row = this.rows.get(symbol);
    if (!row) return;
    row.bars.upsert(bars);
    row.changed = true;
    const newest = row.bars.newest();
    if (newest) row.newestMs = Math.max(row.newestMs, Math.min(newest.end_ms, this.now()));
    if (live && bars.some((bar) => !bar.final)) row.newestMs = this.now();
  }

  /** Once an animation frame. */
  draw(): void {
    const now = this.now();
    for (const row of this.rows.values()) {
      if (row.changed) this.drawRow(row);
      this.drawAge(row, now);
    }
  }

  private drawRow(row: Row): void {
    row.changed = false;
    const newest = row.bars.newest();
    if (newest?.close) {
      row.digits = Math.max(row.digits, decimals(newest.close));
      if (setText(row.last, grouped(newest.close, row.digits))) {
        tint(row.last);
        row.seen.push(Number(newest.close));
        if (row.seen.length > kSparkBars) row.seen.shift();
      }
    }
    const moved = change(row.bars.oldest(), newest);
    setText(row.moved, percent(moved));
    row.moved.className = `number ${moved === null ? "" : moved < 0 ? "down" : "up"}`;
    const closes = row.bars
      .all()
      .slice(-kSparkBars)
      .flatMap((bar) => (bar.close === null ? [] : [Number(bar.close)]));
    drawSpark(row.spark, closes.length > kSparkBarsFew ? closes : row.seen, this.palette.muted);
  }

  private drawAge(row: Row, now: number): void {
    const { state, detail } = row.info;
    if (state === "refused") {
      setText(row.age, `refused: ${detail || "no reason given"}`);
      row.age.className = "age refused";
      return;
    }
    const age = row.newestMs > 0 ? now - row.newestMs : -1;
    const stale = age > kStaleMs;
    const venue = row.info.venue_class === "stock" ? "stock, not consolidated" : row.info.venue_class;
    setText(row.age, age < 0 ? "no trade yet" : stale ? `○ stale ${duration(age)}` : venue);
    row.age.className = stale ? "age stale" : "age";
  }

  private insert(info: SymbolInfo): void {
    const pick = element("button", { text: info.symbol, title: info.symbol });
    pick.type = "button";
    const age = element("span", { class: "age" });
    const remove = element("button", { class: "remove", text: "✕", title: `Remove ${info.symbol}` });
    remove.type = "button";
    remove.setAttribute("aria-label", `Remove ${info.symbol}`);
    const last = element("td", { class: "number", text: "–" });
    const moved = element("td", { class: "number", text: "–" });
    const spark = element("canvas");
    spark.setAttribute("aria-hidden", "true");
    const node = element(
      "tr",
      {},
      element("td", { class: "name" }, pick, age),
      last,
      moved,
      element("td", { class: "course" }, spark),
      element("td", { class: "actions" }, remove),
    );
    node.dataset["symbol"] = info.symbol;
    node.addEventListener("click", () => this.onSelect(info.symbol));
    remove.addEventListener("click", (event) => {
      event.stopPropagation();
      void this.remove(info.symbol);
    });
    this.rows.set(info.symbol, { info, bars: new BarSeries(120), newestMs: 0, digits: 0, changed: true, seen: [], node, last, moved, age, spark });
    this.body.append(node);
    node.setAttribute("aria-selected", String(info.symbol === this.selected));
    this.stream.subscribe({ channel: "bars", symbol: info.symbol, interval: "1m" });
    if (this.selected === null) this.onSelect(info.symbol);
  }

  private drop(symbol: string): void {
    this.rows.get(symbol)?.node.remove();
    this.rows.delete(symbol);
    this.stream.unsubscribe({ channel: "bars", symbol, interval: "1m" });
  }

  private async add(symbol: string): Promise<void> {
    try {
      await addSymbol(symbol);
      byId<HTMLInputElement>("add-input").value = "";
      this.message(null);
      this.hideResults();
      await this.refresh();
      this.onSelect(symbol);
    } catch (error) {
      this.message(sentence(error));
    }
  }

  private async remove(symbol: string): Promise<void> {
    try {
      await removeSymbol(symbol);
      await this.refresh();
    } catch (error) {
      this.message(sentence(error));
    }
  }

  private async search(text: string): Promise<void> {
    const list = byId<HTMLUListElement>("add-results");
    if (!text) {
      this.hideResults();
      return;
    }
    const held = this.symbols().filter((symbol) => symbol.toLowerCase().includes(text.toLowerCase()));
    let hits: readonly { symbol: string; description: string }[] = [];
    try {
      hits = await searchSymbols(text);
      this.message(null);
    } catch (error) {
      this.message(sentence(error));
    }
    const entries = [
      ...held.map((symbol) => ({ symbol, description: "in the watch list", held: true })),
      ...hits.filter((hit) => !this.rows.has(hit.symbol)).map((hit) => ({ ...hit, held: false })),
    ].slice(0, 20);
    list.replaceChildren(
      ...entries.map((entry) => {
        const button = element(
          "button",
          {},
          element("strong", { text: entry.symbol }),
          element("span", { class: "quiet", text: entry.description }),
        );
        button.type = "button";
        button.addEventListener("click", () => {
          if (!entry.held) return void this.add(entry.symbol);
          this.hideResults();
          byId<HTMLInputElement>("add-input").value = "";
          this.onSelect(entry.symbol);
        });
        return element("li", {}, button);
      }),
    );
    if (entries.length === 0)
      list.replaceChildren(
        element("li", { class: "message", text: `Nothing found for “${text}”. Enter tries to subscribe it as it is.` }),
      );
    list.hidden = false;
  }

  private hideResults(): void {
    byId("add-results").hidden = true;
  }

  private message(text: string | null): void {
    const node = byId("add-message");
    node.hidden = text === null;
    node.textContent = text ?? "";
  }
}

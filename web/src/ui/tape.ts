// The newest trades of the chosen symbol, newest first.

import { fetchTrades } from "../api/client.js";
import type { Stream } from "../api/stream.js";
import { conditionsInWords } from "../model/conditions.js";
import { clock, decimals, grouped, shortened, type Zone } from "../model/format.js";
import type { Trade } from "../model/types.js";
import { byId, element } from "./dom.js";

const kRows = 60;

export class Tape {
  private symbol: string | null = null;
  private trades: Trade[] = [];
  private changed = false;
  private digits = 0;
  zone: Zone = "local";

  constructor(private readonly stream: Stream) {}

  show(symbol: string): void {
    if (symbol === this.symbol) return;
    if (this.symbol !== null) this.stream.unsubscribe({ channel: "trades", symbol: this.symbol });
    this.symbol = symbol;
    this.trades = [];
    this.digits = 0;
    this.changed = true;
    this.stream.subscribe({ channel: "trades", symbol });
    fetchTrades(symbol, kRows)
      .then((trades) => {
        if (symbol === this.symbol && this.trades.length === 0) this.take(symbol, trades);
      })
      .catch(() => {
        // The tape fills from the stream; the strip tells when the program is away.
      });
  }

  take(symbol: string, trades: readonly Trade[]): void {
    if (symbol !== this.symbol || trades.length === 0) return;
    this.trades = [...this.trades, ...trades].slice(-kRows);
    for (const trade of trades) this.digits = Math.max(this.digits, decimals(trade.price));
    this.changed = true;
  }

  /** Once an animation frame. */
  draw(): void {
    if (!this.changed) return;
    this.changed = false;
    byId("tape").replaceChildren(...this.rows());
  }

  private rows(): HTMLElement[] {
    const rows: HTMLElement[] = [];
    for (let i = this.trades.length - 1; i >= 0; --i) {
      const trade = this.trades[i];
      if (!trade) continue;
      const before = this.trades[i - 1];
      const moved = before ? Number(trade.price) - Number(before.price) : 0;
      const words = conditionsInWords(trade.conditions);
      rows.push(
        element(
          "tr",
          {},
          element("td", { class: "number", text: clock(trade.event_time_ms, this.zone, true) }),
          element("td", {
            class: `number ${moved > 0 ? "up" : moved < 0 ? "down" : ""}`,
            text: `${moved > 0 ? "▲" : moved < 0 ? "▼" : ""} ${grouped(trade.price, this.digits)}`,
          }),
          element("td", { class: "number", text: trade.price_update ? "update" : shortened(trade.volume) }),
          element("td", { text: words, title: words }),
        ),
      );
    }
    return rows;
  }
}

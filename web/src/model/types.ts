// Values as the API sends them. Numbers that must stay exact (prices, volumes, sums) are decimal
// texts; they become floating point only to be drawn.

declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** A plain decimal text: "129.575", "-3.1". */
export type Decimal = Branded<string, "decimal">;
/** The venue's time in milliseconds since 1970, UTC. */
export type EventTimeMs = Branded<number, "event-time">;

export type Interval = "1s" | "5s" | "15s" | "1m" | "5m" | "15m" | "30m" | "1h" | "4h" | "1d";

export interface Bar {
  readonly symbol: string;
  readonly interval: Interval;
  readonly start_ms: EventTimeMs;
  readonly end_ms: EventTimeMs;
  readonly priced_by: "trades" | "updates" | "none";
  readonly open: Decimal | null;
  readonly high: Decimal | null;
  readonly low: Decimal | null;
  readonly close: Decimal | null;
  readonly volume: Decimal | null;
  readonly notional: Decimal | null;
  readonly vwap: Decimal | null;
  readonly trade_count: number;
  readonly price_update_count: number;
  readonly coverage: { readonly kind: "unknown" | "assumed" | "confirmed"; readonly ms: number | null };
  readonly gap: boolean;
  readonly revision: number;
  readonly final: boolean;
}

export interface Trade {
  readonly symbol: string;
  readonly price: Decimal;
  readonly volume: Decimal;
  readonly event_time_ms: EventTimeMs;
  readonly conditions: readonly string[];
  readonly id: { readonly source: string; readonly epoch: number; readonly sequence: number };
  readonly price_update: boolean;
}

export interface Gap {
  readonly source: string;
  readonly symbol: string | null;
  readonly from_ms: number;
  readonly to_ms: number;
  readonly cause: string;
}

export const kIntervalMs: Readonly<Record<Interval, number>> = {
  "1s": 1_000,
  "5s": 5_000,
  "15s": 15_000,
  "1m": 60_000,
  "5m": 300_000,
  "15m": 900_000,
  "30m": 1_800_000,
  "1h": 3_600_000,
  "4h": 14_400_000,
  "1d": 86_400_000,
};

export function isInterval(text: string): text is Interval {
  return Object.hasOwn(kIntervalMs, text);
}

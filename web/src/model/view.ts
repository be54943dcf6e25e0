// What the address bar holds: the whole view.

import { isInterval, type Interval } from "./types.js";

export interface View {
  readonly symbol: string | null;
  readonly interval: Interval;
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/** "#symbol=IC%20MARKETS%3A1&interval=5m"; what cannot be read falls back to the default. */
export function parseView(hash: string): View {
  const values = new Map<string, string>();
  for (const pair of hash.replace(/^#/, "").split("&")) {
    const [key = "", value = ""] = pair.split("=", 2);
    const text = decoded(value);
    if (text) values.set(key, text);
  }
  const interval = values.get("interval") ?? "";
  return { symbol: values.get("symbol") ?? null, interval: isInterval(interval) ? interval : "1s" };
}

export function formatView(view: View): string {
  const symbol = view.symbol === null ? "" : `symbol=${encodeURIComponent(view.symbol)}&`;
  return `#${symbol}interval=${view.interval}`;
}

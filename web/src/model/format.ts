// Numbers and times as people read them. Decimal texts are never rounded through floating point.

import type { Decimal } from "./types.js";

export const kNone = "–";

/** Digits behind the point of a decimal text. */
export function decimals(text: string): number {
  const point = text.indexOf(".");
  return point < 0 ? 0 : text.length - point - 1;
}

/** "61828.0200" with 2 decimals is "61,828.02"; missing digits are filled with zeros, so that a
 * column's last digits stay in place. A value with more digits keeps them all. */
export function grouped(text: Decimal | null, least = 0): string {
  if (text === null) return kNone;
  const negative = text.startsWith("-");
  const [whole = "0", fraction = ""] = (negative ? text.slice(1) : text).split(".");
  const digits = fraction.padEnd(least, "0");
  const grouping = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return (negative ? "−" : "") + grouping + (digits ? `.${digits}` : "");
}

/** Volumes in tables: at most four significant decimals, cut and not rounded up. */
export function shortened(text: Decimal | null): string {
  if (text === null) return kNone;
  const [whole = "0", fraction = ""] = text.split(".");
  const kept = whole.length > 3 ? fraction.slice(0, 2) : fraction.slice(0, 8);
  return grouped((kept ? `${whole}.${kept.replace(/0+$/, "")}` : whole).replace(/\.$/, "") as Decimal);
}

export function count(value: number | null | undefined): string {
  if (value === null || value === undefined) return kNone;
  return Math.round(value).toString().replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

export function percent(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return kNone;
  const text = Math.abs(value).toFixed(2);
  return `${value < 0 && text !== "0.00" ? "−" : "+"}${text} %`;
}

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return kNone;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let scaled = value;
  let unit = 0;
  while (scaled >= 1024 && unit < units.length - 1) {
    scaled /= 1024;
    unit += 1;
  }
  return `${scaled.toFixed(unit === 0 || scaled >= 100 ? 0 : 1)} ${units[unit]}`;
}

/** "14 s", "3 min 20 s", "2 h 5 min". */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms / 1000);
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export type Zone = "local" | "utc";

function two(n: number): string {
  return n.toString().padStart(2, "0");
}

/** "12:04:31.204". */
export function clock(ms: number, zone: Zone, milliseconds: boolean): string {
  const t = new Date(ms);
  const [h, m, s] =
    zone === "utc"
      ? [t.getUTCHours(), t.getUTCMinutes(), t.getUTCSeconds()]
      : [t.getHours(), t.getMinutes(), t.getSeconds()];
  const rest = milliseconds ? `.${t.getUTCMilliseconds().toString().padStart(3, "0")}` : "";
  return `${two(h)}:${two(m)}:${two(s)}${rest}`;
}

/** "2026-11-21". */
export function day(ms: number, zone: Zone): string {
  const t = new Date(ms);
  return zone === "utc"
    ? `${t.getUTCFullYear()}-${two(t.getUTCMonth() + 1)}-${two(t.getUTCDate())}`
    : `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`;
}

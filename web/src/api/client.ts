// Requests to the HTTP API of the program that served this page. Types follow openapi.yaml.

import type { Bar, Gap, Interval, Trade } from "../model/types.js";

/** RFC 9457. */
export interface Problem {
  readonly title: string;
  readonly detail?: string;
  readonly status: number;
}

export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail ?? problem.title);
  }
}

async function request(path: string, init?: RequestInit): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, init);
  } catch {
    throw new ApiError({ title: "Tapeline does not answer", status: 0 });
  }
  const body: unknown = response.status === 204 ? null : await response.json().catch(() => null);
  if (response.ok) return body;
  const problem = (body ?? { title: `HTTP ${response.status}`, status: response.status }) as Problem;
  throw new ApiError(problem);
}

function query(values: Record<string, string | number | undefined>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) params.set(name, String(value));
  return params.toString();
}

export interface SymbolInfo {
  readonly symbol: string;
  readonly venue_class: string;
  readonly state: string;
  readonly detail: string;
}

export interface SearchHit {
  readonly symbol: string;
  readonly description: string;
  readonly type: string;
}

export async function fetchSymbols(): Promise<readonly SymbolInfo[]> {
  return ((await request("/symbols")) as { symbols: SymbolInfo[] }).symbols;
}

export async function searchSymbols(text: string): Promise<readonly SearchHit[]> {
  return ((await request(`/symbols/search?${query({ q: text })}`)) as { results: SearchHit[] }).results;
}

export async function addSymbol(symbol: string): Promise<void> {
  await request("/symbols", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ symbol }),
  });
}

export async function removeSymbol(symbol: string): Promise<void> {
  await request(`/symbols/${encodeURIComponent(symbol)}`, { method: "DELETE" });
}

export async function fetchBars(
  symbol: string,
  interval: Interval,
  range: { from?: number; to?: number; limit: number },
): Promise<readonly Bar[]> {
  return ((await request(`/bars?${query({ symbol, interval, ...range })}`)) as { bars: Bar[] }).bars;
}

export async function fetchTrades(symbol: string, limit: number): Promise<readonly Trade[]> {
  return ((await request(`/trades?${query({ symbol, limit })}`)) as { trades: Trade[] }).trades;
}

export async function fetchGaps(symbol: string): Promise<readonly Gap[]> {
  return ((await request(`/gaps?${query({ symbol })}`)) as { gaps: Gap[] }).gaps;
}

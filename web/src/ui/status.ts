// The strip and the pipeline's counters, from the status messages of the stream.

import type { Hello, StatusMessage, StreamState } from "../api/stream.js";
import { bytes, count, duration } from "../model/format.js";
import { isInterval, type Interval } from "../model/types.js";
import { byId, setFacts, setText, type Fact } from "./dom.js";

/** The part of the status that the page shows; everything may be absent. */
interface Status {
  readonly feed?: string;
  readonly label?: string;
  readonly simulated?: boolean;
  readonly clock?: string;
  readonly feed_time_ms?: number | null;
  readonly intervals?: readonly string[];
  readonly connection?: {
    readonly state?: string;
    readonly detail?: string;
    readonly epoch?: number;
    readonly last_frame_ms?: number | null;
    readonly lag_ms?: number | null;
  };
  readonly rates?: { readonly frames?: number; readonly trades?: number };
  readonly counters?: Readonly<Record<string, number>>;
  readonly log?: { readonly bytes?: number; readonly pending_bytes?: number; readonly error?: string };
  readonly store?: { readonly bytes?: number; readonly error?: string };
  readonly engine?: { readonly bytes?: number; readonly behind?: number };
}

const kWords: Readonly<Record<string, string>> = {
  idle: "not connected",
  connecting: "connecting",
  subscribing: "subscribing",
  live: "live",
  waiting: "waiting to reconnect",
  stopped: "stopped",
  refused: "refused",
  replaying: "replaying",
  ended: "recording ended",
};

export class StatusPanel {
  private status: Status = {};
  private offsetMs: number | null = null;
  private stream: StreamState = "connecting";
  private changed = true;
  intervals: readonly Interval[] = [];

  hello(message: Hello): void {
    this.status = { ...this.status, ...message };
    this.changed = true;
  }

  take(message: StatusMessage): void {
    this.status = message as Status;
    this.intervals = (this.status.intervals ?? []).filter(isInterval);
    const feedTime = this.status.feed_time_ms;
    this.offsetMs = feedTime ? feedTime - Date.now() : null;
    this.changed = true;
  }

  connection(state: StreamState): void {
    this.stream = state;
    this.changed = true;
  }

  /** The time of the feed: ours, or that of the recording being played. */
  feedNow(): number {
    return Date.now() + (this.status.clock === "feed" ? (this.offsetMs ?? 0) : 0);
  }

  draw(): void {
    if (!this.changed) return;
    this.changed = false;
    const { connection, simulated } = this.status;
    setText(byId("feed-label"), this.status.label ?? this.status.feed ?? "");
    byId("simulated").hidden = simulated !== true;
    const state = connection?.state ?? "";
    const lag = connection?.lag_ms;
    const words = kWords[state] ?? state;
    const text =
      this.stream !== "open"
        ? this.stream === "connecting"
          ? "connecting to Tapeline…"
          : "Tapeline is away; the chart shows what was last known"
        : `${words}${state === "live" && typeof lag === "number" ? ` ${(lag / 1000).toFixed(2)} s` : ""}${connection?.detail && state !== "live" ? ` – ${connection.detail}` : ""}`;
    setText(byId("feed-state"), text);
    document.body.dataset["feed"] =
      this.stream !== "open" ? "down" : state === "live" || state === "replaying" ? "live" : "waiting";
    setFacts(byId("counters"), this.facts());
  }

  private facts(): readonly Fact[] {
    const { connection, rates, counters = {}, log, store, engine } = this.status;
    const facts: Fact[] = [
      { name: "Trades per second", value: count(rates?.trades) },
      { name: "Frames per second", value: count(rates?.frames) },
      { name: "Connection epoch", value: count(connection?.epoch) },
    ];
    for (const [name, value] of Object.entries(counters)) {
      const wrong = value > 0 && /reject|undecodable|fenced|dropped/.test(name);
      const words = name.replaceAll("_", " ");
      facts.push({ name: words[0]?.toUpperCase() + words.slice(1), value: count(value), ...(wrong ? { class: "warn" as const } : {}) });
    }
    facts.push({ name: "Log", value: log?.error ? log.error : bytes(log?.bytes), ...(log?.error ? { class: "bad" as const } : {}) });
    facts.push({ name: "Store", value: store?.error ? store.error : bytes(store?.bytes), ...(store?.error ? { class: "bad" as const } : {}) });
    facts.push({ name: "Engine memory", value: bytes(engine?.bytes) });
    if (typeof connection?.last_frame_ms === "number")
      facts.push({ name: "Last frame", value: `${duration(Date.now() - connection.last_frame_ms)} ago` });
    return facts;
  }
}

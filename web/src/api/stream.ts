// The push stream: one WebSocket with subscriptions, made again whenever it ends. A subscription
// begins with a snapshot, so that after an interruption nothing is missing.

import type { Bar, Interval, Trade } from "../model/types.js";

export type Channel =
  | { readonly channel: "bars"; readonly symbol: string; readonly interval: Interval }
  | { readonly channel: "trades"; readonly symbol: string }
  | { readonly channel: "status" };

export interface Hello {
  readonly type: "hello";
  readonly feed: string;
  readonly simulated: boolean;
  readonly label: string;
}

export interface StatusMessage {
  readonly type: "status";
  readonly [field: string]: unknown;
}

export type StreamMessage =
  | Hello
  | StatusMessage
  | { readonly type: "snapshot"; readonly channel: "bars"; readonly symbol: string; readonly interval: Interval; readonly bars: readonly Bar[] }
  | { readonly type: "snapshot"; readonly channel: "trades"; readonly symbol: string; readonly trades: readonly Trade[] }
  | { readonly type: "bars"; readonly symbol: string; readonly interval: Interval; readonly bars: readonly Bar[] }
  | { readonly type: "trades"; readonly symbol: string; readonly trades: readonly Trade[]; readonly skipped?: number }
  | { readonly type: "subscribed" | "unsubscribed" }
  | { readonly type: "error"; readonly code: string; readonly message: string };

export type StreamState = "connecting" | "open" | "closed";

const kFirstDelayMs = 500;
const kDelayMsMax = 10_000;

export class Stream {
  private socket: WebSocket | null = null;
  private readonly wanted = new Map<string, Channel>();
  private delayMs = kFirstDelayMs;

  onMessage: (message: StreamMessage) => void = () => {};
  onState: (state: StreamState) => void = () => {};

  connect(): void {
    this.onState("connecting");
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/api/v1/stream`);
    this.socket = socket;
    socket.onopen = () => {
      this.delayMs = kFirstDelayMs;
      for (const channel of this.wanted.values()) this.send("subscribe", channel);
      this.onState("open");
    };
    socket.onmessage = (event: MessageEvent<string>) => this.onMessage(JSON.parse(event.data) as StreamMessage);
    socket.onclose = () => {
      this.socket = null;
      this.onState("closed");
      setTimeout(() => this.connect(), this.delayMs * (0.5 + Math.random() / 2));
      this.delayMs = Math.min(this.delayMs * 2, kDelayMsMax);
    };
  }

  subscribe(channel: Channel): void {
    this.wanted.set(JSON.stringify(channel), channel);
    this.send("subscribe", channel);
  }

  unsubscribe(channel: Channel): void {
    if (this.wanted.delete(JSON.stringify(channel))) this.send("unsubscribe", channel);
  }

  private send(op: "subscribe" | "unsubscribe", channel: Channel): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ op, ...channel }));
  }
}

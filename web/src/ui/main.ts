// Puts the page together: one stream, one view, drawn once an animation frame.

import { Stream, type StreamMessage } from "../api/stream.js";
import { clock, type Zone } from "../model/format.js";
import type { Interval } from "../model/types.js";
import { formatView, parseView, type View } from "../model/view.js";
import { readPalette } from "../render/palette.js";
import { byId, element, setText } from "./dom.js";
import { Stage } from "./stage.js";
import { StatusPanel } from "./status.js";
import { Tape } from "./tape.js";
import { WatchList } from "./watch.js";

const kSymbolsEveryMs = 5_000;
const kGapsEveryMs = 10_000;

const root = document.documentElement;
const stream = new Stream();

function storedTheme(): "dark" | "light" {
  const stored = localStorage.getItem("theme");
  if (stored === "dark" || stored === "light") return stored;
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}

root.dataset["theme"] = storedTheme();
let zone: Zone = localStorage.getItem("zone") === "utc" ? "utc" : "local";
let view: View = parseView(location.hash);
let intervals: readonly Interval[] = ["1s", "1m", "5m", "1h", "1d"];

const status = new StatusPanel();
const watch = new WatchList(stream, readPalette(root), () => status.feedNow());
const stage = new Stage(stream, readPalette(root));
const tape = new Tape(stream);

function show(next: View): void {
  view = next;
  if (location.hash !== formatView(view)) history.replaceState(null, "", formatView(view));
  drawIntervals();
  if (view.symbol === null) return;
  document.title = `${view.symbol} · Tapeline`;
  watch.select(view.symbol);
  stage.show(view.symbol, view.interval);
  tape.show(view.symbol);
}

function drawIntervals(): void {
  const group = byId("intervals");
  if (group.childElementCount !== intervals.length) {
    group.replaceChildren(
      ...intervals.map((interval, i) => {
        const button = element("button", { text: interval, title: `${interval} bars (${i + 1})` });
        button.type = "button";
        button.addEventListener("click", () => show({ ...view, interval }));
        return button;
      }),
    );
  }
  group.querySelectorAll("button").forEach((button) => {
    button.setAttribute("aria-pressed", String(button.textContent === view.interval));
  });
}

function setZone(next: Zone): void {
  zone = next;
  localStorage.setItem("zone", zone);
  stage.zone = zone;
  tape.zone = zone;
  setText(byId("zone"), zone === "utc" ? "UTC" : "local");
}

function toggleTheme(): void {
  const theme = root.dataset["theme"] === "dark" ? "light" : "dark";
  root.dataset["theme"] = theme;
  localStorage.setItem("theme", theme);
  const palette = readPalette(root);
  watch.setPalette(palette);
  stage.setPalette(palette);
}

function take(message: StreamMessage): void {
  switch (message.type) {
    case "hello":
      status.hello(message);
      break;
    case "status":
      status.take(message);
      if (status.intervals.length > 0 && status.intervals.join() !== intervals.join()) {
        intervals = status.intervals;
        if (!intervals.includes(view.interval)) show({ ...view, interval: intervals[0] ?? "1s" });
        else drawIntervals();
      }
      break;
    case "snapshot":
      if (message.channel === "trades") {
        tape.take(message.symbol, message.trades);
        break;
      }
      stage.takeBars(message.symbol, message.interval, message.bars);
      if (message.interval === "1m") watch.takeBars(message.symbol, message.bars, false);
      break;
    case "bars":
      stage.takeBars(message.symbol, message.interval, message.bars);
      if (message.interval === "1m") watch.takeBars(message.symbol, message.bars, true);
      break;
    case "trades":
      tape.take(message.symbol, message.trades);
      break;
    case "error":
      console.warn(`Tapeline: ${message.code}: ${message.message}`);
      break;
    case "subscribed":
    case "unsubscribed":
      break;
  }
}

function drawFrame(): void {
  watch.draw();
  stage.draw();
  tape.draw();
  status.draw();
  setText(byId("strip-clock"), `${clock(Date.now(), zone, false)} ${zone === "utc" ? "UTC" : ""}`);
  requestAnimationFrame(drawFrame);
}

function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target as HTMLElement;
  if (target.matches("input, textarea") || byId<HTMLDialogElement>("help").open) return;
  const digit = Number(event.key);
  const interval = intervals[digit - 1];
  if (interval !== undefined) show({ ...view, interval });
  else if (event.key === "/") byId("add-input").focus();
  else if (event.key === "ArrowUp") watch.step(-1);
  else if (event.key === "ArrowDown") watch.step(1);
  else if (event.key === "ArrowLeft") stage.walk(-1);
  else if (event.key === "ArrowRight") stage.walk(1);
  else if (event.key === "g" || event.key === "G") stage.nextGap();
  else if (event.key === "n" || event.key === "N") stage.now();
  else if (event.key === "z" || event.key === "Z") setZone(zone === "utc" ? "local" : "utc");
  else if (event.key === "t" || event.key === "T") toggleTheme();
  else if (event.key === "?") byId<HTMLDialogElement>("help").showModal();
  else return;
  event.preventDefault();
}

watch.onSelect = (symbol) => show({ ...view, symbol });
stream.onMessage = take;
stream.onState = (state) => {
  document.body.dataset["connection"] = state;
  status.connection(state);
  if (state === "open") void refreshSymbols();
};
addEventListener("keydown", onKey);
addEventListener("hashchange", () => show(parseView(location.hash)));
byId("theme").addEventListener("click", toggleTheme);
byId("zone").addEventListener("click", () => setZone(zone === "utc" ? "local" : "utc"));
byId("help-open").addEventListener("click", () => byId<HTMLDialogElement>("help").showModal());

async function refreshSymbols(): Promise<void> {
  try {
    await watch.refresh();
  } catch {
    // The strip tells that the program is away; the next round tries again.
  }
}

setZone(zone);
show(view);
stream.subscribe({ channel: "status" });
stream.connect();
setInterval(() => void refreshSymbols(), kSymbolsEveryMs);
setInterval(() => void stage.loadGaps(), kGapsEveryMs);
requestAnimationFrame(drawFrame);

"""Starts tapeline with a simulated market, interrupts it once, and takes the pictures of docs/screens."""

import pathlib
import tempfile
import time

import harness
from playwright.sync_api import sync_playwright

SCREENS = harness.ROOT / "docs" / "screens"
SYMBOLS = "BINANCE:BTCUSDT,BINANCE:ETHUSDT,AAPL,MSFT,NVDA,TSLA,AMZN,OANDA:EUR_USD"
# Seconds of market before the interruption, of the interruption, and after it.
BEFORE_S, AWAY_S, AFTER_S = 50, 6, 45


def start(tapeline, port):
    arguments = ["run", "--data-dir", tapeline.data, "--port", str(port), "--symbols", SYMBOLS]
    process = tapeline.start(*arguments, "--set", "simulate.rate=60")
    return process, process.wait_for(harness.LISTENING).group(1)


def take(browser, url, name, width, height, scheme, symbol="BINANCE:BTCUSDT", keys=()):
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{url}/#symbol={symbol}&interval=1s")
    page.wait_for_timeout(4_000)
    for key in keys:
        page.keyboard.press(key)
    page.wait_for_timeout(500)
    page.screenshot(path=SCREENS / f"{name}.png")
    context.close()
    print(f"docs/screens/{name}.png")


def main():
    SCREENS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        tapeline = harness.Tapeline(harness.find_binary(), pathlib.Path(folder))
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium")
        try:
            port = harness.free_port()
            process, url = start(tapeline, port)
            time.sleep(BEFORE_S)
            process.kill()
            time.sleep(AWAY_S)
            process, url = start(tapeline, port)
            time.sleep(AFTER_S)
            for scheme in ("dark", "light"):
                take(browser, url, f"dashboard-{scheme}", 1440, 900, scheme, keys=["ArrowLeft"])
                take(browser, url, f"dashboard-{scheme}-1024", 1024, 768, scheme)
                take(browser, url, f"dashboard-{scheme}-390", 390, 844, scheme)
            take(browser, url, "keys", 1440, 900, "dark", keys=["?"])
            context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
            page = context.new_page()
            page.goto(url)
            page.wait_for_timeout(3_000)
            process.kill()
            page.wait_for_timeout(1_500)
            page.screenshot(path=SCREENS / "away.png")
            print("docs/screens/away.png")
        finally:
            tapeline.stop_all()
            browser.close()


main()

"""The dashboard in Debian's Chromium, against a running tapeline with a simulated market."""

import re

import harness
import pytest
from playwright.sync_api import expect

PORT = "0"


def start(tapeline, *more):
    process = tapeline.start("run", "--data-dir", tapeline.data, "--port", PORT, *more)
    return process, process.wait_for(harness.LISTENING).group(1)


def newest(page):
    """Start, trade count and close of the chart's newest bar, as the page drew it."""
    return page.locator("#chart").get_attribute("data-newest")


def expect_marks(page, bars, gaps):
    """How many bars the chart drew faint, and how many gaps it hatched, when it painted last."""
    expect(page.locator("#chart")).to_have_attribute("data-gap-bars", bars, timeout=20_000)
    expect(page.locator("#chart")).to_have_attribute("data-gap-spans", gaps, timeout=20_000)


def wait_for_bars(page, count=1):
    harness.wait_until(
        lambda: int(page.locator("#chart").get_attribute("data-bars") or 0) >= count, "bars on the chart", 30
    )


def test_a_candle_moves(tapeline, page):
    _, url = start(tapeline)
    page.goto(url)
    wait_for_bars(page)
    seen = set()

    def moved():
        seen.add(newest(page))
        return len(seen) >= 3

    harness.wait_until(moved, lambda: f"a candle to move; seen {seen}", 30, pause=0.1)
    expect(page.locator("#feed-state")).to_contain_text("live")
    expect(page.locator("#chart-last")).to_have_text(re.compile(r"[\d,]+\.\d+"))
    assert page.errors == []


def test_simulated_data_is_labelled(tapeline, page):
    _, url = start(tapeline)
    page.goto(url)
    expect(page.locator("#simulated")).to_be_visible()
    expect(page.locator("#simulated")).to_have_text("simulated market – not real prices")


def test_symbols_and_intervals_are_chosen_and_stay_in_the_address(tapeline, page):
    _, url = start(tapeline, "--symbols", "AAPL,BINANCE:BTCUSDT")
    page.goto(url)
    page.locator("#watch-rows tr", has_text="BINANCE:BTCUSDT").click()
    expect(page.locator("#chart-symbol")).to_have_text("BINANCE:BTCUSDT")
    page.keyboard.press("2")
    expect(page.locator("#intervals button[aria-pressed=true]")).to_have_text("1m")
    assert page.url.endswith("#symbol=BINANCE%3ABTCUSDT&interval=1m")
    page.reload()
    expect(page.locator("#chart-symbol")).to_have_text("BINANCE:BTCUSDT")
    wait_for_bars(page)
    page.keyboard.press("ArrowUp")
    expect(page.locator("#chart-symbol")).to_have_text("AAPL")


def test_a_symbol_is_found_added_and_removed(tapeline, page):
    _, url = start(tapeline, "--symbols", "AAPL")
    page.goto(url)
    expect(page.locator("#watch-rows tr")).to_have_count(1)
    page.keyboard.press("/")
    page.keyboard.type("MSFT")
    page.locator("#add-results button", has_text="MSFT").first.click()
    expect(page.locator("#chart-symbol")).to_have_text("MSFT")
    wait_for_bars(page)
    page.get_by_role("button", name="Remove MSFT").click(force=True)
    expect(page.locator("#watch-rows tr")).to_have_count(1)


def test_it_says_so_when_the_program_is_away_and_catches_up_when_it_is_back(tapeline, page):
    port = harness.free_port()
    process = tapeline.start("run", "--data-dir", tapeline.data, "--port", str(port), "--symbols", "BINANCE:BTCUSDT")
    url = process.wait_for(harness.LISTENING).group(1)
    page.goto(url)
    wait_for_bars(page, 3)
    expect_marks(page, "0", "0")
    process.kill()
    expect(page.locator("body")).to_have_attribute("data-connection", re.compile("closed|connecting"))
    expect(page.locator("#feed-state")).to_contain_text(re.compile("away|connecting"))
    again = tapeline.start("run", "--data-dir", tapeline.data, "--port", str(port), "--symbols", "BINANCE:BTCUSDT")
    again.wait_for(harness.LISTENING)
    expect(page.locator("body")).to_have_attribute("data-connection", "open", timeout=20_000)
    expect(page.locator("#gaps")).to_contain_text("crash", timeout=20_000)
    before = newest(page)
    harness.wait_until(lambda: newest(page) != before, "the chart to go on", 30)
    expect_marks(page, re.compile("^[1-9]"), "1")


def test_a_bar_shows_what_it_is_made_of(tapeline, page):
    _, url = start(tapeline, "--symbols", "BINANCE:BTCUSDT")
    page.goto(url)
    wait_for_bars(page, 3)
    page.keyboard.press("ArrowLeft")
    facts = page.locator("#bar")
    expect(facts).to_be_visible()
    expect(facts).to_contain_text("Coverage")
    expect(facts).to_contain_text("Notional")


@pytest.mark.parametrize("width", [390, 1024])
def test_nothing_is_cut_off_on_small_screens(tapeline, page, width):
    _, url = start(tapeline)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(url)
    wait_for_bars(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_symbol_with_script_in_its_name_is_text(tapeline, page):
    _, url = start(tapeline)
    page.goto(f"{url}/#symbol=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&interval=1s")
    expect(page.locator("#chart-symbol")).to_have_text("<img src=x onerror=alert(1)>")
    assert page.locator("img").count() == 0

#!/usr/bin/env python3
"""Write a small recording with everything that is hard about real ones, from a seed.

    python3 tests/data/make_small.py > tests/data/small.csv            # the committed file
    python3 tests/data/make_small.py --rows 300000 --seed 7 > big.csv  # the same market, for longer

Crypto with eight decimals and prices of ten, forex as price updates only, a venue with updates and trades mixed, stocks
with the tape's conditions; bursts, a third of the rows or more in a millisecond they share, a tenth out of order (some
by minutes), rows repeated in full, trades on the edge of their window, five minutes of silence, midnight UTC inside.
"""

import argparse
import random
import sys

HEADER = "symbol,price,volume,trade_timestamp_ms,conditions"
START_MS = 1_723_160_910_000  # 2024-08-08 23:48:30 UTC
SILENCE_AFTER_MS, SILENCE_MS = 300_000, 300_000
STOCK_CONDITIONS = ["", "@", "@;I", "@;F", "@;F;I", "@;T", "@;F;T;I", "@;4;I", "@;U"]

# symbol, weight, first price, decimals of the price, decimals of the volume, share of updates, a stock
MARKET = [
    ("BINANCE:BTCUSDT", 40, 61_234.56, 2, 8, 0.0, False),
    ("BINANCE:ETHUSDT", 20, 2_680.01, 2, 4, 0.01, False),
    ("BINANCE:PEPEBTC", 6, 0.0000001234, 10, 0, 0.0, False),
    ("OANDA:EUR_USD", 12, 1.09213, 5, 0, 1.0, False),
    ("IC MARKETS:1", 6, 0.65912, 5, 2, 0.7, False),
    ("AAPL", 12, 213.31, 4, 0, 0.0, True),
    ("BRK.B", 4, 428.5, 2, 0, 0.0, True),
]


def decimal_text(value, decimals):
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def next_time(rng, time_ms):
    kind = rng.random()
    if kind < 0.55:
        return time_ms  # the same millisecond: a print cut into several
    if kind < 0.85:
        return time_ms + rng.randrange(1, 120)
    if kind < 0.99:
        return time_ms + rng.randrange(120, 1_600)
    return time_ms + rng.randrange(1_600, 9_000)


def on_an_edge(rng, time_ms):
    edge = (time_ms // 1_000 + 1) * 1_000
    return edge - rng.randrange(2)


def row_of(rng, market, prices, time_ms):
    symbol, _, _, price_decimals, volume_decimals, updates, stock = market
    prices[symbol] *= 1 + rng.gauss(0, 0.0004)
    price = max(prices[symbol], 10.0**-price_decimals)
    volume = (
        0.0 if rng.random() < updates else max(rng.expovariate(1) * 10 ** rng.randrange(-1, 3), 10.0**-volume_decimals)
    )
    conditions = rng.choice(STOCK_CONDITIONS) if stock else ""
    return (
        f"{symbol},{decimal_text(price, price_decimals)},{decimal_text(volume, volume_decimals)},{time_ms},{conditions}"
    )


def disordered(rng, rows):
    """A tenth of the rows arrives later than its place: most by a few rows, some by hundreds."""
    places = []
    for place, row in enumerate(rows):
        late = rng.random() < 0.14
        delay = (rng.randrange(2, 12) if rng.random() < 0.8 else rng.randrange(50, 700)) if late else 0
        places.append((place + delay, place, row))
    return [row for _, _, row in sorted(places)]


def rows_of(seed, count):
    rng = random.Random(seed)
    prices = {market[0]: market[2] for market in MARKET}
    weights = [market[1] for market in MARKET]
    rows, time_ms, silent = [], START_MS, False
    while len(rows) < count:
        time_ms = next_time(rng, time_ms)
        if not silent and time_ms > START_MS + SILENCE_AFTER_MS:
            time_ms, silent = time_ms + SILENCE_MS, True
        market = rng.choices(MARKET, weights)[0]
        print_ms = on_an_edge(rng, time_ms) if rng.random() < 0.01 else time_ms
        rows.append(row_of(rng, market, prices, print_ms))
        if rng.random() < 0.03:
            rows.append(rows[-1])
    return disordered(rng, rows[:count])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=20240808)
    options = parser.parse_args()
    sys.stdout.write("\n".join([HEADER, *rows_of(options.seed, options.rows)]) + "\n")


if __name__ == "__main__":
    main()

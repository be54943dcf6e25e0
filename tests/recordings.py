"""Finds the recorded market data that the tests replay; they are not part of the repository.

Looked for in the folder $TAPELINE_RECORDINGS, or else in `../shared/data` beside the repository. `python3
tests/recordings.py` prints what was found, or why nothing was, and exits with 1 when a recording is missing.
"""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
VARIABLE = "TAPELINE_RECORDINGS"

NAMES = (
    "bitflyer_btcjpy_20180121_20180128.csv.gz",
    "bitflyer_btcjpy_20180127_poll_order.csv.gz",
    "binance_spot_btc_eth_20240808.csv.gz",
    "binance_perp_btc_eth_20240808.csv.gz",
    "aapl_taq_20100507.csv.gz",
    "oanda_eurusd_20140502_20140508.csv.gz",
    "oanda_nzdusd_20140502_20140508.csv.gz",
    "oanda_xauusd_20140502_20140508.csv.gz",
)
FRAMES = "finnhub_ws_samples.jsonl"


def folder():
    chosen = os.environ.get(VARIABLE)
    return pathlib.Path(chosen) if chosen else ROOT.parent / "shared" / "data"


def find(name):
    """The path of a recording, or None."""
    path = folder() / name
    return path if path.is_file() else None


def why_missing(name):
    if not folder().is_dir():
        return f"no recordings: {folder()} is no folder; set {VARIABLE} to the folder that holds {name}"
    return f"no recording {name} in {folder()}; set {VARIABLE} to the folder that holds it"


def main():
    missing = [name for name in (*NAMES, FRAMES) if not find(name)]
    for name in (*NAMES, FRAMES):
        print(why_missing(name) if name in missing else f"found {folder() / name}")
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()

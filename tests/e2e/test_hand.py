"""The bars computed by hand, this time against the product."""

import harness
import pytest
from test_oracle import HEADER, PAGES, blocks_of, intervals_of


@pytest.mark.parametrize("settings", [{}, harness.SMALLEST], ids=["defaults", "cache 0, batch 1"])
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_product_agrees_with_the_hand(page, settings, make_tapeline, tmp_path, assert_same_bars):
    [expected] = blocks_of(page, "expected")
    intervals = intervals_of(expected)
    for number, text in enumerate(blocks_of(page, "input")):
        file = tmp_path / f"{number}.{'jsonl' if text.startswith('{') else 'csv'}"
        file.write_text(text, encoding="utf-8")
        instance = make_tapeline(f"instance-{number}", **settings)
        instance.replay(file, intervals=intervals)
        assert_same_bars(HEADER + expected, instance.export_bars(intervals))

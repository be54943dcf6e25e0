"""Numbers, texts and types at the edge of what is allowed, many of them: the export equals the oracle in every byte.

Two programs that share nothing agree on what each odd number means, and on which are refused.
"""

import pytest

ROWS = 20_000
FRAMES = 8_000
NOW_MS = 1_699_999_980_000
SYMBOLS = ("AAPL", "IC MARKETS:1", "BINANCE:XYUSDT", "")


def digits(rng, count):
    return "".join(rng.choice("0123456789") for _ in range(count))


def odd_number(rng):
    """Mostly a JSON number: many digits, ties, float noise, exponents, leading zeros, missing parts."""
    sign = rng.choice(["", "", "", "", "-"])
    whole = rng.choice(["0", str(rng.randrange(1, 10 ** rng.randrange(1, 20))), digits(rng, rng.randrange(4))])
    fraction = rng.choice(
        [
            "",
            "." + digits(rng, rng.randrange(9)),
            "." + digits(rng, rng.randrange(1, 25)),
            "." + "0" * rng.randrange(12) + digits(rng, 2),
            "." + digits(rng, 10) + "5" + "0" * rng.randrange(3),
            "." + digits(rng, 8) + "5",
            "." + digits(rng, 3) + "9" * 14,
        ]
    )
    exponent = rng.choice(
        [
            "",
            "",
            "",
            "",
            f"e{rng.randrange(-25, 25)}",
            f"E+{rng.randrange(9)}",
            f"e-0{rng.randrange(9)}",
            "e",
            "e123456",
        ]
    )
    return sign + whole + fraction + exponent


def plain_number(rng):
    return f"{rng.randrange(1, 10**6)}.{rng.randrange(10**4)}"


def number(rng):
    return odd_number(rng) if rng.random() < 0.7 else plain_number(rng)


def time(rng):
    odd = ["0", "-1", f"{NOW_MS}.5", "1e12", "01", "1516799999999999", "99999999999999999999", ""]
    return rng.choice(odd) if rng.random() < 0.1 else str(NOW_MS + rng.randrange(600_000))


def symbol(rng):
    return rng.choices(SYMBOLS, weights=(10, 5, 5, 1))[0]


def odd_row(rng):
    row = [symbol(rng), number(rng), number(rng), time(rng), rng.choice(["", "@;F;T;I", "X", "@;"])]
    if rng.random() < 0.02:
        row.pop()
    if rng.random() < 0.05:
        row = [f'"{field}"' for field in row]
    return ",".join(row)


OTHER_TYPES = ("null", '"1"', "[]", '{"a":1}', "true", "")


def odd_element(rng):
    if rng.random() < 0.03:
        return rng.choice(["5", "null", '"x"', "[1]", "{}"])
    fields = {"s": f'"{symbol(rng)}"', "p": number(rng), "t": time(rng), "v": number(rng)}
    if rng.random() < 0.7:
        fields["c"] = rng.choice(["null", "[]", '["1","12"]', '["1"]', "[1]", '"1"', '["1",null]'])
    if rng.random() < 0.1:
        fields[rng.choice("sptvx")] = rng.choice(OTHER_TYPES + ("5", r'"\u00e9"', r'"\ud800"'))
    keys = [key for key in fields if rng.random() > 0.01]
    rng.shuffle(keys)
    return "{" + ",".join(f'"{key}":{fields[key]}' for key in keys) + "}"


def odd_frame(rng):
    elements = ",".join(odd_element(rng) for _ in range(rng.choice([1, 1, 1, 2, 3])))
    members = [f'"data":[{elements}]', '"type":"trade"']
    rng.shuffle(members)
    frame = "{" + ",".join(members) + "}"
    if rng.random() < 0.05:
        place = rng.randrange(1, len(frame))
        frame = frame[:place] + rng.choice('{}[],:"0 \\') + frame[place + rng.randrange(2) :]
    return frame


def rows(rng):
    return ["symbol,price,volume,trade_timestamp_ms,conditions", *(odd_row(rng) for _ in range(ROWS))]


def frames(rng):
    return ['{"type":"ping"}', *(odd_frame(rng) for _ in range(FRAMES))]


@pytest.mark.parametrize(("name", "make"), [("odd.csv", rows), ("odd.jsonl", frames)])
def test_odd_input_means_to_both_the_same(name, make, rng, tapeline, tmp_path, oracle_of, assert_same_bars):
    file = tmp_path / name
    file.write_text("\n".join(make(rng)) + "\n", encoding="utf-8")
    tapeline.replay(file)
    expected = oracle_of(file)
    assert expected.count("\n") > 500, "too little of it is accepted to prove anything"
    assert_same_bars(expected, tapeline.export_bars())

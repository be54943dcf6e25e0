#!/usr/bin/env python3
"""Compare two exports of bars and print the differences as a table.

    python3 tests/oracle/compare.py EXPECTED ACTUAL [--limit 20]

Exit code 0: equal in every byte. 1: different. The table names the bar, the field and both values; a bar that only one
of them has is shown as such. Differences that are not in the values (order, quoting, line ends, header) are said too.
"""

import argparse
import csv
import io
import pathlib
import sys

KEY = ("symbol", "interval_ms", "start_ms")
LIMIT = 20


def rows_by_key(text, name):
    reader = csv.DictReader(io.StringIO(text, newline=""), restkey="beyond", restval="(nothing)")
    rows, doubled = {}, []
    missing = [field for field in KEY if field not in (reader.fieldnames or [])]
    if missing:
        return rows, [f"{name}: no column {', '.join(missing)} in its header: {text.splitlines()[:1]}"]
    for row in reader:
        key = tuple(row[field] for field in KEY)
        if key in rows:
            doubled.append(f"{name}: {' '.join(map(str, key))} occurs twice")
        rows[key] = row
    return rows, doubled


def differences(expected, actual):
    """(bar, field, expected, actual) of every difference in values, in the order of the expected file."""
    for key in [*expected, *(key for key in actual if key not in expected)]:
        if key not in actual:
            yield key, "(bar)", "present", "missing"
        elif key not in expected:
            yield key, "(bar)", "missing", "present"
        elif expected[key] != actual[key]:
            for field in dict.fromkeys([*expected[key], *actual[key]]):
                left, right = expected[key].get(field), actual[key].get(field)
                if left != right:
                    yield key, field, str(left), str(right)


def first_unequal_line(expected, actual):
    left, right = expected.splitlines(keepends=True), actual.splitlines(keepends=True)
    for number, (one, other) in enumerate(zip(left, right), start=1):
        if one != other:
            return f"line {number}: expected {one!r}, actual {other!r}"
    return f"expected {len(left)} lines, actual {len(right)}"


def table(lines):
    widths = [max(len(cell) for cell in column) for column in zip(*lines)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def compare(expected, actual, limit=LIMIT):
    """Empty text when both are equal in every byte, else a text that says where they differ."""
    if expected == actual:
        return ""
    left, left_problems = rows_by_key(expected, "expected")
    right, right_problems = rows_by_key(actual, "actual")
    found = list(differences(left, right))
    report = [f"{len(left)} bars expected, {len(right)} found, {len(found)} differences"]
    report += (left_problems + right_problems)[:limit]
    if found:
        lines = [("symbol", "interval_ms", "start_ms", "field", "expected", "actual")]
        lines += [(*map(str, key), field, one, other) for key, field, one, other in found[:limit]]
        report.append(table(lines))
    if len(found) > limit:
        report.append(f"... and {len(found) - limit} more")
    if not found:
        report.append(f"the values agree; {first_unequal_line(expected, actual)}")
    return "\n".join(report)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("expected", type=pathlib.Path)
    parser.add_argument("actual", type=pathlib.Path)
    parser.add_argument("--limit", type=int, default=LIMIT)
    options = parser.parse_args()
    texts = [path.read_bytes().decode("utf-8", "surrogateescape") for path in (options.expected, options.actual)]
    report = compare(*texts, options.limit)
    if report:
        print(report)
        sys.exit(1)


if __name__ == "__main__":
    main()

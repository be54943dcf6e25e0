"""The comparison must see every kind of difference: a blind one would make all the others pass."""

from compare import compare

HEADER = "symbol,interval_ms,start_ms,open,close\n"
A, B, C = "A,1000,0,1,2\n", "A,1000,1000,3,4\n", "B,1000,0,5,6\n"


def test_equal_bytes_give_no_report():
    assert compare(HEADER + A, HEADER + A) == ""


def test_a_wrong_field_is_named_with_both_values():
    report = compare(HEADER + A + B, HEADER + A + "A,1000,1000,3,40\n")
    assert "1 differences" in report
    assert report.splitlines()[-1].split() == ["A", "1000", "1000", "close", "4", "40"]


def test_a_missing_and_an_additional_bar_are_named():
    report = compare(HEADER + A + B, HEADER + A + C)
    assert "A       1000         1000      (bar)  present   missing" in report
    assert "B       1000         0         (bar)  missing   present" in report


def test_order_line_ends_and_missing_newline_are_differences():
    assert "the values agree; line 2" in compare(HEADER + A + B, HEADER + B + A)
    assert "the values agree; line 2" in compare(HEADER + A, HEADER + A.replace("\n", "\r\n"))
    assert "the values agree; line 2" in compare(HEADER + A, HEADER + A.rstrip("\n"))


def test_doubled_bars_and_foreign_files_are_named():
    assert "occurs twice" in compare(HEADER + A, HEADER + A + A)
    assert "no column symbol" in compare(HEADER + A, "error: no such directory\n")


def test_the_table_ends_at_its_limit():
    rows = "".join(f"A,1000,{start},1,2\n" for start in range(30))
    report = compare(HEADER + rows, HEADER, limit=20)
    assert len(report.splitlines()) == 1 + 1 + 20 + 1
    assert report.endswith("... and 10 more")

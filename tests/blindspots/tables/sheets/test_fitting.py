"""Tables that are wider than the terminal: no column is lost, none stands without its row's name."""

from hypothesis import given
from hypothesis import strategies as st

from blindspots.tables.sheet import Sheet
from blindspots.tables.sheets.fitting import BETWEEN, fitted, widths

WORDS = st.text("abc ", min_size=1, max_size=12).filter(lambda text: text == text.strip())


@st.composite
def sheets(draw: st.DrawFn) -> Sheet:
    count = draw(st.integers(2, 8))
    heads = draw(st.lists(st.one_of(WORDS, st.just("paper")), min_size=count, max_size=count))
    rows = draw(st.lists(st.lists(WORDS, min_size=count, max_size=count), min_size=1, max_size=3))
    return Sheet("title", tuple(heads), tuple(map(tuple, rows)), ("note",))


def across(sheet: Sheet) -> int:
    return sum(widths(sheet)) + BETWEEN * (len(sheet.columns) - 1)


@given(sheets(), st.integers(10, 60))
def test_every_column_is_there_once_and_in_its_place(sheet: Sheet, width: int) -> None:
    parts = fitted(sheet, width)
    heads = [" ".join(head.split()) for part in parts for head in part.columns[1:]]
    assert heads == [" ".join(head.split()) for head in sheet.columns[1:]]
    for at, row in enumerate(sheet.rows):
        assert [cell for part in parts for cell in part.rows[at][1:]] == list(row[1:])
        assert {part.rows[at][0] for part in parts} == {row[0]}
    assert [part.notes for part in parts] == [()] * (len(parts) - 1) + [("note",)]


@given(sheets(), st.integers(10, 60))
def test_no_part_is_wider_but_where_one_column_is(sheet: Sheet, width: int) -> None:
    for part in fitted(sheet, width):
        beside = [head for head in part.columns[2:] if head != "paper"]
        assert across(part) <= width or not beside


@given(sheets())
def test_what_fits_stays_as_it_is(sheet: Sheet) -> None:
    assert fitted(sheet, None) == fitted(sheet, across(sheet)) == [sheet]


def test_the_paper_s_value_stays_beside_ours_and_heads_are_broken() -> None:
    sheet = Sheet("", ("model", "test error %", "paper", "to exact"), (("a", "1.5", "1.6", "1.0001"),))
    assert across(sheet) == 36
    first, second = fitted(sheet, 21)
    assert first.columns == ("model", "test\nerror\n%", "paper")
    assert second.columns == ("model", "to\nexact")
    assert across(first) <= 21

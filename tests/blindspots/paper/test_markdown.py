"""README's list of slips is the one in code."""

from pathlib import Path

import pytest

from blindspots.errors import InputError
from blindspots.paper.markdown import BEGIN, END, main, slip_item, slip_list, with_slips
from blindspots.paper.slips import SLIPS, Slip

README = Path(__file__).parents[3] / "README.md"


def test_readme_has_the_list_as_it_is_made() -> None:
    page = README.read_text(encoding="utf-8")
    assert with_slips(page) == page, f"run: {BEGIN.partition('made by ')[2].removesuffix(' -->')}"


def test_an_item_is_one_line_in_which_no_bracket_is_taken_for_html() -> None:
    item = slip_item(Slip("grid", "how fine", "Not said.", "As fine as models.<name>.grid."))
    assert item == "- **grid**: how fine. Not said. *Here:* As fine as models.\\<name>.grid."
    assert slip_list().count("\n") == len(SLIPS) + 1


def test_only_what_is_between_the_marks_changes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{BEGIN}\n- an older list\n{END}\n\nafter\n", encoding="utf-8")
    main(str(page))
    assert page.read_text(encoding="utf-8") == f"before\n\n{slip_list()}\n\nafter\n"


@pytest.mark.parametrize("page", ["", BEGIN, f"{BEGIN}{END}{END}"])
def test_a_page_without_one_pair_of_marks_is_refused(page: str) -> None:
    with pytest.raises(InputError, match="one pair of marks"):
        with_slips(page)

"""What a process keeps for the next job."""

from blindspots.jobs.kept import Kept


def ask(kept: Kept[str], key: str, made: list[str], *, size: int = 4, group: str = "") -> str:
    def make() -> str:
        made.append(key)
        return key.upper()

    return kept.get(key, make, size=lambda _: size, group=group or key)


def test_what_is_there_is_not_made_again() -> None:
    kept, made = Kept[str](10), list[str]()
    assert [ask(kept, key, made) for key in "abba"] == ["A", "B", "B", "A"]
    assert made == ["a", "b"]


def test_what_was_not_asked_for_the_longest_goes_first() -> None:
    kept, made = Kept[str](10), list[str]()
    for key in "abacab":
        ask(kept, key, made)
    assert "".join(made) == "abcb"


def test_only_what_is_too_much_goes() -> None:
    kept, made = Kept[str](10), list[str]()
    for key, size in (("a", 3), ("b", 3), ("c", 6), ("b", 3), ("c", 6)):
        ask(kept, key, made, size=size)
    assert "".join(made) == "abc"


def test_a_round_through_more_than_fits_finds_what_fits() -> None:
    kept, made = Kept[str](10), list[str]()
    ask(kept, "x", made, size=9)
    for _ in range(3):
        for key in "abc":
            ask(kept, key, made, group="one")
    assert "".join(made) == "xabccc"
    ask(kept, "y", made, size=9)  # of another group, for which this one goes
    ask(kept, "y", made, size=9)
    ask(kept, "a", made, group="one")
    assert "".join(made) == "xabcccya"


def test_a_single_value_that_is_too_large_is_kept_alone() -> None:
    kept, made = Kept[str](10), list[str]()
    for key, size in (("a", 4), ("b", 40), ("b", 40), ("a", 4), ("b", 40)):
        ask(kept, key, made, size=size)
    assert "".join(made) == "abab"

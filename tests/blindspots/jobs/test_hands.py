from blindspots.jobs.hands import OwnHands


def test_ones_own_hands_do_the_parts_in_order_and_no_sooner_than_asked() -> None:
    done: list[int] = []

    def double(part: int) -> int:
        done.append(part)
        return 2 * part

    results = iter(OwnHands().map(double, [3, 1, 2]))
    assert done == []
    assert next(results) == 6
    assert done == [3]
    assert list(results) == [2, 4]

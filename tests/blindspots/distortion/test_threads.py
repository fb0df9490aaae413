"""Parts of a batch in threads: all done, whatever fails, and nothing depends on how many threads there are."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from blindspots import minimum_distortion
from blindspots.distortion.threads import in_threads, one_by_one


@pytest.fixture
def three_threads():
    """Let torch use three threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_threads_change_nothing(sigmoid, many):
    images, labels = many(1300, 8)
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            found.append(minimum_distortion(sigmoid.model, images, labels))
            assert torch.get_num_threads() == count
            with ThreadPoolExecutor(1) as later:  # nor for threads that are yet to start
                assert later.submit(torch.get_num_threads).result() == count
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(found[0].images, found[1].images)
    assert torch.equal(found[0].backwards, found[1].backwards)


@pytest.mark.parametrize("each", [one_by_one, in_threads])
def test_every_part_is_done(three_threads, each):
    result = torch.zeros(20)

    def work(part):
        result[part] += 1

    each(work, torch.arange(20).split(3))
    assert result.tolist() == [1] * 20


def test_a_part_computes_with_one_thread_and_what_it_raises_is_raised(three_threads):
    def work(part):
        if int(part[0]) == 2:
            raise KeyError(f"{torch.get_num_threads()} thread")

    with pytest.raises(KeyError, match="1 thread"):
        in_threads(work, torch.arange(4).split(1))
    assert torch.get_num_threads() == 3

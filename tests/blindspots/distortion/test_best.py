"""The nearest points found so far, and the counters of work."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from blindspots.distortion.best import Best, Spent


def nothing(count):
    return Best.none(torch.rand(count, 2), torch.zeros(count, dtype=torch.int64))


def offered(best, image, size):
    """Offer points that say from which offer they are; return the offers held."""
    image, size = torch.tensor(image), torch.tensor(size)
    point = torch.arange(len(image), dtype=torch.float32)[:, None].expand(-1, 2)
    best.offer(image, point, size=size, target=torch.arange(len(image)))


@given(offers=st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.1, 0.2, 0.3, float("inf")])), max_size=12))
def test_of_several_offers_the_first_of_the_least_is_held(offers):
    best = nothing(4)
    rows = best.point.clone()
    if offers:
        offered(best, *map(list, zip(*offers, strict=True)))
    for image in range(4):
        own = [(size, place) for place, (of, size) in enumerate(offers) if of == image and size < float("inf")]
        if not own:
            assert best.size[image] == torch.inf
            assert torch.equal(best.point[image], rows[image])
            continue
        size, place = min(own)
        assert best.size[image] == torch.tensor(size)
        assert best.target[image] == place
        assert best.point[image].tolist() == [place, place]


def test_what_is_held_stays_until_less_is_offered():
    best = nothing(2)
    offered(best, [0, 1], [0.5, 0.5])
    offered(best, [1, 0], [0.4, 0.5])
    assert best.size.tolist() == [0.5, torch.tensor(0.4).item()]
    assert best.point[:, 0].tolist() == [0, 0]


def test_kernels_see_the_same_memory():
    best = nothing(3)
    best.arrays().size[1] = 7
    assert best.size[1] == 7


def test_work_is_counted_as_often_as_an_image_stands_there():
    spent = Spent.none(4, torch.device("cpu"))
    spent.add(torch.tensor([1, 1, 3]), iterations=2, backwards=1)
    assert spent.iterations.tolist() == [0, 4, 0, 2]
    assert spent.forwards.tolist() == [0, 0, 0, 0]
    assert spent.backwards.tolist() == [0, 2, 0, 1]
    spent.include(torch.tensor([3, 0]), Spent(*(torch.tensor([10, 20]) for _ in range(3))))
    assert spent.iterations.tolist() == [20, 4, 0, 12]

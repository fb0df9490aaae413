import pytest
import torch

from blindspots import InputError
from blindspots.distortion.criteria import random_targets


def test_are_the_same_in_every_order_and_shard():
    labels = torch.arange(300) % 10
    ids = torch.arange(300) * 7
    whole = random_targets(labels, 10, seed=1, examples=ids, split="train")
    order = torch.randperm(300, generator=torch.Generator().manual_seed(0))
    assert torch.equal(random_targets(labels[order], 10, seed=1, examples=ids[order], split="train"), whole[order])
    parts = [
        random_targets(labels[part], 10, seed=1, examples=ids[part].numpy(), split="train")
        for part in torch.arange(300).split(37)
    ]
    assert torch.equal(torch.cat(parts), whole)
    assert whole.dtype == torch.int64


def test_depend_on_seed_and_split():
    labels = torch.zeros(100, dtype=torch.int64)
    one = random_targets(labels, 10, seed=1, examples=range(100), split="train")
    assert not torch.equal(one, random_targets(labels, 10, seed=2, examples=range(100), split="train"))
    assert not torch.equal(one, random_targets(labels, 10, seed=1, examples=range(100), split="test"))


def test_are_uniform_over_the_other_classes():
    labels = torch.arange(9000) % 10
    targets = random_targets(labels, 10, seed=0, examples=range(9000))
    steps = (targets - labels) % 10
    counts = torch.bincount(steps, minlength=10)
    assert counts[0] == 0
    assert (counts[1:] - 1000).abs().max() < 130  # more than four standard deviations
    assert torch.equal(random_targets(labels, 2 * 5, seed=0, examples=range(9000)), targets)
    two = random_targets(labels % 2, 2, seed=0, examples=range(9000))
    assert torch.equal(two, 1 - labels % 2)


def test_bad_input():
    labels = torch.tensor([0, 1])
    with pytest.raises(InputError, match="only 1 class"):
        random_targets(labels, 1, seed=0, examples=[0, 1])
    with pytest.raises(InputError, match=r"give one id an image, \(2,\)"):
        random_targets(labels, 3, seed=0, examples=[0, 1, 2])
    with pytest.raises(InputError, match="-1 is negative"):
        random_targets(labels, 3, seed=0, examples=[0, -1])
    with pytest.raises(InputError, match="the label of image 1 is 10; it must be from 0 to 9"):
        random_targets(torch.tensor([0, 10]), 10, seed=0, examples=[0, 1])

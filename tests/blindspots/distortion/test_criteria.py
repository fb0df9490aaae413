"""The rules as objects, and the classes that the random rule draws."""

import pytest
import torch

from blindspots import InputError
from blindspots.distortion import AnyOther, Towards, random_targets
from blindspots.distortion.criteria import criterion

LOGITS = torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0], [1.0, 2.0, 3.0]])
LABELS = torch.tensor([0, 1, 0])  # the last is misread


def ruled(rule):
    return criterion(rule, LABELS, logits=LOGITS, seed=2, examples=[4, 5, 6], split="train")


def test_nearest_is_any_class_but_the_label():
    wanted = ruled("nearest")
    assert isinstance(wanted, AnyOther)
    assert torch.equal(wanted.wanted(3), torch.tensor([[0, 1, 1], [1, 0, 1], [0, 1, 1]]).bool())
    assert wanted.reached(torch.tensor([0, 2, 1])).tolist() == [False, True, True]
    assert wanted.target(torch.tensor([0, 2, 1])).tolist() == [0, 2, 1]
    assert not wanted.own.any()
    assert wanted.take(torch.tensor([1])).labels.tolist() == [1]


@pytest.mark.parametrize(
    ("rule", "targets"),
    [("second", [2, 2, 2]), ("class-1", [1, 1, 1]), (1, [1, 1, 1]), (torch.tensor([1, 0, 2]), [1, 0, 2])],
)
def test_a_target_rule_is_one_class_an_image(rule, targets):
    wanted = ruled(rule)
    assert isinstance(wanted, Towards)
    assert wanted.targets.tolist() == targets
    assert wanted.own.tolist() == [target == label for target, label in zip(targets, LABELS.tolist(), strict=True)]
    assert torch.equal(wanted.wanted(3), torch.nn.functional.one_hot(torch.tensor(targets), 3).bool())
    read = torch.tensor(targets)
    assert torch.equal(wanted.reached(read), ~wanted.own)
    assert wanted.target(LABELS).tolist() == targets
    assert wanted.take(torch.tensor([2, 0])).targets.tolist() == [targets[2], targets[0]]


def test_random_is_drawn_for_each_example():
    assert torch.equal(ruled("random").targets, random_targets(LABELS, 3, seed=2, examples=[4, 5, 6], split="train"))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("furthest", "no rule is called 'furthest'; give one of nearest, second, random, class-<number>"),
        ("class-01", "no rule is called 'class-01'"),
        ("class-3", "the class 3 is not one of the model's; it must be from 0 to 2"),
        pytest.param(
            "class-" + "9" * 5000, "the class 999999999999999999... of 5000 digits is not one of the model's", id="huge"
        ),
        (True, "no rule is called True"),
        (torch.tensor([0, 0, 1]), "the target of image 0 is its label, 0"),
    ],
)
def test_rules_there_are_none_of(rule, message):
    with pytest.raises(InputError, match=message):
        ruled(rule)


def test_random_targets_are_the_same_in_every_order_and_shard():
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


def test_random_targets_depend_on_seed_and_split():
    labels = torch.zeros(100, dtype=torch.int64)
    one = random_targets(labels, 10, seed=1, examples=range(100), split="train")
    assert not torch.equal(one, random_targets(labels, 10, seed=2, examples=range(100), split="train"))
    assert not torch.equal(one, random_targets(labels, 10, seed=1, examples=range(100), split="test"))


def test_random_targets_are_uniform_over_the_other_classes():
    labels = torch.arange(9000) % 10
    targets = random_targets(labels, 10, seed=0, examples=range(9000))
    steps = (targets - labels) % 10
    counts = torch.bincount(steps, minlength=10)
    assert counts[0] == 0
    assert (counts[1:] - 1000).abs().max() < 130  # more than four standard deviations
    assert torch.equal(random_targets(labels, 2 * 5, seed=0, examples=range(9000)), targets)
    two = random_targets(labels % 2, 2, seed=0, examples=range(9000))
    assert torch.equal(two, 1 - labels % 2)


def test_random_targets_bad_input():
    labels = torch.tensor([0, 1])
    with pytest.raises(InputError, match="only 1 class"):
        random_targets(labels, 1, seed=0, examples=[0, 1])
    with pytest.raises(InputError, match=r"give one id an image, \(2,\)"):
        random_targets(labels, 3, seed=0, examples=[0, 1, 2])
    with pytest.raises(InputError, match="the number of classes is '4'; give an integer from 2"):
        random_targets(labels, "4", seed=0, examples=[0, 1])
    with pytest.raises(InputError, match="-1 is negative"):
        random_targets(labels, 3, seed=0, examples=[0, -1])
    with pytest.raises(InputError, match="the label of image 1 is 10; it must be from 0 to 9"):
        random_targets(torch.tensor([0, 10]), 10, seed=0, examples=[0, 1])

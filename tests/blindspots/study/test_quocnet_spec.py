"""What a study says of a QuocNet."""

import pytest

from blindspots.errors import InputError
from blindspots.study.file import load_study
from blindspots.study.quocnet_size import SIZES
from blindspots.study.quocnet_spec import QuocNetSpec


def test_it_is_set_where_there_was_none() -> None:
    assert load_study("quick").quocnet is None
    study = load_study("quick", ["quocnet.size=quocnet-64", "quocnet.tiles=[2,1]"])
    assert study.quocnet == QuocNetSpec(size="quocnet-64", tiles=(2, 1))
    assert study.quocnet.shape == SIZES["quocnet-64"]
    own = load_study("quick", ["quocnet.size={height: 8, channels: 1, fields: [4], strides: [1], pool: 2}"])
    assert own.quocnet is not None
    assert own.quocnet.shape.shapes[0].places == (5, 5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("quocnet.size=quocnet-12", "quocnet"),
        ("quocnet.tiles=[10,1]", r"tiles = \[10, 1\]: stage 1 has 9 places each way; name no more"),
        ("quocnet.replicas=101", "replicas = 101: a minibatch has 100 inputs; name no more"),
        ("quocnet.replicas=0", "replicas"),
        ("quocnet.steps=10", "steps"),
        ("quocnet.filters=3", "no such field; the fields of quocnet are size, images"),
    ],
)
def test_what_cannot_be_is_refused(change: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_study("quick", [change])

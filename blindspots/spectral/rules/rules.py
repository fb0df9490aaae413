"""How far a layer of any kind can spread two inputs apart (section 4.3): one rule a kind, and none for the unknown."""

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import nn
from torch.nn.utils import parametrize

from blindspots.arguments import of_numpy_too
from blindspots.registry import load_extensions
from blindspots.spectral.matrix.bound import Bound, NoRuleError
from blindspots.spectral.rules.activations import ACTIVATIONS
from blindspots.spectral.rules.averaging import AVERAGING
from blindspots.spectral.rules.layer_inputs import checked_shape, own_code
from blindspots.spectral.rules.normalisation import NORMALISATION
from blindspots.spectral.rules.pooling import POOLING
from blindspots.spectral.rules.rearranging import REARRANGING
from blindspots.spectral.rules.response_normalisation import RESPONSE_NORMALISATION
from blindspots.spectral.rules.softmax import SOFTMAX
from blindspots.spectral.rules.unbounded import why_unbounded
from blindspots.spectral.rules.upsampling import UPSAMPLING
from blindspots.spectral.rules.weighted import WEIGHTED

Rule = Callable[[Any, tuple[int, ...]], Bound]
"""What bounds a layer of one kind in evaluation mode, for inputs of the shape given, the batch left out."""


def _called(kind: type[nn.Module]) -> str:
    return kind.__qualname__ if kind.__module__.startswith("torch.nn.") else f"{kind.__module__}.{kind.__qualname__}"


class Rules(Mapping[type[nn.Module], Rule]):
    """The rule of each kind of layer, by its class; a subclass is a kind of its own."""

    def __init__(self, *tables: Mapping[type[nn.Module], Rule]) -> None:
        """Put together tables that have no kind in common."""
        self._rules: dict[type[nn.Module], Rule] = {}
        for table in tables:
            for kind, rule in table.items():
                self.add(kind, rule)

    def add(self, kind: type[nn.Module], rule: Rule) -> Rule:
        """Have layers of the class ``kind`` bounded by ``rule``, in this process: all that a layer of your own takes.

        ``rule(layer, input_shape)`` returns a :class:`Bound` of how far a layer spreads two inputs apart, and raises
        :class:`NoRuleError` where nothing bounds it and InputError for a shape that it doesn't take::

            RULES.add(Halving, lambda layer, input_shape: Bound(0.5, 0.5, "half of the input"))

        A graph's walk then takes the layer for one, and does not look inside. So that workers know the rule too, add it
        in a module that your package offers as an entry point (:mod:`blindspots.registry`). Raises TypeError for what
        is no class of modules, ValueError where the kind has another rule.
        """
        if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
            raise TypeError(f"a rule is for a class of torch.nn.Module, and {kind!r} is none")
        if self._rules.get(kind, rule) is not rule:
            raise ValueError(f"there is a rule for {_called(kind)} already")
        self._rules[kind] = rule
        return rule

    def remove(self, kind: type[nn.Module]) -> None:
        """Take a rule out again, as tests do."""
        del self._rules[kind]

    def __getitem__(self, kind: type[nn.Module]) -> Rule:
        load_extensions()
        return self._rules[kind]

    def __iter__(self) -> Iterator[type[nn.Module]]:
        load_extensions()
        return iter(tuple(self._rules))

    def __len__(self) -> int:
        load_extensions()
        return len(self._rules)


RULES = Rules(
    ACTIVATIONS,
    AVERAGING,
    NORMALISATION,
    POOLING,
    REARRANGING,
    RESPONSE_NORMALISATION,
    SOFTMAX,
    UPSAMPLING,
    WEIGHTED,
)
"""Every rule there is; :meth:`Rules.add` takes more."""


@of_numpy_too
def layer_bound(layer: nn.Module, input_shape: tuple[int, ...]) -> Bound:
    """Return bounds of the least L such that ``|layer(x) - layer(y)| <= L |x - y|`` for all x and y.

    ``input_shape``: of one input, without the batch, such as (64, 27, 27); the norms are Euclidean over the whole of
    it. The layer is taken in evaluation mode, whatever mode it is in, as the function that its stored numbers define
    over the reals: what rounding adds when it is evaluated is not counted. Weights that are computed from others
    (:mod:`torch.nn.utils.parametrize`) are taken as evaluation mode computes them. The layer is left as it was.

    Raises :class:`NoRuleError` for a kind of layer that has no rule (a subclass is a kind of its own), a layer with
    hooks or a forward pass of its own, or numbers with which no constant exists; InputError for an input that the layer
    doesn't take and for numbers that aren't finite.
    """
    shape = checked_shape(input_shape)
    kind = type(layer)
    if parametrize.is_parametrized(layer):
        kind = parametrize.type_before_parametrizations(layer)
    rule = RULES.get(kind)
    if rule is None:
        if known := why_unbounded(layer):
            raise NoRuleError(known)
        raise NoRuleError(f"{_called(kind)} has no rule: how far it can spread two inputs apart is unknown")
    if own := own_code(layer):
        raise NoRuleError(f"{_called(kind)} {own}")
    return rule(_plain(layer, kind), shape)


def _plain(layer: nn.Module, kind: type[nn.Module]) -> nn.Module:
    """Return ``layer``, or where its weights are parametrised a copy of it in evaluation mode, of its original class.

    A copy, because some (torch's spectral norm) change their own buffers when they are read in training mode; and not
    by torch's own removal, which changes the class that a copy shares with the layer.
    """
    if type(layer) is kind:
        return layer
    evaluated = copy.deepcopy(layer).eval()
    computed = {name for name, _ in evaluated.get_submodule("parametrizations").named_children()}
    result = kind.__new__(kind)
    result.__dict__ = {
        **vars(evaluated),
        "_buffers": {**evaluated._buffers, **{name: getattr(evaluated, name).detach() for name in computed}},
        "_modules": {name: part for name, part in evaluated._modules.items() if name != "parametrizations"},
    }
    return result

"""What the paper's text claims of section 4.2's sets, each as something that is measured."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations
from math import nan

import numpy as np

from blindspots.intervals import overlap
from blindspots.names import NO_RULE, noise_name
from blindspots.paper.published import SHOWN, Published
from blindspots.results.results import Results
from blindspots.study.model_spec import ModelSpec
from blindspots.study.study import Study
from blindspots.tables.agreement import DECIDES
from blindspots.tables.cells import Cell, Rate, Transfer, mean_rate
from blindspots.tables.distortions import distortions, set_split
from blindspots.tables.rows import models_of, reader_name

FIGURE_7 = Published.of("51", SHOWN)
"""Share of the noisy images of Figure 7 that are still read correctly."""
_NOISE_OF_FIGURE_7 = 1.0


@dataclass(frozen=True)
class Claim:
    """One claim with its number; all in shares of 1."""

    text: str
    """What the paper says, in our words."""
    measured: str
    """What the number is."""
    value: float
    low: float
    high: float
    """Wilson's 95% interval, over the images of one set: sets of several models are of the same images."""
    n: int
    beside: float
    """What it is held against; NaN where it stands alone."""
    beside_what: str
    holds: bool
    """Whether the claim holds, by the interval."""


def rule_of(study: Study) -> str:
    """Return the rule of the sets that claims are of: a study's random ones, or its first where it has none."""
    return DECIDES if DECIDES in study.sets.rules else study.sets.rules[0]


def claims(results: Results) -> Iterator[Claim]:
    """Yield the claims that a study can speak of, of sets of the rule :func:`rule_of` it."""
    said = _Claims(results)
    yield from said.always()
    yield from said.transfer()
    yield from said.noise()
    yield from said.autoencoder()
    yield from said.amplification()
    yield from said.figure_7()


class _Claims:
    def __init__(self, results: Results) -> None:
        self._results, self._study = results, results.study
        self._transfer = Transfer(results)
        self._rule = rule_of(self._study)
        self._on_all, self._on_halves = models_of(1, self._study), models_of(3, self._study)

    def always(self) -> Iterator[Claim]:
        """Close examples are always found."""
        found = []
        for spec in self._study.models:
            split = set_split(self._study, spec)
            made = distortions(self._results, spec.name, split=split, rule=self._rule)
            found.append((made.success, made.images, reader_name(spec)))
        least, n, name = min(found)
        rate = Rate(least * n, n, nan)
        text, measured = "for every network and image there is a close example", "images with one, of"
        yield _claim(text, f"{measured} {name}, the least of {len(found)}", rate, nan, "", holds=least == 1)

    def transfer(self) -> Iterator[Claim]:
        """Networks that differ misread the same examples: by what they differ in."""
        ways: tuple[tuple[str, tuple[ModelSpec, ...], Callable[[ModelSpec, ModelSpec], bool]], ...] = (
            ("regularisation", self._on_all, _other_decay),
            ("layers or units", self._on_all, lambda one, other: one.layers != other.layers),
            ("initial weights", self._on_all, _other_start),
            ("training images", self._on_halves, lambda one, other: one.split != other.split),
        )
        for what, specs, differ in ways:
            pairs = [(one, other) for one, other in permutations(specs, 2) if differ(one, other)]
            if pairs:
                cells = [self._cell(*pair) for pair in pairs]
                clean = float(np.mean([cell.clean.rate for cell in cells]))
                misread = _mean([cell.misread for cell in cells])
                yield _claim(
                    f"many examples are misread by networks with other {what}",
                    f"misread, {_pairs(len(pairs))}",
                    misread,
                    clean,
                    "the same images as they are",
                    holds=misread.interval[0] > clean,
                )

    def noise(self) -> Iterator[Claim]:
        """Noise of the same size, or larger, is misread less."""
        sizes, pairs = [], []
        for source in self._on_all:
            split = set_split(self._study, source)
            size = distortions(self._results, source.name, split=split, rule=self._rule).mean
            larger = [stddev for stddev in sorted(self._study.sets.noise) if stddev >= size]
            if larger:
                sizes.append((source, split, noise_name(larger[0], False)))
        pairs = [(source, split, noise, other) for source, split, noise in sizes for other in self._on_all]
        pairs = [each for each in pairs if each[0] is not each[3]]
        if pairs:
            misread = _mean([self._cell(source, other).misread for source, _, _, other in pairs])
            noisy = [self._transfer.rate(name, other.name, split=on, rule=NO_RULE) for _, on, name, other in pairs]
            of_noise = float(np.mean([each.rate for each in noisy]))
            yield _claim(
                "they are misread more than noise of that size",
                f"misread, {_pairs(len(pairs))}",
                misread,
                of_noise,
                "noise at least as strong",
                holds=misread.interval[0] > of_noise,
            )

    def autoencoder(self) -> Iterator[Claim]:
        """The autoencoder is the hardest to fool by others' examples."""
        coded = [spec for spec in self._on_all if spec.network == "autoencoder"]
        hidden = [spec for spec in self._on_all if spec.hidden and spec.paper and spec not in coded]
        linear = [spec for spec in self._on_all if not spec.hidden and spec.network != "convolutional"]
        if len(coded) == 1 and hidden and linear:
            means = {spec.name: _mean([self._cell(one, spec).misread for one in linear]) for spec in (*coded, *hidden)}
            others = min(means[spec.name].rate for spec in hidden)
            yield _claim(
                "the autoencoder resists others' examples most",
                f"misread by {reader_name(coded[0])}, of {len(linear)} linear models",
                means[coded[0].name],
                others,
                f"the least of {len(hidden)} other networks with hidden layers",
                holds=means[coded[0].name].interval[1] < others,
            )

    def amplification(self) -> Iterator[Claim]:
        """What does not transfer at the least distortion does so farther along."""
        pairs = list(permutations(self._on_halves, 2))
        if pairs and set_split(self._study, self._on_halves[0]) in self._study.sets.amplified_splits:
            plain, more = (
                _mean([self._cell(*pair, variant=variant).misread for pair in pairs])
                for variant in ("plain", "amplified")
            )
            yield _claim(
                f"amplified to {self._study.sets.amplified_to:g}, most are misread by other networks too",
                f"misread, {_pairs(len(pairs))}",
                more,
                plain.rate,
                "the same as they were made",
                holds=more.interval[0] > 0.5,
            )

    def figure_7(self) -> Iterator[Claim]:
        """Half of the images are read through strong noise."""
        if _NOISE_OF_FIGURE_7 in self._study.sets.noise:
            for spec in (each for each in self._on_all if each.name in ("fc10-1e-4", "fc200-200-10")):
                split, noise = set_split(self._study, spec), noise_name(_NOISE_OF_FIGURE_7, False)
                wrong = self._transfer.rate(noise, spec.name, split=split, rule=NO_RULE)
                right = Rate(wrong.n - wrong.count, wrong.n, wrong.spread)
                yield _claim(
                    "half of the images are read through noise of standard deviation 1",
                    f"read correctly by {reader_name(spec)}",
                    right,
                    FIGURE_7.rate,
                    f"the paper, of {FIGURE_7.n} images as is supposed",
                    holds=overlap(right.interval, (FIGURE_7.low, FIGURE_7.high)) == 1,
                )

    def _cell(self, source: ModelSpec, target: ModelSpec, *, variant: str = "plain") -> Cell:
        split = set_split(self._study, source)
        return self._transfer.cell(source.name, target.name, split=split, rule=self._rule, variant=variant)


def _claim(text: str, measured: str, rate: Rate, beside: float, beside_what: str, *, holds: bool) -> Claim:
    low, high = rate.interval
    return Claim(text, measured, rate.rate, low, high, rate.n, beside, beside_what, holds)


def _mean(rates: list[Rate]) -> Rate:
    """Return the mean of rates, over the images of one: sets of several models are of the same images."""
    return mean_rate([rate.count for rate in rates], [rate.n for rate in rates])


def _pairs(count: int) -> str:
    return f"mean over {count} pairs of networks" if count > 1 else "one pair of networks"


def _other_decay(one: ModelSpec, other: ModelSpec) -> bool:
    return one.layers == other.layers and one.decay != other.decay


def _other_start(one: ModelSpec, other: ModelSpec) -> bool:
    return one.layers == other.layers and one.decay == other.decay and one.initial != other.initial

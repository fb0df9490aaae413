"""The stages of a study: the jobs of one kind, in the order in which each reads what the one before left in the store.

Anyone may add one, before the tables, which are drawn last::

    STAGES.insert(Stage("sizes", "measure every image's size", size_jobs), before=TABLES)
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from blindspots.jobs.job import Job
from blindspots.jobs.stages.adversarial_sets import adversarial_sets
from blindspots.jobs.stages.bounds import bounds
from blindspots.jobs.stages.certificates import certificates
from blindspots.jobs.stages.features.detectors import detectors
from blindspots.jobs.stages.features.quocnet import quocnet_stages
from blindspots.jobs.stages.hardening.pooled_trainings import trainings
from blindspots.jobs.stages.hardening.reasons import pool_reasons
from blindspots.jobs.stages.hardening.results import hardening_results
from blindspots.jobs.stages.negatives import negatives
from blindspots.jobs.stages.pairs import pairs
from blindspots.jobs.stages.reference_sets import noise_sets
from blindspots.jobs.stages.tables import table_jobs
from blindspots.jobs.stages.units import units
from blindspots.registry import Registry
from blindspots.study.study import Study


@dataclass(frozen=True)
class Stage:
    """An entry: what a stage is called, what it does, and its jobs."""

    name: str
    does: str
    """In one sentence, for the form of its flow: what it does to the study's models or sets."""
    jobs: Callable[[Study, tuple[Job, ...]], Iterable[Job]]
    """The stage's jobs of a study, given those of the stages before."""


TRAIN, POOLS, GENERATE, TRANSFER, NEGATIVES, BOUNDS, UNITS, QUOCNET, DETECTORS, TABLES = (
    *("train", "pools", "generate", "transfer", "negatives", "bounds", "units", "quocnet", "detectors", "tables"),
)

STAGES: Registry[Stage] = Registry(
    "stage",
    Stage(TRAIN, "Train every model of the study.", lambda study, _: trainings(study)),
    Stage(
        POOLS,
        "See what pools of adversarial examples, and what else hardens a network, did to its errors and distortions.",
        lambda study, _: (*hardening_results(study), *pool_reasons(study)),
    ),
    Stage(
        GENERATE,
        "Make every adversarial and reference set of the study.",
        lambda study, _: (*adversarial_sets(study), *noise_sets(study)),
    ),
    Stage(TRANSFER, "Show every set to every model.", lambda study, _: pairs(study)),
    Stage(
        NEGATIVES,
        "Show every model images moved in random directions, at multiples of their least distortions.",
        lambda study, _: negatives(study),
    ),
    Stage(
        BOUNDS,
        "Bound how far every layer of every model can spread two inputs apart.",
        lambda study, _: (*bounds(study), *certificates(study)),
    ),
    Stage(
        UNITS,
        "Hold the units of every layer against random directions: what each answers to most, and how alike that is.",
        lambda study, _: units(study),
    ),
    Stage(
        QUOCNET,
        "Train the study's QuocNet, stage by stage and without labels.",
        lambda study, _: quocnet_stages(study),
    ),
    Stage(
        DETECTORS,
        "Train a linear detector on frozen features, and move pictures until it misses them (Figure 6).",
        lambda study, _: detectors(study),
    ),
    Stage(TABLES, "Draw the tables out of the store and publish them as artifacts.", table_jobs),
)
"""The stages, in order."""

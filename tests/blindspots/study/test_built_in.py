"""The studies that come with the package: the paper's networks, and contents that jobs are known by."""

import pytest
import yaml

from blindspots.detectors.extractors import extractor_names
from blindspots.figures import FIGURES
from blindspots.identity import identity
from blindspots.jobs.expansion import expand
from blindspots.study.built_in import BUILT_IN, QUICK
from blindspots.study.file import load_study, validate_study
from blindspots.study.study import Study


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_studies_survive_being_written_down(name: str) -> None:
    study = load_study(name)
    assert Study.model_validate_json(study.model_dump_json()) == study
    assert validate_study(yaml.safe_load(yaml.safe_dump(study.model_dump(mode="json")))) == study


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("quick", "058997c15e17baf0162558bc30f13136c1a8f98e3457a0f2bec688286b158e71"),
        ("mnist", "6d206f8b5a2ed320844539462b94937f85a18b338e84225524f834c38a96af37"),
        ("paper", "01439041d2997342a442b874c5d7a35ea1d1dd9edfb3b547bac2ba6a6503c712"),
        ("penalty", "f55d468c18cfaf5ae4b3a04421a03761c97be3c3845561d1048eeeaf7dd214cd"),
    ],
)
def test_a_new_kind_of_field_leaves_the_studies_what_they_were(name: str, known: str) -> None:
    """Jobs are known by hashes of such contents: what was made before a field was there is to be found done."""
    with_biases = [f"models.{spec.name}.biases=true" for spec in load_study(name).models if not spec.biases]
    assert identity(study=load_study(name, with_biases).model_dump(mode="json")) == known


def test_the_paper_s_softmax_models_have_no_biases() -> None:
    """Nothing is said of it; with free biases their errors and distortions at the strongest decay are others."""
    for name in ("quick", "mnist", "paper"):
        without = [spec.name for spec in load_study(name).models if not spec.biases]
        assert without == ["fc10-1e-4", "fc10-1e-2", "fc10-1"]


def test_the_paper_s_networks_and_decays() -> None:
    theirs = {spec.paper: (spec.hidden, spec.decay) for spec in QUICK.models if spec.paper and spec.split == "train"}
    assert theirs == {
        "FC10(1e-4)": ((), (1e-4,)),
        "FC10(1e-2)": ((), (1e-2,)),
        "FC10(1)": ((), (1.0,)),
        "FC100-100-10": ((100, 100), (1e-5, 1e-5, 1e-6)),
        "FC200-200-10": ((200, 200), (1e-5, 1e-5, 1e-6)),
        "AE400-10": ((400,), (1e-6,)),
    }
    halves = [(spec.name, spec.split, spec.hidden) for spec in QUICK.models if spec.split != "train"]
    assert halves == [
        ("fc100-100-10-p1", "p1", (100, 100)),
        ("fc123-456-10-p1", "p1", (123, 456)),
        ("fc100-100-10-p2", "p2", (100, 100)),
    ]


def test_imagenet_asks_for_a_detector_on_the_features_of_what_a_run_is_given() -> None:
    study = load_study("imagenet")
    lites = ("efficientnet-lite0", "efficientnet-lite1")
    assert extractor_names(study) == ("pixels", *lites)
    whole = load_study("imagenet", ["bounds.alexnet=a.pth", "quocnet.size=quocnet-mini"])
    assert extractor_names(whole) == (
        "pixels",
        "quocnet",
        *lites,
        "alexnet",
    )  # the last is Figure 6, where one is asked
    assert {job.key: set(job.inputs) for job in expand(whole) if job.stage == "detectors"} == {
        "detectors/pixels": set(),
        "detectors/quocnet": {"quocnet/stage-1"},
        **{f"detectors/{name}": {f"models/{name}/seed-0"} for name in lites},
        "detectors/alexnet": set(),
    }
    assert not FIGURES["6"].lacks(study)
    assert len(set(study.detector.positive)) == 44  # of the thousand classes, by number
    assert load_study("imagenet", ["detector=null"]).detector is None

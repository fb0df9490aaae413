"""Tests mirror the packages: a module ``a/b.py`` with logic has its tests in ``tests/a/test_b.py``, or stands here."""

from pathlib import Path

import pytest

from tests.house import parsed
from tests.mirror import alone, has_logic, without_test, wrong_entries

HOUSE = Path(__file__).parents[1]

COVERED = {
    f"{folder}/{name}.py": test
    for folder, names, test in (
        # both AlexNets in one table
        ("blindspots/networks", "alexnet_2012", "tests/blindspots/networks/test_alexnet.py"),
        # one table of cases for all methods, networks and rules; both paths of the search against each other
        ("blindspots/distortion", "attempt refinement", "tests/blindspots/distortion/test_conformance.py"),
        (
            "blindspots/distortion/lbfgs",
            "fused_lbfgs fused_proposal torch_lbfgs",
            "tests/blindspots/distortion/test_paths.py",
        ),
        (
            "blindspots/distortion/projection",
            "fused_polyhedron fused_projection projection torch_projection",
            "tests/blindspots/distortion/test_paths.py",
        ),
        (
            "blindspots/distortion/projection",
            "fused_sweeps",
            "tests/blindspots/distortion/projection/test_polyhedron.py",
        ),
        ("blindspots/training", "sparse_inputs", "tests/blindspots/training/test_inputs.py"),
        # a whole training with pools
        (
            "blindspots/training/hardening",
            "parts pool refreshing",
            "tests/blindspots/training/hardening/test_mixture.py",
        ),
        # the parts of a table, a figure and a page, in what is drawn of a store written by hand
        (
            "blindspots/tables",
            "cells distortions rows",
            "tests/blindspots/tables/test_model_tables.py",
        ),
        (
            "blindspots/tables/sheets",
            "model transfer",
            "tests/blindspots/tables/sheets/test_formats.py",
        ),
        ("blindspots/tables", "verdict", "tests/blindspots/tables/test_agreement.py"),
        (
            "blindspots/tables/repetition",
            "cells papers sheet",
            "tests/blindspots/tables/repetition/test_table.py",
        ),
        ("blindspots/tables/table5", "layers", "tests/blindspots/tables/table5/test_table.py"),
        ("blindspots/tables/sheets", "bounds", "tests/blindspots/tables/test_bounds.py"),
        ("blindspots/tables/sheets", "negatives", "tests/blindspots/tables/test_negatives.py"),
        ("blindspots/tables/sheets", "penalty", "tests/blindspots/tables/test_penalty.py"),
        ("blindspots/tables/sheets", "table5", "tests/blindspots/tables/table5/test_table.py"),
        ("blindspots/tables/answers", "rendering sheet", "tests/blindspots/tables/answers/test_files.py"),
        # every answer beside a plain computation, and what cannot be asked
        (
            "blindspots/results/queries",
            "agreement answers choice classes distances extremes fooling stored_set",
            "tests/blindspots/results/queries/test_asking.py",
        ),
        ("blindspots/figures", "model_spectra palette transfer", "tests/blindspots/figures/test_drawing.py"),
        ("blindspots/report", "blocks closing_sections pictures", "tests/blindspots/report/test_page.py"),
        ("blindspots/report", "figure_sections", "tests/blindspots/report/test_build.py"),
        # whole studies: what is done again after what change, every kind of job, the content of each
        ("blindspots/jobs", "expansion job run workspace", "tests/blindspots/jobs/test_reuse.py"),
        ("blindspots/jobs", "file_bounds", "tests/flows/test_bounds.py"),
        (
            "blindspots/jobs/stages",
            "beginnings dataset_job",
            "tests/blindspots/jobs/test_all_kinds.py",
        ),
        ("blindspots/jobs/stages", "unit_comparison", "tests/blindspots/jobs/stages/test_units.py"),
        ("blindspots/jobs/stages", "given_models", "tests/blindspots/jobs/test_given_model.py"),
        ("blindspots/jobs/hardening", "work", "tests/blindspots/jobs/hardening/test_refresher.py"),
        (
            "blindspots/jobs/stages/hardening",
            "pooled_trainings",
            "tests/blindspots/jobs/hardening/test_stored.py",
        ),
        ("blindspots/tables/hardening", "reasons table", "tests/blindspots/jobs/stages/hardening/test_results.py"),
        ("blindspots/tables/sheets", "pools", "tests/blindspots/jobs/stages/hardening/test_results.py"),
        ("blindspots/figures/hardening", "pools", "tests/blindspots/jobs/stages/hardening/test_results.py"),
        # a QuocNet's stages, whole and killed
        (
            "blindspots/jobs/quocnet",
            "inputs parts replicas work",
            "tests/blindspots/jobs/stages/features/test_quocnet.py",
        ),
        ("blindspots/training/layerwise", "stored", "tests/blindspots/jobs/stages/features/test_quocnet.py"),
        # runs in processes of their own, with a real server and Ray
        ("tasks", "run_job", "tests/flows/test_distributed.py"),
        ("tasks/actors", "worker", "tests/flows/test_distributed.py"),
        ("flows", "order session study", "tests/flows/test_distributed.py"),
        ("flows", "serve", "tests/flows/test_serving.py"),
        ("flows", "options", "tests/flows/test_printing.py"),
        ("flows/operating", "tally", "tests/flows/test_progress_bars.py"),
        ("flows/commands", "drawn state", "tests/flows/test_cli.py"),
    )
    for name in names.split()
}
"""What covers a module without a test of its own."""


def test_every_module_with_logic_has_a_test() -> None:
    assert without_test(HOUSE, COVERED) == []


def test_every_entry_is_needed_and_true() -> None:
    assert wrong_entries(HOUSE, COVERED) == []


@pytest.mark.parametrize(
    ("text", "logic"),
    [
        ("x = 1\nCONSTANTS = {'a': 2}", False),
        ("class Spec:\n    field: int = 1", False),
        ("class Seam:\n    def call(self) -> int:\n        '''Return it.'''\n        ...", False),
        ("class Point:\n    @property\n    def double(self):\n        return 2 * self.x", True),
        ("def f():\n    '''Do it.'''\n    return 1", True),
        ("async def f():\n    await g()", True),
    ],
)
def test_what_is_logic(tmp_path: Path, text: str, logic: bool) -> None:
    (tmp_path / "a.py").write_text(text)
    assert has_logic(parsed(tmp_path / "a.py")) is logic


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A house with five modules, one of them tested under its name, one without logic."""
    logic = "def f():\n    return 1\n"
    files = {
        **dict.fromkeys(("blindspots/a.py", "blindspots/b/c.py", "blindspots/b/d.py"), logic),
        "blindspots/b/e.py": f"def late():\n    from blindspots.b.d import f\n{logic}",
        "blindspots/constants.py": "x = 1",
        "tests/blindspots/test_a.py": "from blindspots.a import f",
        "tests/blindspots/test_b.py": "def test():\n    from blindspots.b.e import f",
        "tests/conftest.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_rule_sees_a_module_without_a_test(house: Path) -> None:
    assert alone(house) == ["blindspots/b/c.py", "blindspots/b/d.py", "blindspots/b/e.py"]
    assert without_test(house, {"blindspots/b/c.py": ""}) == ["blindspots/b/d.py", "blindspots/b/e.py"]


@pytest.mark.parametrize(
    ("module", "test", "wrong"),
    [
        ("d", "tests/blindspots/test_b.py", []),
        ("z", "tests/blindspots/test_b.py", ["blindspots/b/z.py is not there, or needs no entry"]),
        ("with_a_test", "tests/blindspots/test_b.py", ["blindspots/b/with_a_test.py is not there, or needs no entry"]),
        (
            "d",
            "tests/blindspots/test_c.py",
            ["tests/blindspots/test_c.py, which is to cover blindspots/b/d.py, is not there"],
        ),
        ("c", "tests/blindspots/test_b.py", ["tests/blindspots/test_b.py does not reach blindspots/b/c.py"]),
    ],
)
def test_the_rule_sees_wrong_entries(house: Path, module: str, test: str, wrong: list[str]) -> None:
    (house / "blindspots/b/with_a_test.py").write_text("def f():\n    return 1\n")
    (house / "tests/blindspots/b").mkdir()
    (house / "tests/blindspots/b/test_with_a_test.py").touch()
    assert wrong_entries(house, {f"blindspots/b/{module}.py": test}) == wrong


def test_what_a_conftest_imports_is_reached(house: Path) -> None:
    (house / "tests" / "conftest.py").write_text("from blindspots.b import c")
    assert wrong_entries(house, {"blindspots/b/c.py": "tests/blindspots/test_a.py"}) == []

"""A table, a figure and a stage from outside, in the words of CONTRIBUTING.md: an installed package offers them."""

import json
import re
from pathlib import Path

import pytest

from blindspots.store import layout
from tests.flows.conftest import HOUSE, Call, CommandLine, one_after_another
from tests.stores import rewrite_study


@pytest.fixture
def extended(environment: dict[str, str], server: str, tmp_path: Path) -> CommandLine:
    """The command line where a package is installed that holds CONTRIBUTING's three examples."""
    text = (HOUSE / "CONTRIBUTING.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text.partition("## From outside")[2], flags=re.M | re.S)
    examples = [block for block in blocks if re.search(r"^(TABLES|FIGURES|STAGES)\.(add|insert)\(", block, flags=re.M)]
    assert len(examples) == 3
    site = tmp_path / "site"
    about = site / "my_package-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    points = re.search(r'^ +\[project\.entry-points\."(.*?)"\]\n +(\w+) = "(.*?)"$', text, flags=re.M)
    assert points is not None
    group, name, module = points.groups()
    (about / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}\n")
    folder, _, file = module.rpartition(".")
    (site / folder).mkdir()
    (site / folder / "__init__.py").touch()
    (site / folder / f"{file}.py").write_text("\n\n".join(examples))
    path = f"{site}:{environment['PYTHONPATH']}" if "PYTHONPATH" in environment else str(site)
    return CommandLine({**environment, "PREFECT_API_URL": server, "PYTHONPATH": path})


@pytest.mark.xdist_group("deployments")
def test_what_a_package_offers_is_known_everywhere(
    extended: CommandLine, study_file: str, root: Path, tmp_path: Path, mnist: object
) -> None:
    read = ("--root", str(root))
    commands = [("table", "--help"), ("figure", "--help"), ("status", *read)]
    table_help, figure_help, status = one_after_another(commands, environment=extended.environment)
    assert "classes" in table_help
    assert "classes" in figure_help
    assert re.search(r"^norms +2 +0 +2", status, flags=re.M)

    outcome = extended.run(study_file, root, "--workers", "1")
    assert {"norms/fc10/seed-0", "norms/fc20-10/seed-0", "tables/classes"} <= set(outcome["ran"])
    assert not any(key.startswith(("models", "sets", "transfer")) for key in outcome["ran"])
    assert "least distortions by class" in outcome["tables"]["classes"]["attributes"]["title"]

    commands = [
        ("table", "classes", *read, "--json"),
        ("figure", "classes", *read, "-o", str(tmp_path / "classes.png")),
        ("report", *read, "-o", str(tmp_path / "report.html")),
    ]
    first = "from flows.study import norms; assert norms.description == 'Measure the weights of every model.'"
    table, drawn, _ = one_after_another(commands, first=first, environment=extended.environment)
    records = json.loads(table)["records"]
    assert {record["model"] for record in records} == {"fc10", "fc20-10"}
    assert all(record["distortion"] is None or record["distortion"] > 0 for record in records)
    assert drawn.strip() == str(tmp_path / "classes.png")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("Which digits are nearest to a boundary") >= 2  # the table's section and the figure's
    assert "Bars of the mean least distortion, a group a class, a bar a model." in page


def test_a_root_with_a_stage_that_is_not_known_is_refused_on_one_line(call: Call, study_file: str, root: Path) -> None:
    stages = json.loads((root / layout.STUDY).read_text())["stages"]
    rewrite_study(root, stages=[*stages, "norms"])
    for arguments in (("run", study_file), ("status",), ("verify",)):
        said = call.refusal(*arguments, "--root", str(root))
        assert "was run with the stage norms, which is not known here; install what brings it" in said
